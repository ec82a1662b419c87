/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts by descriptors: what was looked at is what is mounted, whoever changes its path meanwhile.
 * Bind mounts take the calls of newer kernels where the agent has found them (Linux 5.12): the copy
 * of the source gets its options before it is seen anywhere, and all mounts below it get them too.
 * The older way has the source by its descriptor as well, and a second call for the options.
 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_NAME_BYTES 12
#define SETTABLE (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

/*
 * Mounts are made from the directory that is mounted on, or, on a file, from that of the names of
 * our own descriptors. On an older kernel, which takes a source by its name there too, from this
 * one alone: a plan may move /proc away (namespaces/pid does when a nested container shares its
 * parent's), and where we are goes with it.
 */
static int before; /* the working directory to return to; 0: we are there (child.h) */
static bool among_names;

static int leave(void)
{
    if (before <= 0)
        before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return before < 0 ? -1 : 0;
}

static int names_enter(void)
{
    if (among_names)
        return 0;
    if (leave() < 0 || chdir("/proc/self/fd") < 0)
        return -1;
    among_names = true;
    return 0;
}

int child_mounts_enter(int directory)
{
    if (leave() < 0 || fchdir(directory) < 0)
        return -1;
    among_names = false;
    return 0;
}

void child_mounts_done(void)
{
    if (before > 0 && fchdir(before) < 0)
        child_fail(errno, "return to the working directory");
    if (before > 0)
        close(before);
    before = 0;
    among_names = false;
}

int child_mount_at(const struct child_plan *plan, int fd, const char *source, const char *type,
    unsigned long flags, const char *options)
{
    char name[FD_NAME_BYTES];
    if (plan->flags & CHILD_MOUNT_API && child_mounts_enter(fd) == 0)
        return mount(source, ".", type, flags, options);
    snprintf(name, sizeof(name), "%d", fd);
    return names_enter() < 0 ? -1 : mount(source, name, type, flags, options);
}

static int open_source(const char *root, const char *const *entry)
{
    const char *trusted = entry[MOUNT_SOURCE_ROOT];
    return trusted[0] ? child_path_open_beneath(trusted, entry[MOUNT_SOURCE])
                      : child_path_open(root, entry[MOUNT_SOURCE], false);
}

int child_bind_tree(int directory, const char *source, int target, unsigned long flags)
{
    static const struct {
        unsigned long flag;
        uint64_t attribute;
    } options[] = {
        {MS_RDONLY, MOUNT_ATTR_RDONLY},
        {MS_NOSUID, MOUNT_ATTR_NOSUID},
        {MS_NODEV, MOUNT_ATTR_NODEV},
        {MS_NOEXEC, MOUNT_ATTR_NOEXEC},
    };
    struct mount_attr attributes = {.attr_set = 0};
    const unsigned recursive = flags & MS_REC ? AT_RECURSIVE : 0;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (flags & options[i].flag)
            attributes.attr_set |= options[i].attribute;
    int tree = (int)syscall(SYS_open_tree, directory, source,
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);
    if (tree < 0)
        return -1;
    long result = 0;
    if (attributes.attr_set)
        result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | recursive, &attributes,
            sizeof(attributes));
    if (result == 0)
        result = syscall(SYS_move_mount, tree, "", target, "",
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    int saved = errno;
    close(tree);
    errno = saved;
    return (int)result;
}

/* A bind mount takes its options only from a second call, which must repeat those it has. */
static void remount_bind(
    const struct child_plan *plan, const char *const *entry, unsigned long flags)
{
    static const struct {
        unsigned long has;
        unsigned long flag;
    } kept[] = {
        {ST_NOSUID, MS_NOSUID},
        {ST_NODEV, MS_NODEV},
        {ST_NOEXEC, MS_NOEXEC},
        {ST_NOATIME, MS_NOATIME},
        {ST_NODIRATIME, MS_NODIRATIME},
        {ST_RELATIME, MS_RELATIME},
    };
    struct statfs info;
    int fd = child_path_open(plan->rootfs, entry[MOUNT_TARGET], true);
    if (fd < 0 || fstatfs(fd, &info) < 0)
        child_fail(errno, "look at mount %s", entry[MOUNT_TARGET]);
    unsigned long again = MS_REMOUNT | MS_BIND | (flags & ~(unsigned long)(MS_REC));
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if ((unsigned long)info.f_flags & kept[i].has)
            again |= kept[i].flag;
    if (child_mount_at(plan, fd, NULL, NULL, again, NULL) < 0)
        child_fail(errno, "remount %s", entry[MOUNT_TARGET]);
    close(fd);
}

static int bind_old(const struct child_plan *plan, const char *const *entry, int source, int target,
    unsigned long flags)
{
    char name[FD_NAME_BYTES]; /* a name in the directory in which child_mount_at works */
    snprintf(name, sizeof(name), "%d", source);
    int result = child_mount_at(plan, target, name, NULL, flags, NULL);
    child_path_forget();
    if (result == 0 && flags & SETTABLE)
        remount_bind(plan, entry, flags);
    return result;
}

static int bind_by_descriptor(
    const struct child_plan *plan, const char *const *entry, int target, unsigned long flags)
{
    int source = open_source(plan->rootfs, entry);
    if (source < 0)
        child_fail(errno, "mount source %s", entry[MOUNT_SOURCE]);
    int result = plan->flags & CHILD_MOUNT_API
                     ? child_bind_tree(source, "", target, flags)
                     : bind_old(plan, entry, source, target, flags);
    int saved = errno;
    close(source);
    errno = saved;
    return result;
}

/* Where the path is trusted, and the mount as it is. */
static int bind_plain(
    const struct child_plan *plan, const char *source, int target, unsigned long flags)
{
    if (plan->flags & CHILD_MOUNT_API && child_mounts_enter(target) < 0 && errno == ENOTDIR)
        return child_bind_tree(AT_FDCWD, source, target, flags);
    return child_mount_at(plan, target, source, NULL, flags, NULL);
}

void child_bind(
    const struct child_plan *plan, const char *const *entry, int target, unsigned long flags)
{
    int result = flags & SETTABLE || entry[MOUNT_SOURCE_ROOT][0]
                     ? bind_by_descriptor(plan, entry, target, flags)
                     : bind_plain(plan, entry[MOUNT_SOURCE], target, flags);
    if (result < 0)
        child_fail(errno, "mount %s at %s", entry[MOUNT_SOURCE], entry[MOUNT_TARGET]);
}
