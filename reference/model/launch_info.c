/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/launch_info.h"

#include "reference/base/mem.h"

const char *const namespace_names[NS_COUNT + 1] = {
    "user", "cgroup", "ipc", "uts", "net", "pid", "mnt", NULL};
static const char *const file_operation_names[] = {"SYMLINK", "MOUNT", "RENAME", "MKDIR", NULL};

static const struct json_field mount_entry_fields[] = {
    JSON_FIELD(struct mount_entry, target, JSON_KIND_STRING),
    JSON_FIELD(struct mount_entry, source, JSON_KIND_STRING),
    JSON_FIELD(struct mount_entry, type, JSON_KIND_STRING),
    JSON_FIELD(struct mount_entry, flags, JSON_KIND_INT),
    JSON_FIELD(struct mount_entry, options, JSON_KIND_STRING),
    JSON_FIELD(struct mount_entry, source_root, JSON_KIND_STRING),
};
const struct json_type mount_entry_json = {"mount_entry", sizeof(struct mount_entry),
    mount_entry_fields, ARRAY_SIZE(mount_entry_fields), NULL};

static const struct json_field file_operation_fields[] = {
    JSON_FIELD(struct file_operation, operation, JSON_KIND_ENUM, .required = true,
        .enum_names = file_operation_names),
    JSON_FIELD(struct file_operation, source, JSON_KIND_STRING),
    JSON_FIELD(struct file_operation, target, JSON_KIND_STRING),
    JSON_FIELD(struct file_operation, mount, JSON_KIND_OBJECT_PTR, .type = &mount_entry_json),
    JSON_FIELD(struct file_operation, recursive, JSON_KIND_BOOL),
};
const struct json_type file_operation_json = {"file_operation", sizeof(struct file_operation),
    file_operation_fields, ARRAY_SIZE(file_operation_fields), NULL};

static const struct json_field launch_info_fields[] = {
    JSON_ARRAY_FIELD(struct launch_info, pre_exec_commands, pre_exec_commands_count,
        &command_info_json),
    JSON_ARRAY_FIELD(struct launch_info, environment, environment_count,
        &environment_variable_json),
    JSON_ARRAY_FIELD(struct launch_info, task_environment, task_environment_count,
        &environment_variable_json),
    JSON_FIELD(struct launch_info, rootfs, JSON_KIND_STRING),
    JSON_FIELD(struct launch_info, enter_namespaces, JSON_KIND_STRINGS),
    JSON_FIELD(struct launch_info, clone_namespaces, JSON_KIND_STRINGS),
    JSON_FIELD(struct launch_info, user, JSON_KIND_STRING),
    JSON_FIELD(struct launch_info, supplementary_groups, JSON_KIND_STRINGS),
    JSON_FIELD(struct launch_info, task_supplementary_groups, JSON_KIND_STRINGS),
    JSON_FIELD(struct launch_info, command, JSON_KIND_OBJECT_PTR, .type = &command_info_json),
    JSON_FIELD(struct launch_info, working_directory, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct launch_info, mounts, mounts_count, &mount_entry_json),
    JSON_FIELD(struct launch_info, masked_paths, JSON_KIND_STRINGS),
    JSON_ARRAY_FIELD(struct launch_info, file_operations, file_operations_count,
        &file_operation_json),
    JSON_FIELD(struct launch_info, seccomp_profile, JSON_KIND_RAW),
    JSON_FIELD(struct launch_info, effective_capabilities, JSON_KIND_OBJECT_PTR,
        .type = &capability_info_json),
    JSON_FIELD(struct launch_info, bounding_capabilities, JSON_KIND_OBJECT_PTR,
        .type = &capability_info_json),
    JSON_FIELD(struct launch_info, rlimits, JSON_KIND_OBJECT_PTR, .type = &rlimit_info_json),
    JSON_FIELD(struct launch_info, tty_slave_path, JSON_KIND_STRING),
    JSON_FIELD(struct launch_info, no_new_privileges, JSON_KIND_OPT_BOOL),
};
const struct json_type launch_info_json = {"launch_info", sizeof(struct launch_info),
    launch_info_fields, ARRAY_SIZE(launch_info_fields), NULL};
