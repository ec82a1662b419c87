/* SPDX-License-Identifier: Apache-2.0 */
/* ContainerConfig: what a container is launched from (containerizer.md 2.2). */
#pragma once

#include "reference/base/json.h"
#include "reference/model/resources.h"

struct environment_variable {
    char *name;
    char *value;
    char *type; /* NULL or VALUE, or SECRET */
    json_t *secret;
};
struct command_uri {
    char *value;
    bool executable;
    bool extract; /* default true */
    bool cache;
    char *output_file;
};
struct command_info {
    bool shell; /* default true */
    char *value;
    char **arguments; /* argv[0] included */
    struct command_uri *uris;
    size_t uris_count;
    struct environment_variable *environment;
    size_t environment_count;
    char *user;
};

struct image_label {
    char *key;
    char *value;
};
struct image {
    char *type; /* DOCKER or APPC, or ROOTFS: a directory or tar on the host */
    char *name;
    bool cached; /* default true */
    char *id;    /* APPC; NULL: by name and labels */
    struct image_label *labels; /* APPC */
    size_t labels_count;
};
struct volume_source {
    char *type; /* HOST_PATH, SANDBOX_PATH, DOCKER_VOLUME, SECRET, CSI_VOLUME, IMAGE */
    json_t *host_path;
    json_t *sandbox_path;
    json_t *docker_volume;
    json_t *secret;
    json_t *csi_volume;
};
struct volume {
    char *mode; /* RW or RO */
    char *container_path;
    char *host_path;
    struct image *image;
    struct volume_source *source;
    char *mount_propagation; /* HOST_TO_CONTAINER or BIDIRECTIONAL */
};
struct port_mapping {
    int64_t host_port;
    int64_t container_port;
    char *protocol;
};
struct docker_parameter {
    char *key;
    char *value;
};
struct docker_info {
    char *image;
    char *network; /* HOST (default), BRIDGE, NONE, USER */
    struct port_mapping *port_mappings;
    size_t port_mappings_count;
    bool privileged;
    struct docker_parameter *parameters;
    size_t parameters_count;
    bool force_pull_image;
    char *volume_driver;
};
struct mesos_info {
    struct image *image;
};
struct network_info {
    char *name;
    json_t *ip_addresses;
    char **groups;
    json_t *labels;
    struct port_mapping *port_mappings;
    size_t port_mappings_count;
};
struct capability_info {
    char **capabilities;
};
struct seccomp_info {
    char *profile_name;
    struct opt_bool unconfined;
};
struct linux_info {
    struct capability_info *capability_info; /* deprecated */
    struct capability_info *effective_capabilities;
    struct capability_info *bounding_capabilities;
    struct opt_bool share_pid_namespace;
    struct seccomp_info *seccomp;
    char *ipc_mode; /* NULL or UNKNOWN, PRIVATE, SHARE_PARENT */
    struct opt_u64 shm_size; /* MB */
    struct opt_bool share_cgroups; /* default true */
};
struct rlimit {
    char *type; /* RLMT_NOFILE … */
    struct opt_u64 hard;
    struct opt_u64 soft;
};
struct rlimit_info {
    struct rlimit *rlimits;
    size_t rlimits_count;
};
struct window_size {
    int64_t rows;
    int64_t columns;
};
struct tty_info {
    struct window_size *window_size;
};
enum container_type { CONTAINER_TYPE_MESOS, CONTAINER_TYPE_DOCKER };
struct container_info {
    int type; /* enum container_type */
    char *hostname;
    struct volume *volumes;
    size_t volumes_count;
    struct docker_info *docker;
    struct mesos_info *mesos;
    struct network_info *network_infos;
    size_t network_infos_count;
    struct linux_info *linux_info;
    struct rlimit_info *rlimit_info;
    struct tty_info *tty_info;
};

struct executor_info {
    char *executor_id;
    char *framework_id;
    char *name;
    char *type; /* DEFAULT or CUSTOM */
    struct command_info *command;
    struct container_info *container;
    struct resources resources;
    json_t *labels;
};
struct task_info {
    char *name;
    char *task_id;
    struct command_info *command;
    struct container_info *container;
    struct resources resources;
    json_t *check;
    json_t *health_check;
    json_t *kill_policy;
    json_t *labels;
    struct opt_double max_completion_time; /* seconds */
};

enum container_class { CONTAINER_CLASS_DEFAULT, CONTAINER_CLASS_DEBUG };

struct image_manifest {
    json_t *manifest;
};
struct container_config {
    struct executor_info *executor_info;
    struct task_info *task_info;
    struct command_info command_info;
    struct container_info *container_info;
    struct resources resources;
    struct resource_limits limits;
    int container_class; /* enum container_class */
    char *directory;     /* host sandbox */
    char **ephemeral_volumes;
    char *user;
    char *rootfs;
    struct image_manifest *docker;
    struct image_manifest *appc;
};

extern const struct json_type environment_variable_json;
extern const struct json_type command_info_json;
extern const struct json_type image_json;
extern const struct json_type volume_json;
extern const struct json_type network_info_json;
extern const struct json_type container_info_json;
extern const struct json_type executor_info_json;
extern const struct json_type task_info_json;
extern const struct json_type rlimit_info_json;
extern const struct json_type capability_info_json;
extern const struct json_type container_config_json;

/* True for a command task: the config carries a task_info. */
static inline bool container_config_is_command_task(const struct container_config *config)
{
    return config->task_info != NULL;
}
/* linux_info.share_cgroups of the config, default true. */
bool container_config_shares_cgroups(const struct container_config *config);
/* Who runs in it, NULL: root. The executor of a command task with a root file system stays root;
 * its task does not. */
const char *container_config_user(const struct container_config *config);
