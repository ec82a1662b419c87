/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/launch_build.h"

#include <assert.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/container_id.h"

/* One more zeroed item at the end of an array. */
static void *array_add(void *array, size_t *count, size_t item_size)
{
    char *items = mem_realloc(*(void **)array, (*count + 1) * item_size);

    *(void **)array = items;
    return memset(items + (*count)++ * item_size, 0, item_size);
}

void launch_add_clone(struct launch_info *info, enum namespace_kind kind)
{
    strv_add(&info->clone_namespaces, namespace_names[kind]);
}

void launch_add_enter(struct launch_info *info, enum namespace_kind kind)
{
    strv_add(&info->enter_namespaces, namespace_names[kind]);
}

static void mount_fill(struct mount_entry *mount, const char *source, const char *target,
    const char *type, unsigned long flags, const char *options)
{
    mount->source = str_dup(source);
    mount->target = str_dup(target);
    mount->type = str_dup(type);
    mount->flags = (int64_t)flags;
    mount->options = str_dup(options);
}

void launch_add_mount(struct launch_info *info, const char *source, const char *target,
    const char *type, unsigned long flags, const char *options)
{
    mount_fill(array_add(&info->mounts, &info->mounts_count, sizeof(*info->mounts)), source, target,
        type, flags, options);
}

void launch_mount_source_root(struct launch_info *info, const char *root)
{
    assert(info->mounts_count > 0);
    struct mount_entry *last = &info->mounts[info->mounts_count - 1];

    free(last->source_root);
    last->source_root = str_dup(root);
}

void launch_add_masked(struct launch_info *info, const char *path)
{
    strv_add(&info->masked_paths, path);
}

static struct file_operation *operation_add(
    struct launch_info *info, enum file_operation_kind kind, const char *source, const char *target)
{
    struct file_operation *operation = array_add(
        &info->file_operations, &info->file_operations_count, sizeof(*info->file_operations));

    operation->operation = (int)kind;
    operation->source = str_dup(source);
    operation->target = str_dup(target);
    return operation;
}

void launch_add_symlink(struct launch_info *info, const char *source, const char *target)
{
    operation_add(info, FILE_OPERATION_SYMLINK, source, target);
}

void launch_add_mkdir(struct launch_info *info, const char *path, bool recursive)
{
    operation_add(info, FILE_OPERATION_MKDIR, NULL, path)->recursive = recursive;
}

void launch_add_rename(struct launch_info *info, const char *source, const char *target)
{
    operation_add(info, FILE_OPERATION_RENAME, source, target);
}

void launch_add_mount_operation(struct launch_info *info, const char *source, const char *target,
    const char *type, unsigned long flags, const char *options)
{
    struct file_operation *operation = operation_add(info, FILE_OPERATION_MOUNT, NULL, NULL);

    operation->mount = mem_alloc(sizeof(*operation->mount));
    mount_fill(operation->mount, source, target, type, flags, options);
}

void launch_add_environment(struct launch_info *info, const char *name, const char *value)
{
    struct environment_variable *variable =
        array_add(&info->environment, &info->environment_count, sizeof(*info->environment));

    variable->name = str_dup(name);
    variable->value = str_dup(value);
}

void launch_add_argument(struct launch_info *info, const char *text)
{
    if (!info->command) {
        info->command = mem_alloc(sizeof(*info->command));
        info->command->shell = true; /* the default: only the arguments count */
    }
    strv_add(&info->command->arguments, text);
}

void launch_add_pre_exec(struct launch_info *info, const char *const *argv)
{
    struct command_info *command = array_add(&info->pre_exec_commands,
        &info->pre_exec_commands_count, sizeof(*info->pre_exec_commands));

    command->value = str_dup(*argv);
    for (; *argv; argv++)
        strv_add(&command->arguments, *argv);
}

char *launch_runtime_file(const char *runtime_dir, const char *id, const char *file)
{
    _cleanup_free_ char *path = container_id_path(id, "containers", CONTAINER_PATH_PREFIX);

    return str_concat(runtime_dir, "/", path, "/", file, NULL);
}

void launch_done(struct done done, struct launch_info *info)
{
    info->given = true;
    done_ok(done, info);
    json_type_release(&launch_info_json, info);
}

void launch_result(
    struct done done, int result, struct launch_info *info, const struct err *err)
{
    if (result == 0) {
        launch_done(done, info);
        return;
    }
    json_type_release(&launch_info_json, info);
    done_fail(done, result, err);
}

void done_error(struct done done, int code, const char *format, ...)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *message = NULL;
    va_list list;

    va_start(list, format);
    message = str_vprintf(format, list);
    va_end(list);
    err_set(&err, code, "%s", message);
    done_fail(done, code, &err);
}
