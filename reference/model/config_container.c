/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is made of: images, volumes, networks and the settings of Linux. */
#include "reference/base/mem.h"
#include "reference/model/config.h"

static const char *const image_type_names[] = {"DOCKER", "APPC", "ROOTFS", NULL};
static const char *const volume_source_type_names[] = {
    "HOST_PATH", "SANDBOX_PATH", "DOCKER_VOLUME", "SECRET", "CSI_VOLUME", "IMAGE", NULL};
static const char *const volume_mode_names[] = {"RW", "RO", NULL};
static const char *const mount_propagation_names[] = {
    "HOST_TO_CONTAINER", "BIDIRECTIONAL", NULL};
static const char *const docker_network_names[] = {"HOST", "BRIDGE", "NONE", "USER", NULL};
static const char *const ipc_mode_names[] = {"UNKNOWN", "PRIVATE", "SHARE_PARENT", NULL};
static const char *const container_type_names[] = {"MESOS", "DOCKER", NULL};

static const struct json_field image_label_fields[] = {
    JSON_FIELD(struct image_label, key, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct image_label, value, JSON_KIND_STRING, .required = true),
};
static const struct json_type image_label_json = {"label", sizeof(struct image_label),
    image_label_fields, ARRAY_SIZE(image_label_fields), NULL};

static const struct json_field image_fields[] = {
    JSON_FIELD(struct image, type, JSON_KIND_STRING, .enum_names = image_type_names),
    JSON_FIELD(struct image, name, JSON_KIND_STRING),
    JSON_FIELD(struct image, cached, JSON_KIND_BOOL, .default_number = true),
    JSON_FIELD(struct image, id, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct image, labels, labels_count, &image_label_json),
};
const struct json_type image_json = {"image", sizeof(struct image),
    image_fields, ARRAY_SIZE(image_fields), NULL};

static const struct json_field volume_source_fields[] = {
    JSON_FIELD(struct volume_source, type, JSON_KIND_STRING,
        .enum_names = volume_source_type_names),
    JSON_FIELD(struct volume_source, host_path, JSON_KIND_RAW),
    JSON_FIELD(struct volume_source, sandbox_path, JSON_KIND_RAW),
    JSON_FIELD(struct volume_source, docker_volume, JSON_KIND_RAW),
    JSON_FIELD(struct volume_source, secret, JSON_KIND_RAW),
    JSON_FIELD(struct volume_source, csi_volume, JSON_KIND_RAW),
};
static const struct json_type volume_source_json = {"volume_source", sizeof(struct volume_source),
    volume_source_fields, ARRAY_SIZE(volume_source_fields), NULL};

static const struct json_field volume_fields[] = {
    JSON_FIELD(struct volume, mode, JSON_KIND_STRING, .enum_names = volume_mode_names),
    JSON_FIELD(struct volume, container_path, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct volume, host_path, JSON_KIND_STRING),
    JSON_FIELD(struct volume, image, JSON_KIND_OBJECT_PTR, .type = &image_json),
    JSON_FIELD(struct volume, source, JSON_KIND_OBJECT_PTR, .type = &volume_source_json),
    JSON_FIELD(struct volume, mount_propagation, JSON_KIND_STRING,
        .enum_names = mount_propagation_names),
};
const struct json_type volume_json = {"volume", sizeof(struct volume),
    volume_fields, ARRAY_SIZE(volume_fields), NULL};

static const struct json_field port_mapping_fields[] = {
    JSON_FIELD(struct port_mapping, host_port, JSON_KIND_INT, .required = true),
    JSON_FIELD(struct port_mapping, container_port, JSON_KIND_INT, .required = true),
    JSON_FIELD(struct port_mapping, protocol, JSON_KIND_STRING),
};
static const struct json_type port_mapping_json = {"port_mapping", sizeof(struct port_mapping),
    port_mapping_fields, ARRAY_SIZE(port_mapping_fields), NULL};

static const struct json_field docker_parameter_fields[] = {
    JSON_FIELD(struct docker_parameter, key, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct docker_parameter, value, JSON_KIND_STRING, .required = true),
};
static const struct json_type docker_parameter_json = {"docker_parameter",
    sizeof(struct docker_parameter),
    docker_parameter_fields, ARRAY_SIZE(docker_parameter_fields), NULL};

static const struct json_field docker_info_fields[] = {
    JSON_FIELD(struct docker_info, image, JSON_KIND_STRING),
    JSON_FIELD(struct docker_info, network, JSON_KIND_STRING, .enum_names = docker_network_names),
    JSON_ARRAY_FIELD(struct docker_info, port_mappings, port_mappings_count, &port_mapping_json),
    JSON_FIELD(struct docker_info, privileged, JSON_KIND_BOOL),
    JSON_ARRAY_FIELD(struct docker_info, parameters, parameters_count, &docker_parameter_json),
    JSON_FIELD(struct docker_info, force_pull_image, JSON_KIND_BOOL),
    JSON_FIELD(struct docker_info, volume_driver, JSON_KIND_STRING),
};
static const struct json_type docker_info_json = {"docker_info", sizeof(struct docker_info),
    docker_info_fields, ARRAY_SIZE(docker_info_fields), NULL};

static const struct json_field mesos_info_fields[] = {
    JSON_FIELD(struct mesos_info, image, JSON_KIND_OBJECT_PTR, .type = &image_json),
};
static const struct json_type mesos_info_json = {"mesos_info", sizeof(struct mesos_info),
    mesos_info_fields, ARRAY_SIZE(mesos_info_fields), NULL};

static const struct json_field network_info_fields[] = {
    JSON_FIELD(struct network_info, name, JSON_KIND_STRING),
    JSON_FIELD(struct network_info, ip_addresses, JSON_KIND_RAW),
    JSON_FIELD(struct network_info, groups, JSON_KIND_STRINGS),
    JSON_FIELD(struct network_info, labels, JSON_KIND_RAW),
    JSON_ARRAY_FIELD(struct network_info, port_mappings, port_mappings_count, &port_mapping_json),
};
const struct json_type network_info_json = {"network_info", sizeof(struct network_info),
    network_info_fields, ARRAY_SIZE(network_info_fields), NULL};

static const struct json_field capability_info_fields[] = {
    JSON_FIELD(struct capability_info, capabilities, JSON_KIND_STRINGS),
};
const struct json_type capability_info_json = {"capability_info", sizeof(struct capability_info),
    capability_info_fields, ARRAY_SIZE(capability_info_fields), NULL};

static const struct json_field seccomp_info_fields[] = {
    JSON_FIELD(struct seccomp_info, profile_name, JSON_KIND_STRING),
    JSON_FIELD(struct seccomp_info, unconfined, JSON_KIND_OPT_BOOL),
};
static const struct json_type seccomp_info_json = {"seccomp_info", sizeof(struct seccomp_info),
    seccomp_info_fields, ARRAY_SIZE(seccomp_info_fields), NULL};

static const struct json_field linux_info_fields[] = {
    JSON_FIELD(struct linux_info, capability_info, JSON_KIND_OBJECT_PTR,
        .type = &capability_info_json),
    JSON_FIELD(struct linux_info, effective_capabilities, JSON_KIND_OBJECT_PTR,
        .type = &capability_info_json),
    JSON_FIELD(struct linux_info, bounding_capabilities, JSON_KIND_OBJECT_PTR,
        .type = &capability_info_json),
    JSON_FIELD(struct linux_info, share_pid_namespace, JSON_KIND_OPT_BOOL),
    JSON_FIELD(struct linux_info, seccomp, JSON_KIND_OBJECT_PTR, .type = &seccomp_info_json),
    JSON_FIELD(struct linux_info, ipc_mode, JSON_KIND_STRING, .enum_names = ipc_mode_names),
    JSON_FIELD(struct linux_info, shm_size, JSON_KIND_OPT_U64),
    JSON_FIELD(struct linux_info, share_cgroups, JSON_KIND_OPT_BOOL),
};
static const struct json_type linux_info_json = {"linux_info", sizeof(struct linux_info),
    linux_info_fields, ARRAY_SIZE(linux_info_fields), NULL};

static const struct json_field rlimit_fields[] = {
    JSON_FIELD(struct rlimit, type, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct rlimit, hard, JSON_KIND_OPT_U64),
    JSON_FIELD(struct rlimit, soft, JSON_KIND_OPT_U64),
};
static const struct json_type rlimit_json = {"rlimit", sizeof(struct rlimit),
    rlimit_fields, ARRAY_SIZE(rlimit_fields), NULL};

static const struct json_field rlimit_info_fields[] = {
    JSON_ARRAY_FIELD(struct rlimit_info, rlimits, rlimits_count, &rlimit_json),
};
const struct json_type rlimit_info_json = {"rlimit_info", sizeof(struct rlimit_info),
    rlimit_info_fields, ARRAY_SIZE(rlimit_info_fields), NULL};

static const struct json_field window_size_fields[] = {
    JSON_FIELD(struct window_size, rows, JSON_KIND_INT),
    JSON_FIELD(struct window_size, columns, JSON_KIND_INT),
};
static const struct json_type window_size_json = {"window_size", sizeof(struct window_size),
    window_size_fields, ARRAY_SIZE(window_size_fields), NULL};

static const struct json_field tty_info_fields[] = {
    JSON_FIELD(struct tty_info, window_size, JSON_KIND_OBJECT_PTR, .type = &window_size_json),
};
static const struct json_type tty_info_json = {"tty_info", sizeof(struct tty_info),
    tty_info_fields, ARRAY_SIZE(tty_info_fields), NULL};

static const struct json_field container_info_fields[] = {
    JSON_FIELD(struct container_info, type, JSON_KIND_ENUM, .enum_names = container_type_names),
    JSON_FIELD(struct container_info, hostname, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct container_info, volumes, volumes_count, &volume_json),
    JSON_FIELD(struct container_info, docker, JSON_KIND_OBJECT_PTR, .type = &docker_info_json),
    JSON_FIELD(struct container_info, mesos, JSON_KIND_OBJECT_PTR, .type = &mesos_info_json),
    JSON_ARRAY_FIELD(struct container_info, network_infos, network_infos_count, &network_info_json),
    JSON_FIELD(struct container_info, linux_info, JSON_KIND_OBJECT_PTR, .type = &linux_info_json),
    JSON_FIELD(struct container_info, rlimit_info, JSON_KIND_OBJECT_PTR, .type = &rlimit_info_json),
    JSON_FIELD(struct container_info, tty_info, JSON_KIND_OBJECT_PTR, .type = &tty_info_json),
};
const struct json_type container_info_json = {"container_info", sizeof(struct container_info),
    container_info_fields, ARRAY_SIZE(container_info_fields), NULL};
