/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the host: files and mounts. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/host_front.h"

/*
 * Runs `call` as an effect. Only this macro knows the order: number and ask, do, trace; a lost
 * effect answers success.
 */
#define EFFECT(host, kind, subject, detail, err, call)                                             \
    __extension__({                                                                                \
        struct effect_verdict verdict_;                                                            \
        int result_ = host_effect((host), (kind), (subject), (detail), &verdict_, (err));          \
        if (result_ == 0)                                                                          \
            result_ = host_effect_done(                                                            \
                (host), (kind), (subject), (detail), &verdict_, (call), (err));                    \
        else if (result_ == 1)                                                                     \
            result_ = 0;                                                                           \
        result_;                                                                                   \
    })

int host_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err)
{
    return EFFECT(
        host, EFFECT_MKDIR, path, NULL, err, host->ops->mkdir(host, path, mode, parents, err));
}

bool host_path_links(struct host *host, const char *base, const char *path)
{
    _cleanup_strv_ char **parts = strv_split(path, "/");
    _cleanup_free_ char *at = str_dup(base);
    struct file_info info;

    for (size_t i = 0; parts && parts[i]; i++) {
        char *next = str_printf("%s/%s", at, parts[i]);

        free(at);
        at = next;
        if (host_file_info(host, at, false, &info) < 0)
            return false;
        if (info.type == 'l')
            return true;
    }
    return false;
}

static int look_and_mkdir(struct host *host, const char *base, const char *path,
    const char *joined, mode_t mode, struct err *err)
{
    if (host_path_links(host, base, path))
        return err_set(err, -ELOOP, "mkdir %s: it leads over a symbolic link", joined);
    _cleanup_free_ char *above = str_ndup(joined, (size_t)(strrchr(joined, '/') - joined));
    int r = host->ops->mkdir(host, above, 0755, true, err);
    return r < 0 ? r : host->ops->mkdir(host, joined, mode, true, err);
}

int host_mkdir_below(
    struct host *host, const char *base, const char *path, mode_t mode, struct err *err)
{
    _cleanup_free_ char *joined = str_printf("%s/%s", base, path);

    return EFFECT(host, EFFECT_MKDIR, joined, NULL, err,
        host->ops->mkdir_below ? host->ops->mkdir_below(host, base, path, mode, err)
                               : look_and_mkdir(host, base, path, joined, mode, err));
}

int host_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err)
{
    return EFFECT(host, EFFECT_FILE_WRITE, path, NULL, err,
        host->ops->file_write(host, path, data, length, mode, err));
}

int host_file_remove(struct host *host, const char *path, struct err *err)
{
    return EFFECT(
        host, EFFECT_FILE_REMOVE, path, NULL, err, host->ops->file_remove(host, path, err));
}

int host_tree_remove(struct host *host, const char *path, struct err *err)
{
    return EFFECT(
        host, EFFECT_TREE_REMOVE, path, NULL, err, host->ops->tree_remove(host, path, err));
}

int host_symlink(struct host *host, const char *target, const char *path, struct err *err)
{
    return EFFECT(
        host, EFFECT_SYMLINK, path, target, err, host->ops->symlink(host, target, path, err));
}

int host_rename(struct host *host, const char *from, const char *to, struct err *err)
{
    return EFFECT(host, EFFECT_RENAME, from, to, err, host->ops->rename(host, from, to, err));
}

int host_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err)
{
    _cleanup_free_ char *owner =
        host_is_observed(host) ? str_printf("%u:%u", (unsigned)uid, (unsigned)gid) : NULL;
    return EFFECT(host, EFFECT_CHOWN, path, owner, err,
        host->ops->chown(host, path, uid, gid, recursive, err));
}

int host_mount(struct host *host, const struct mount_entry *mount, struct err *err)
{
    return EFFECT(host, EFFECT_MOUNT, mount->target, mount->type, err,
        host->ops->mount(host, mount, err));
}

static int look_and_mount(
    struct host *host, const char *base, const struct mount_entry *mount, struct err *err)
{
    if (host_path_links(host, base, mount->target + strlen(base)))
        return err_set(err, -ELOOP, "mount at %s: it leads over a symbolic link", mount->target);
    return host->ops->mount(host, mount, err);
}

int host_mount_below(
    struct host *host, const char *base, const struct mount_entry *mount, struct err *err)
{
    assert(str_starts(mount->target, base));
    return EFFECT(host, EFFECT_MOUNT, mount->target, mount->type, err,
        host->ops->mount_below ? host->ops->mount_below(host, base, mount, err)
                               : look_and_mount(host, base, mount, err));
}

int host_unmount(struct host *host, const char *target, int flags, struct err *err)
{
    return EFFECT(
        host, EFFECT_UNMOUNT, target, NULL, err, host->ops->unmount(host, target, flags, err));
}

/* What only looks is no effect. */

int host_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err)
{
    if (host->gone)
        return host_gone_error(err);
    size_t length = 0;
    int r = host->ops->file_read(host, path, ret_text, &length, err);
    if (r == 0 && ret_length)
        *ret_length = length;
    return r;
}

int host_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info)
{
    return host->gone ? -ESHUTDOWN : host->ops->file_info(host, path, follow, ret_info);
}

bool host_file_exists(struct host *host, const char *path)
{
    struct file_info info;
    return host_file_info(host, path, true, &info) == 0;
}

int host_list(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    return host->gone ? host_gone_error(err) : host->ops->list(host, path, ret_names, err);
}

int host_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err)
{
    return EFFECT(
        host, EFFECT_FILE_WRITE, to, from, err, host->ops->node_copy(host, from, to, mode, err));
}

int host_real_path(struct host *host, const char *path, char **ret_path, struct err *err)
{
    return host->gone ? host_gone_error(err) : host->ops->real_path(host, path, ret_path, err);
}

int host_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err)
{
    return host->gone ? host_gone_error(err)
                      : host->ops->filesystem_info(host, path, ret_info, err);
}

int host_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err)
{
    return host->gone ? host_gone_error(err) : host->ops->user_lookup(host, name, ret_user, err);
}

int host_hierarchy_mount(
    struct host *host, const char *controller, const char *directory, struct err *err)
{
    return EFFECT(host, EFFECT_MOUNT, directory, controller, err,
        host->ops->hierarchy_mount(host, controller, directory, err));
}

int host_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err)
{
    return host->gone ? host_gone_error(err)
                      : host->ops->mounts(host, pid, ret_mounts, ret_count, err);
}

bool host_may_be_mounted(struct host *host, const char *path)
{
    return host->gone || !host->ops->may_be_mounted || host->ops->may_be_mounted(host, path);
}

void user_info_release(struct user_info *user)
{
    free(user->groups);
    *user = (struct user_info){0};
}

int host_device_program(struct host *host, struct cgroup_fs *fs, const char *cgroup,
    const struct bpf_insn *instructions, size_t count, struct err *err)
{
    return EFFECT(host, EFFECT_BPF, cgroup, "device program", err,
        host->ops->device_program(host, fs, cgroup, instructions, count, err));
}

bool host_is_mounted(struct host *host, const char *target)
{
    struct mount_info *mounts = NULL;
    size_t count = 0;
    bool found = false;
    if (host_mounts(host, 0, &mounts, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = str_equal(mounts[i].target, target);
    mount_info_free(mounts, count);
    return found;
}

void mount_info_free(struct mount_info *mounts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(mounts[i].target);
        free(mounts[i].source);
        free(mounts[i].type);
    }
    free(mounts);
}
