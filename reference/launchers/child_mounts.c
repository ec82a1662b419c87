/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts with their propagation, masked paths and file operations (launchers.md 5, stages 9-11). */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum file_string { FILE_KIND, FILE_SOURCE, FILE_TARGET, FILE_RECURSIVE, FILE_MOUNT };

static unsigned long flags_of(const char *const *entry)
{
    return strtoul(entry[MOUNT_FLAGS], NULL, 10);
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* Opens the target, made when it is missing: like the source a directory or a file. A target that
 * is a symlink is refused: whoever made it would choose what is covered. */
static int open_target(const char *root, const char *const *entry)
{
    const char *target = entry[MOUNT_TARGET];
    int fd = child_path_open(root, target, true);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    struct stat info;
    bool file = entry[MOUNT_SOURCE][0] == '/' && stat(entry[MOUNT_SOURCE], &info) == 0 &&
                !S_ISDIR(info.st_mode);
    fd = child_path_make(root, target, !file);
    return fd < 0 && errno == EEXIST ? child_path_open(root, target, true) : fd;
}

void child_mount(const struct child_plan *plan, const char *const *entry)
{
    const char *root = plan->rootfs;
    unsigned long flags = flags_of(entry);
    if (entry[MOUNT_TARGET][0] != '/')
        child_mounts_done();
    if (child_own_place(entry, flags))
        return;
    int fd = open_target(root, entry);
    /* A path that is bound to itself, to be read-only, and that this kernel does not have. */
    if (fd < 0 && errno == ENOENT && strcmp(entry[MOUNT_SOURCE], entry[MOUNT_TARGET]) == 0)
        return;
    if (fd < 0)
        child_fail(errno, "mount target %s", entry[MOUNT_TARGET]);
    child_own_cover(entry[MOUNT_TARGET]);
    if (flags & MS_BIND && !(flags & MS_REMOUNT))
        child_bind(plan, entry, fd, flags);
    else if (!child_own_mount(plan, entry, fd, flags) &&
             child_mount_at(plan, fd, or_null(entry[MOUNT_SOURCE]), or_null(entry[MOUNT_TYPE]),
                 flags, or_null(entry[MOUNT_OPTIONS])) < 0)
        child_fail(errno, "mount %s at %s", entry[MOUNT_SOURCE], entry[MOUNT_TARGET]);
    close(fd);
    const char *below = child_path_below(root, entry[MOUNT_TARGET]);
    if (!below || strcmp(below, "/") == 0)
        child_path_forget();
}

/* /proc/self/mountinfo as a text; malloc'ed. */
static char *read_mounts(void)
{
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        child_fail(errno, "read the mount table");
    size_t length = 0;
    size_t capacity = 65536;
    char *text = malloc(capacity);
    ssize_t more;
    while (text && (more = read(fd, text + length, capacity - length - 1)) > 0) {
        length += (size_t)more;
        if (capacity - length < 4096)
            text = realloc(text, capacity *= 2);
    }
    if (!text)
        child_fail(ENOMEM, "read the mount table");
    close(fd);
    text[length] = '\0';
    return text;
}

struct mount_line {
    char *target;
    bool shared;
};

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": proc(5). */
static bool parse_line(char *line, struct mount_line *into)
{
    char *rest = NULL;
    char *word = strtok_r(line, " ", &rest);
    for (int i = 0; word && i < 4; i++)
        word = strtok_r(NULL, " ", &rest);
    if (!word)
        return false;
    into->target = word;
    into->shared = false;
    strtok_r(NULL, " ", &rest);
    while ((word = strtok_r(NULL, " ", &rest)) && strcmp(word, "-") != 0)
        into->shared |= strncmp(word, "shared:", 7) == 0;
    char *to = into->target;
    for (const char *from = to; *from; to++) { /* \040 and the like */
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
    return true;
}

/* All mounts in the table's order; the array and its texts stay allocated. */
static struct mount_line *mount_table(size_t *ret_count)
{
    char *text = read_mounts();
    size_t lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    struct mount_line *table = calloc(lines + 1, sizeof(*table));
    if (!table)
        child_fail(ENOMEM, "read the mount table");
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        count += parse_line(line, &table[count]);
    *ret_count = count;
    return table;
}

static bool is_shared_entry(const char *const *entry)
{
    return (flags_of(entry) & MS_SHARED) != 0;
}

/* Everything a slave, but for the targets of shared entries: what is mounted there is to be seen
 * outside. */
static void make_others_slave(const char *const *mounts)
{
    size_t count;
    const struct mount_line *table = mount_table(&count);
    while (count-- > 0) {
        bool kept = false;
        for (const char *const *entry = mounts; *entry; entry += CHILD_MOUNT_STRINGS)
            kept |= is_shared_entry(entry) && strcmp(entry[MOUNT_TARGET], table[count].target) == 0;
        if (!kept && mount(NULL, table[count].target, NULL, MS_SLAVE, NULL) < 0 &&
            errno != EINVAL && errno != ENOENT)
            child_fail(errno, "make %s a slave", table[count].target);
    }
}

/* The mount that holds a target may not be shared: what we mount would come out of it. */
static void check_not_shared(const char *const *entry)
{
    size_t count;
    const struct mount_line *table = mount_table(&count);
    const struct mount_line *holder = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(table[i].target);
        bool root = length == 1;
        if (!root && !child_path_below(table[i].target, entry[MOUNT_TARGET]))
            continue;
        if (length >= longest) {
            longest = length;
            holder = &table[i];
        }
    }
    if (holder && holder->shared)
        child_fail(0, "mount target %s is below the shared mount %s", entry[MOUNT_TARGET],
            holder->target);
}

/* Without a mount namespace of its own all of these would change the host's mounts. */
static void check_unmounted(const struct child_plan *plan)
{
    bool mounts = plan->mounts && plan->mounts[0];
    for (const char **operation = plan->file_operations; operation && *operation;
         operation += CHILD_FILE_STRINGS)
        mounts |= strcmp(operation[FILE_KIND], "mount") == 0;
    if (mounts)
        child_fail(0, "mounts need a mount namespace of the container's own");
    if (plan->rootfs)
        child_fail(0, "a root needs a mount namespace of the container's own");
    if (plan->masked_paths && plan->masked_paths[0])
        child_fail(0, "masked paths need a mount namespace of the container's own");
}

/* Whether the path, or NULL, is the target or below it. */
static bool is_at(const char *target, const char *path)
{
    return path && child_path_below(target, path);
}

static bool is_used(const char *const *entry, const char *target)
{
    return is_at(target, entry[MOUNT_SOURCE]) || is_at(target, entry[MOUNT_TARGET]);
}

/* A file system outside of the root goes with the old root: nobody ever looks into it, unless what
 * comes after it does. */
static bool is_left_behind(const struct child_plan *plan, const char *const *entry)
{
    const char *target = entry[MOUNT_TARGET];
    if (!plan->rootfs || flags_of(entry) & (MS_BIND | MS_REMOUNT | MS_MOVE | MS_SHARED) ||
        !entry[MOUNT_TYPE][0] || is_at(target, plan->rootfs) ||
        child_path_below(plan->rootfs, target) || is_at(target, "/dev/null") ||
        (plan->pre_exec && plan->pre_exec[0]))
        return false;
    for (entry += CHILD_MOUNT_STRINGS; *entry; entry += CHILD_MOUNT_STRINGS)
        if (is_used(entry, target))
            return false;
    for (entry = plan->file_operations; entry && *entry; entry += CHILD_FILE_STRINGS) {
        bool link = strcmp(entry[FILE_KIND], "symlink") == 0; /* its source is a mere text */
        if ((!link && is_at(target, entry[FILE_SOURCE])) || is_at(target, entry[FILE_TARGET]) ||
            is_used(entry + FILE_MOUNT, target))
            return false;
    }
    return true;
}

void child_mounts(const struct child_plan *plan)
{
    const char **mounts = plan->mounts;
    if (!(plan->flags & CHILD_NEW_MOUNT)) {
        check_unmounted(plan);
        return;
    }
    bool any_shared = false;
    for (const char **entry = mounts; entry && *entry; entry += CHILD_MOUNT_STRINGS)
        any_shared |= is_shared_entry(entry);
    if (any_shared)
        make_others_slave(mounts);
    else if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        child_fail(errno, "make / recursively a slave");
    for (const char **entry = mounts; entry && *entry; entry += CHILD_MOUNT_STRINGS) {
        if (is_shared_entry(entry))
            continue;
        if (any_shared)
            check_not_shared(entry);
        if (any_shared || !is_left_behind(plan, entry))
            child_mount(plan, entry);
    }
}

/* Covers one path; says what went wrong, since a container without it is better than none. */
static int cover(const struct child_plan *plan, const char *path, int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -1;
    if (S_ISDIR(info.st_mode))
        return child_mount_at(plan, fd, "tmpfs", "tmpfs", MS_RDONLY, "size=0");
    if (plan->flags & CHILD_MOUNT_API)
        return child_bind_tree(AT_FDCWD, "/dev/null", fd, MS_RDONLY);
    if (child_mount_at(plan, fd, "/dev/null", NULL, MS_BIND, NULL) < 0)
        return -1;
    int cover_fd = child_path_open(plan->rootfs, path, false);
    if (cover_fd < 0)
        return -1;
    int result = child_mount_at(plan, cover_fd, NULL, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    int saved = errno;
    close(cover_fd);
    errno = saved;
    return result;
}

static int mask_by_descriptor(const struct child_plan *plan, const char *path)
{
    int fd = child_path_open(plan->rootfs, path, false);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    int result = cover(plan, path, fd);
    int saved = errno;
    close(fd);
    errno = saved;
    return result;
}

static void mask(const struct child_plan *plan, const char *path)
{
    const char *root = plan->rootfs;
    char joined[4096];
    int result;
    if (root && !child_path_below(root, path)) {
        if ((size_t)snprintf(joined, sizeof(joined), "%s%s", root, path) >= sizeof(joined))
            return;
        path = joined;
    }
    if (path[0] != '/')
        child_mounts_done();
    if (!child_own_mask(path, &result))
        result = mask_by_descriptor(plan, path);
    if (result < 0)
        child_warn(errno, "mask %s", path);
}

void child_masked_paths(const struct child_plan *plan)
{
    for (const char **path = plan->masked_paths; path && *path; path++)
        mask(plan, *path);
}

static void make_symlink(const char *root, const char *source, const char *target)
{
    const char *name;
    int own = child_own_directory(target, &name);
    int parent = own >= 0 ? own : child_path_parent(root, target, &name);
    if (parent < 0 || symlinkat(source, parent, name) < 0)
        child_fail(errno, "link %s to %s", target, source);
    if (parent != own)
        close(parent);
}

static void move(const char *root, const char *source, const char *target)
{
    const char *source_name;
    const char *target_name;
    int from = child_path_parent(root, source, &source_name);
    int to = child_path_parent(root, target, &target_name);
    if (from < 0 || to < 0)
        child_fail(errno, "rename %s to %s", source, target);
    if (renameat(from, source_name, to, target_name) < 0) {
        const char *const arguments[] = {"mv", "-f", source, target, NULL};
        int status = errno == EXDEV ? child_run("/bin/mv", arguments) : -1;
        if (status != 0)
            child_fail(status < 0 ? errno : 0, "rename %s to %s", source, target);
    }
    close(from);
    close(to);
    child_path_forget();
    child_own_forget();
}

static void make_directory(const char *root, const char *target, bool recursive)
{
    const char *name;
    int result;
    if (recursive) {
        result = child_path_make_directory(root, target);
    } else {
        int parent = child_path_parent(root, target, &name);
        result = parent < 0 ? -1 : mkdirat(parent, name, 0755);
        if (parent >= 0)
            close(parent);
    }
    if (result < 0)
        child_fail(errno, "make directory %s", target);
}

void child_file_operations(const struct child_plan *plan)
{
    const char *root = plan->rootfs;
    for (const char **operation = plan->file_operations; operation && *operation;
         operation += CHILD_FILE_STRINGS) {
        const char *kind = operation[FILE_KIND];
        if (strcmp(kind, "mount") != 0)
            child_mounts_done();
        if (strcmp(kind, "symlink") == 0)
            make_symlink(root, operation[FILE_SOURCE], operation[FILE_TARGET]);
        else if (strcmp(kind, "mount") == 0)
            child_mount(plan, operation + FILE_MOUNT);
        else if (strcmp(kind, "rename") == 0)
            move(root, operation[FILE_SOURCE], operation[FILE_TARGET]);
        else
            make_directory(root, operation[FILE_TARGET], operation[FILE_RECURSIVE][0] == '1');
    }
    child_mounts_done();
    child_path_forget();
    child_own_forget();
}
