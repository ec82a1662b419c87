/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems of our own: mounted by us, and never seen by anybody else. A name directly in one of
 * them leads where this program or the kernel says, so that it may be used as it is: one call,
 * where a path below somebody's root takes a lookup, a descriptor and a check (child_path.c). Such
 * a mount is ours for sure when it was made as a descriptor (fsmount, Linux 5.2) before it was put
 * into its place; a path that is looked up again may lead elsewhere by now. Older kernels know
 * none.
 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN_MAX 8
#define OPTION_BYTES 64

struct own {
    const char *path;
    size_t length; /* of the path */
    int fd;
    unsigned long flags;
    bool empty;  /* it was: names in it are those that we have made */
    bool linked; /* there are symlinks among them */
};

static struct own owns[OWN_MAX];
static size_t owns_count;

static const struct {
    const char *name;
    bool empty;
} types[] = {{"tmpfs", true}, {"proc", false}};

static const struct {
    unsigned long flag;
    unsigned attribute;
} attributes[] = {
    {MS_RDONLY, MOUNT_ATTR_RDONLY},
    {MS_NOSUID, MOUNT_ATTR_NOSUID},
    {MS_NODEV, MOUNT_ATTR_NODEV},
    {MS_NOEXEC, MOUNT_ATTR_NOEXEC},
    {MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
};
#define KEPT (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void drop(size_t i)
{
    close(owns[i].fd);
    owns[i] = owns[--owns_count];
}

void child_own_cover(const char *path)
{
    for (size_t i = owns_count; i-- > 0;)
        if (child_path_below(path, owns[i].path))
            drop(i);
}

void child_own_forget(void)
{
    while (owns_count > 0)
        drop(0);
}

/* -1 when these flags or this type want the older call. */
static int attributes_of(const char *const *entry, unsigned long flags, bool *ret_empty)
{
    unsigned set = 0;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        if (flags & attributes[i].flag)
            set |= attributes[i].attribute;
        flags &= ~attributes[i].flag;
    }
    for (size_t i = 0; flags == 0 && i < sizeof(types) / sizeof(types[0]); i++) {
        *ret_empty = types[i].empty;
        if (strcmp(entry[MOUNT_TYPE], types[i].name) == 0)
            return (int)set;
    }
    return -1;
}

/* "NAME=VALUE,NAME…" one by one. */
static long configure(int context, const char *options)
{
    long result = 0;
    while (result == 0 && *options) {
        char option[OPTION_BYTES];
        size_t length = strcspn(options, ",");
        if (length >= sizeof(option)) {
            errno = EINVAL;
            return -1;
        }
        memcpy(option, options, length);
        option[length] = '\0';
        char *value = strchr(option, '=');
        if (value)
            *value++ = '\0';
        result = syscall(SYS_fsconfig, context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
            option, value, 0);
        options += length + (options[length] == ',');
    }
    return result;
}

static int create(const char *const *entry, unsigned long flags, int set)
{
    int context = (int)syscall(SYS_fsopen, entry[MOUNT_TYPE], FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    long result = 0;
    if (entry[MOUNT_SOURCE][0])
        result = syscall(
            SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", entry[MOUNT_SOURCE], 0);
    if (result == 0 && flags & MS_RDONLY)
        result = syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "ro", NULL, 0);
    if (result == 0)
        result = configure(context, entry[MOUNT_OPTIONS]);
    if (result == 0)
        result = syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (result == 0)
        result = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, set);
    int saved = errno;
    close(context);
    errno = saved;
    return (int)result;
}

bool child_own_mount(
    const struct child_plan *plan, const char *const *entry, int target, unsigned long flags)
{
    const char *path = entry[MOUNT_TARGET];
    bool empty = false;
    int set = plan->flags & CHILD_MOUNT_API && child_path_below(plan->rootfs, path) &&
                      owns_count < OWN_MAX
                  ? attributes_of(entry, flags, &empty)
                  : -1;
    if (set < 0)
        return false;
    int fd = create(entry, flags, set);
    if (fd < 0 || syscall(SYS_move_mount, fd, "", target, "",
                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        child_fail(errno, "mount %s at %s", entry[MOUNT_SOURCE], path);
    owns[owns_count++] =
        (struct own){.path = path,
        .length = strlen(path),
        .fd = fd,
        .flags = flags & KEPT,
        .empty = empty};
    return true;
}

/* The one that the path lies directly in. */
static struct own *own_of(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length == 0 || !slash[1] || strcmp(slash + 1, ".") == 0 || strcmp(slash + 1, "..") == 0)
        return NULL;
    *ret_name = slash + 1;
    for (size_t i = 0; i < owns_count; i++)
        if (owns[i].length == length && strncmp(owns[i].path, path, length) == 0)
            return &owns[i];
    return NULL;
}

static int mount_in(const struct own *own, const char *source, const char *name, const char *type,
    unsigned long flags, const char *options)
{
    return child_mounts_enter(own->fd) < 0 ? -1 : mount(source, name, type, flags, options);
}

/* Read-only, with the options that it has besides, as the whole of it. */
static int cover_with_itself(const struct own *own, const char *name, unsigned long flags)
{
    int result = mount_in(own, name, name, NULL, MS_BIND, NULL);
    if (result == 0)
        result = mount_in(own, NULL, name, NULL, MS_REMOUNT | flags | own->flags, NULL);
    return result;
}

static int make_in(const struct own *own, const char *name, bool directory)
{
    long result = directory ? mkdirat(own->fd, name, 0755)
                            : syscall(SYS_mknodat, own->fd, name, S_IFREG | 0644, 0);
    return result < 0 && errno != EEXIST ? -1 : 0;
}

/* At a name that is like the source a directory or a file. What is bound with all below it is a
 * directory, as a rule, and all else is a device: the kernel says when it is otherwise. */
static int bind_in(
    const struct own *own, const char *source, const char *name, unsigned long flags)
{
    const bool directory = flags & MS_REC;
    int result = make_in(own, name, directory);
    if (result == 0)
        result = mount_in(own, source, name, NULL, flags, NULL);
    if (result == 0 || errno != ENOTDIR)
        return result;
    if (syscall(SYS_unlinkat, own->fd, name, directory ? AT_REMOVEDIR : 0) < 0 ||
        make_in(own, name, !directory) < 0)
        return -1;
    return mount_in(own, source, name, NULL, flags, NULL);
}

/* False for a symlink. *ret_error: why there is nothing to be seen. */
static bool look_at(const struct own *own, const char *name, struct stat *ret_info, int *ret_error)
{
    *ret_error = fstatat(own->fd, name, ret_info, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
    return *ret_error != 0 || !S_ISLNK(ret_info->st_mode);
}

bool child_own_place(const char *const *entry, unsigned long flags)
{
    const unsigned long plain = MS_BIND | MS_REC;
    const char *name;
    const char *source = entry[MOUNT_SOURCE];
    const struct own *own = own_of(entry[MOUNT_TARGET], &name);
    struct stat info;
    int result = 0;
    if (!own || own->linked || entry[MOUNT_SOURCE_ROOT][0])
        return false;
    if (flags == (MS_BIND | MS_RDONLY) && strcmp(source, entry[MOUNT_TARGET]) == 0) {
        if (!look_at(own, name, &info, &result))
            return false;
        result = result ? -(result != ENOENT) : cover_with_itself(own, name, flags);
    } else if (own->empty && flags & MS_BIND && !(flags & ~plain) && source[0] == '/') {
        result = bind_in(own, source, name, flags);
    } else if (own->empty && entry[MOUNT_TYPE][0] && !(flags & ~(KEPT | MS_STRICTATIME))) {
        result = make_in(own, name, true);
        if (result == 0)
            result = mount_in(own, source, name, entry[MOUNT_TYPE], flags, entry[MOUNT_OPTIONS]);
    } else {
        return false;
    }
    if (result < 0)
        child_fail(errno, "mount %s at %s", source, entry[MOUNT_TARGET]);
    child_own_cover(entry[MOUNT_TARGET]);
    return true;
}

bool child_own_mask(const char *path, int *ret_result)
{
    const char *name;
    const struct own *own = own_of(path, &name);
    struct stat info;
    int error;
    if (!own || own->linked || !look_at(own, name, &info, &error))
        return false;
    *ret_result = -(error != 0 && error != ENOENT);
    if (error == 0 && S_ISDIR(info.st_mode)) {
        *ret_result = mount_in(own, "tmpfs", name, "tmpfs", MS_RDONLY, "size=0");
    } else if (error == 0) {
        *ret_result = mount_in(own, "/dev/null", name, NULL, MS_BIND, NULL);
        if (*ret_result == 0)
            *ret_result = mount_in(own, NULL, name, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    }
    return true;
}

int child_own_directory(const char *path, const char **ret_name)
{
    struct own *own = own_of(path, ret_name);
    if (!own || !own->empty)
        return -1;
    own->linked = true;
    return own->fd;
}
