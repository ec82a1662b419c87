/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume/csi_messages.h"

#include "reference/base/mem.h"

#define END {.number = 0}
#define MESSAGE(name, ...)                                                                         \
    static const struct proto_field name##_fields[] = {__VA_ARGS__};                               \
    static const struct proto_message name = {name##_fields}
#define STRING(number, name) {number, name, PROTO_STRING, false, NULL, NULL}
#define STRINGS(number, name) {number, name, PROTO_STRING, true, NULL, NULL}
#define MAP(number, name) {number, name, PROTO_STRING_MAP, false, NULL, NULL}
#define BOOL(number, name) {number, name, PROTO_BOOL, false, NULL, NULL}
#define ENUM(number, name, names) {number, name, PROTO_ENUM, false, NULL, names}
#define INNER(number, name, message) {number, name, PROTO_MESSAGE, false, &(message), NULL}
#define INNERS(number, name, message) {number, name, PROTO_MESSAGE, true, &(message), NULL}

static const char *const access_modes[] = {"UNKNOWN", "SINGLE_NODE_WRITER",
    "SINGLE_NODE_READER_ONLY", "MULTI_NODE_READER_ONLY", "MULTI_NODE_SINGLE_WRITER",
    "MULTI_NODE_MULTI_WRITER", "SINGLE_NODE_SINGLE_WRITER", "SINGLE_NODE_MULTI_WRITER", NULL};
static const char *const node_capabilities[] = {"UNKNOWN", "STAGE_UNSTAGE_VOLUME",
    "GET_VOLUME_STATS", "EXPAND_VOLUME", "VOLUME_CONDITION", "SINGLE_NODE_MULTI_WRITER",
    "VOLUME_MOUNT_GROUP", NULL};

MESSAGE(empty, END);
MESSAGE(mount_volume, STRING(1, "fs_type"), STRINGS(2, "mount_flags"),
    STRING(3, "volume_mount_group"), END);
MESSAGE(access_mode, ENUM(1, "mode", access_modes), END);
MESSAGE(volume_capability, INNER(1, "block", empty), INNER(2, "mount", mount_volume),
    INNER(3, "access_mode", access_mode), END);

MESSAGE(bool_value, BOOL(1, "value"), END);
MESSAGE(probe_response, INNER(1, "ready", bool_value), END);
MESSAGE(capability_rpc, ENUM(1, "type", node_capabilities), END);
MESSAGE(node_capability, INNER(1, "rpc", capability_rpc), END);
MESSAGE(capabilities_response, INNERS(1, "capabilities", node_capability), END);

MESSAGE(stage_request, STRING(1, "volume_id"), MAP(2, "publish_context"),
    STRING(3, "staging_target_path"), INNER(4, "volume_capability", volume_capability),
    MAP(5, "secrets"), MAP(6, "volume_context"), END);
MESSAGE(publish_request, STRING(1, "volume_id"), MAP(2, "publish_context"),
    STRING(3, "staging_target_path"), STRING(4, "target_path"),
    INNER(5, "volume_capability", volume_capability), BOOL(6, "readonly"), MAP(7, "secrets"),
    MAP(8, "volume_context"), END);
MESSAGE(unpublish_request, STRING(1, "volume_id"), STRING(2, "target_path"), END);
MESSAGE(unstage_request, STRING(1, "volume_id"), STRING(2, "staging_target_path"), END);

static const struct csi_method methods[] = {
    {"Identity", "Probe", &empty, &probe_response},
    {"Node", "NodeGetCapabilities", &empty, &capabilities_response},
    {"Node", "NodeStageVolume", &stage_request, &empty},
    {"Node", "NodePublishVolume", &publish_request, &empty},
    {"Node", "NodeUnpublishVolume", &unpublish_request, &empty},
    {"Node", "NodeUnstageVolume", &unstage_request, &empty},
};

const struct csi_method *csi_method_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        if (str_equal(methods[i].name, name))
            return &methods[i];
    }
    return NULL;
}

const struct csi_method *csi_method_at(const char *path, unsigned *ret_version)
{
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        for (*ret_version = 0; *ret_version <= 1; ++*ret_version) {
            _cleanup_free_ char *expected = csi_method_path(&methods[i], *ret_version);

            if (str_equal(expected, path))
                return &methods[i];
        }
    }
    return NULL;
}

char *csi_method_path(const struct csi_method *method, unsigned version)
{
    return str_printf("/csi.v%u.%s/%s", version, method->service, method->name);
}
