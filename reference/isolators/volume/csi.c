/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume/csi: volumes of CSI plugins (isolators.md 10). The node service of a plugin stages a
 * volume, if it can, and publishes it at a target below the work directory, which containers bind.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/volume/csi_plugin.h"
#include "reference/isolators/volume/plugin_volumes.h"

struct volume_csi {
    struct plugin_volumes base;
    char *configs;
    char *root;        /* of targets: <root>/<plugin>/<volume id>/{staging,target} */
    uint64_t timeout_ns; /* of a call */
    struct list calls;   /* struct csi_call */
};

/* How a call fails before the plugin was asked to change anything. */
#define UNTOUCHED (-ENOTCONN)

enum csi_step { STEP_CAPABILITIES, STEP_FIRST, STEP_SECOND, STEP_END };

/* One volume published, or unpublished: three calls of its plugin. */
struct csi_call {
    struct list node;
    struct volume_csi *csi;
    struct done done;
    struct csi_session *session;
    json_t *message;
    char *directory; /* of its targets */
    char *id;
    bool publishing;
    bool stages; /* the plugin can */
    enum csi_step step;
};

static const char *const publish_steps[STEP_END] = {
    "NodeGetCapabilities", "NodeStageVolume", "NodePublishVolume"};
static const char *const unpublish_steps[STEP_END] = {
    "NodeGetCapabilities", "NodeUnpublishVolume", "NodeUnstageVolume"};

static const json_t *provisioning(const json_t *message)
{
    return json_object_get(message, "static_provisioning");
}

/* --- the calls --- */

static void call_end(struct csi_call *call, int result, const struct err *err)
{
    _cleanup_free_ char *target = str_printf("%s/target", call->directory);
    struct done done = call->done;

    list_remove(&call->node);
    csi_session_end(call->session);
    json_decref(call->message);
    free(call->directory);
    free(call->id);
    free(call);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, target);
}

/* Secrets are texts: {name: text} of {name: Secret}. Others than VALUE need a resolver, which is a
 * module. */
static int secrets_add(
    json_t *request, const json_t *message, const char *field, struct err *err)
{
    json_t *secrets = json_object();
    json_t *secret;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(provisioning(message), field), name,
        secret) {
        json_t *data = json_object_get(json_object_get(secret, "value"), "data");

        if (!json_is_string(data)) {
            json_decref(secrets);
            return err_set(err, -ENOTSUP,
                "csi_volume.static_provisioning.%s: \"%s\": only VALUE secrets can be resolved "
                "without a resolver module",
                field, name);
        }
        json_object_set(secrets, name, data);
    }
    json_object_set_new(request, "secrets", secrets);
    return 0;
}

/* The request that the step needs; a new reference in any case. */
static int request_make(const struct csi_call *call, json_t **ret_request, struct err *err)
{
    static const char *const copied[] = {"volume_capability", "volume_context"};
    const json_t *given = provisioning(call->message);
    _cleanup_free_ char *staging = str_printf("%s/staging", call->directory);
    _cleanup_free_ char *target = str_printf("%s/target", call->directory);
    const bool first = call->step == STEP_FIRST;
    json_t *request = json_object();

    *ret_request = request;
    if (call->step == STEP_CAPABILITIES)
        return 0;
    json_object_set_new(request, "volume_id", json_string(call->id));
    if (call->stages && (call->publishing || !first))
        json_object_set_new(request, "staging_target_path", json_string(staging));
    if (call->publishing ? !first : first)
        json_object_set_new(request, "target_path", json_string(target));
    if (!call->publishing)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
        if (json_object_get(given, copied[i]))
            json_object_set(request, copied[i], json_object_get(given, copied[i]));
    }
    if (!first)
        json_object_set_new(
            request, "readonly", json_boolean(json_is_true(json_object_get(given, "readonly"))));
    return secrets_add(
        request, call->message, first ? "node_stage_secrets" : "node_publish_secrets", err);
}

/* The directories of a volume are there while its plugin may have done something with it. */
static int directories_make(const struct csi_call *call, struct err *err)
{
    _cleanup_free_ char *staging = str_printf("%s/staging", call->directory);

    return host_mkdir(call->csi->base.base.host, staging, 0755, true, err);
}

static int step_start(struct csi_call *call, struct err *err)
{
    const char *const *steps = call->publishing ? publish_steps : unpublish_steps;
    json_t *request;
    int r = request_make(call, &request, err);

    if (r == 0 && call->publishing && call->step != STEP_CAPABILITIES)
        r = directories_make(call, err);
    if (r == 0)
        r = csi_session_call(call->session, steps[call->step], request, err);
    json_decref(request);
    return r;
}

static bool can_stage(const json_t *answer)
{
    const json_t *capability;
    size_t i;

    json_array_foreach(json_object_get(answer, "capabilities"), i, capability) {
        const json_t *type = json_object_get(json_object_get(capability, "rpc"), "type");

        if (str_equal(json_string_value(type), "STAGE_UNSTAGE_VOLUME"))
            return true;
    }
    return false;
}

static void answered(void *arg, int result, const json_t *answer, const struct err *from)
{
    struct csi_call *call = arg;
    struct host *host = call->csi->base.base.host;
    _cleanup_err_ struct err err = ERR_INIT;

    if (result < 0) {
        if (call->step == STEP_CAPABILITIES && result != -ESHUTDOWN)
            result = UNTOUCHED;
        call_end(call, result, from);
        return;
    }
    if (call->step == STEP_CAPABILITIES)
        call->stages = can_stage(answer);
    call->step++;
    if (!call->stages && call->step == (call->publishing ? STEP_FIRST : STEP_SECOND))
        call->step++;
    if (call->step < STEP_END)
        result = step_start(call, &err);
    else if (!call->publishing)
        result = host_tree_remove(host, call->directory, &err);
    if (result < 0 || call->step == STEP_END)
        call_end(call, result, &err);
}

/* As a part of a path: whatever a volume is called, it is one name. */
static char *name_encode(const char *text)
{
    struct strbuf name = STRBUF_INIT;

    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_", *text) ||
            (*text == '.' && name.length > 0))
            strbuf_addf(&name, "%c", *text);
        else
            strbuf_addf(&name, "%%%02X", (unsigned char)*text);
    }
    return strbuf_take(&name);
}

static void call_new(struct plugin_volumes *volumes, const struct plugin_volume *volume,
    bool publishing, struct done done)
{
    struct volume_csi *csi = container_of(volumes, struct volume_csi, base);
    struct host *host = volumes->base.host;
    struct csi_call *call = mem_alloc(sizeof(*call));
    _cleanup_free_ char *plugin = name_encode(volume->plugin);
    _cleanup_free_ char *name = name_encode(volume->name);
    _cleanup_free_ char *endpoint = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    *call = (struct csi_call){.csi = csi,
        .done = done,
        .publishing = publishing,
        .message = json_deep_copy(volume->message),
        .directory = str_printf("%s/%s/%s", csi->root, plugin, name),
        .id = str_dup(volume->name)};
    list_append(&csi->calls, &call->node);
    if (!publishing && !host_file_exists(host, call->directory)) {
        call_end(call, 0, NULL);
        return;
    }
    r = csi_plugin_endpoint(host, csi->configs, volume->plugin, &endpoint, &err);
    if (r == 0)
        r = csi_session_start(
            host, endpoint, csi->timeout_ns, answered, call, &call->session, &err);
    if (r == 0)
        r = step_start(call, &err);
    if (r < 0)
        call_end(call, r, &err);
}

static void csi_mount(
    struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done)
{
    call_new(volumes, volume, true, done);
}

static void csi_unmount(
    struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done)
{
    call_new(volumes, volume, false, done);
}

/* --- messages --- */

static const json_t *csi_message(const struct volume *volume)
{
    static const char type[] = "CSI_VOLUME";

    return volume->source && str_equal(volume->source->type, type) ? volume->source->csi_volume
                                                                   : NULL;
}

static bool is_read_only(const json_t *given)
{
    const json_t *capability = json_object_get(given, "volume_capability");
    const char *mode = json_string_value(
        json_object_get(json_object_get(capability, "access_mode"), "mode"));

    return json_is_true(json_object_get(given, "readonly")) ||
           str_equal(mode, "SINGLE_NODE_READER_ONLY") || str_equal(mode, "MULTI_NODE_READER_ONLY");
}

static int csi_parse(const json_t *message, struct plugin_volume *ret_volume, struct err *err)
{
    const char *plugin = json_string_value(json_object_get(message, "plugin_name"));
    const json_t *given = provisioning(message);
    const char *id = json_string_value(json_object_get(given, "volume_id"));
    const char *missing = NULL;

    if (!plugin || !*plugin)
        missing = "plugin_name";
    else if (!given)
        missing = "static_provisioning";
    else if (!id || !*id)
        missing = "static_provisioning.volume_id";
    else if (!json_object_get(given, "volume_capability"))
        missing = "static_provisioning.volume_capability";
    if (missing)
        return err_set(err, -EINVAL, "csi_volume.%s: required field is missing", missing);
    ret_volume->plugin = str_dup(plugin);
    ret_volume->name = str_dup(id);
    ret_volume->read_only_only = is_read_only(given);
    return 0;
}

/* --- birth and end --- */

/* There is no such plugin, or it was only asked what it can. One that was asked to publish may have
 * done so before its answer was lost. */
static bool csi_is_harmless(int result)
{
    return result == -ENOENT || result == -ECONNREFUSED || result == UNTOUCHED;
}

static void csi_free(struct plugin_volumes *volumes)
{
    struct volume_csi *csi = container_of(volumes, struct volume_csi, base);

    list_for_each_safe(node, following, &csi->calls)
        call_end(list_entry(node, struct csi_call, node), -ECANCELED, NULL);
    plugin_volumes_release(volumes);
    free(csi->configs);
    free(csi->root);
    free(csi);
}

static const struct plugin_volumes_ops csi_ops = {
    .message = csi_message,
    .parse = csi_parse,
    .mount = csi_mount,
    .unmount = csi_unmount,
    .is_harmless = csi_is_harmless,
    .free = csi_free,
};

int isolator_volume_csi_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const struct flags *flags = context->flags;
    const char *configs = flags_other(flags, "csi_plugin_config_dir");
    struct volume_csi *csi;
    uint64_t timeout_ns = 0;
    int r = duration_parse(flags_other(flags, "csi_call_timeout"), &timeout_ns, err);

    if (r < 0)
        return err_wrap(err, r, "--csi_call_timeout");
    if (!configs)
        return err_set(err, -EINVAL, "CSI volumes need --csi_plugin_config_dir");
    r = csi_plugins_check(context->host, configs, err);
    if (r < 0)
        return err_wrap(err, r, "the CSI server failed to initialize");
    csi = mem_alloc(sizeof(*csi));
    plugin_volumes_init(&csi->base, context, "volume/csi", &csi_ops,
        str_printf("%s/isolators/volume/csi", flags->runtime_dir));
    csi->base.chown = PLUGIN_VOLUMES_CHOWN_UNUSED;
    csi->configs = str_dup(configs);
    csi->timeout_ns = timeout_ns;
    csi->root = str_printf("%s/csi", flags->work_dir);
    list_init(&csi->calls);
    *ret_isolator = &csi->base.base;
    return 0;
}
