/* SPDX-License-Identifier: Apache-2.0 */
/* ContainerLaunchInfo: what isolators ask for, merged into what the init helper does (isolators.md
 * 1). */
#pragma once

#include "reference/base/json.h"
#include "reference/model/config.h"

/* Namespaces as bits of a mask, in the fixed order in which they are entered (launchers.md 3.4). */
enum namespace_kind { NS_USER, NS_CGROUP, NS_IPC, NS_UTS, NS_NET, NS_PID, NS_MNT, NS_COUNT };
#define NS_BIT(kind) (1u << (kind))
extern const char *const namespace_names[NS_COUNT + 1]; /* "user", "cgroup", …, NULL */

struct mount_entry {
    char *target;
    char *source;
    char *type;
    int64_t flags; /* MS_* */
    char *options;
    /* A directory above the source, below which no symbolic link leads there: it may be a
     * container's own doing. NULL: the path is trusted. */
    char *source_root;
};
enum file_operation_kind {
    FILE_OPERATION_SYMLINK,
    FILE_OPERATION_MOUNT,
    FILE_OPERATION_RENAME,
    FILE_OPERATION_MKDIR
};
struct file_operation {
    int operation; /* enum file_operation_kind */
    char *source;
    char *target;
    struct mount_entry *mount;
    bool recursive; /* mkdir -p */
};
struct launch_info {
    struct command_info *pre_exec_commands;
    size_t pre_exec_commands_count;
    struct environment_variable *environment;
    size_t environment_count;
    struct environment_variable *task_environment;
    size_t task_environment_count;
    char *rootfs;
    char **enter_namespaces; /* names of namespace_names */
    char **clone_namespaces;
    char *user;
    char **supplementary_groups; /* decimal gids */
    char **task_supplementary_groups;
    struct command_info *command;
    char *working_directory;
    struct mount_entry *mounts;
    size_t mounts_count;
    char **masked_paths;
    struct file_operation *file_operations;
    size_t file_operations_count;
    json_t *seccomp_profile;
    struct capability_info *effective_capabilities;
    struct capability_info *bounding_capabilities;
    struct rlimit_info *rlimits;
    char *tty_slave_path;
    struct opt_bool no_new_privileges;
    bool given; /* not in the JSON: who is answered with this may take what it owns */
};
extern const struct json_type mount_entry_json;
extern const struct json_type file_operation_json;
extern const struct json_type launch_info_json;
