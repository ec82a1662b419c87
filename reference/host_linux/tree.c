/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole trees, without ever following a symlink or leaving for another file system's root by name:
 * each directory is reached from the descriptor of the one above it, whatever a container does to
 * the paths meanwhile. Depth is bounded by the heap alone, not by the stack.
 */
#include "reference/host_linux/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than most directories of ours have; readdir(3) allocates eight times as much for each. */
#define ENTRIES_BYTES 4096

/* A directory on the way down, with those of its entries that were read last. */
struct level {
    int fd;
    char *name; /* in the level above */
    char *entries;
    size_t length;
    size_t at;
};

/* For each entry, in post-order. is_directory: it was walked before. Stops at a negative result. */
typedef int (*entry_fn)(void *arg, int parent, const char *name, bool is_directory);

struct walk {
    struct level *levels;
    size_t depth;
    size_t capacity;
    entry_fn fn;
    void *arg;
};

/* -ENOTDIR when it is none (a symlink is none). */
static int descend(struct walk *walk, int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -ENOTDIR : -errno;
    walk->levels =
        mem_grow(walk->levels, &walk->capacity, walk->depth + 1, sizeof(*walk->levels));
    walk->levels[walk->depth++] =
        (struct level){.fd = fd, .name = str_dup(name), .entries = mem_alloc(ENTRIES_BYTES)};
    return 0;
}

static void ascend(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    close(level->fd);
    free(level->entries);
    free(level->name);
}

static int parent_fd(const struct walk *walk)
{
    return walk->depth > 0 ? walk->levels[walk->depth - 1].fd : AT_FDCWD;
}

/* The directory's next entry, until the one after it is asked for; NULL at its end, and with an
 * error, negative. */
static const struct dirent64 *entry_next(struct level *level, int *ret_error)
{
    *ret_error = 0;
    if (level->at == level->length) {
        ssize_t length = getdents64(level->fd, level->entries, ENTRIES_BYTES);
        if (length <= 0) {
            *ret_error = length < 0 ? -errno : 0;
            return NULL;
        }
        level->length = (size_t)length;
        level->at = 0;
    }
    const struct dirent64 *entry = (const void *)(level->entries + level->at);
    level->at += entry->d_reclen;
    return entry;
}

/* The next entry of the deepest level: walked if it is a directory, else handed out. */
static int step(struct walk *walk)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const int fd = level->fd;
    int result;
    const struct dirent64 *entry = entry_next(level, &result);
    if (!entry) {
        if (result < 0)
            return result;
        _cleanup_free_ char *name = TAKE_PTR(level->name);
        ascend(walk);
        return walk->fn(walk->arg, parent_fd(walk), name, true);
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    result = -ENOTDIR;
    if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
        result = descend(walk, fd, entry->d_name);
    if (result == -ENOTDIR)
        return walk->fn(walk->arg, fd, entry->d_name, false);
    return result == -ENOENT ? 0 : result;
}

static int walk_tree(const char *path, entry_fn fn, void *arg)
{
    struct walk walk = {.fn = fn, .arg = arg};
    int result = descend(&walk, AT_FDCWD, path);
    if (result == -ENOTDIR)
        return fn(arg, AT_FDCWD, path, false);
    while (result == 0 && walk.depth > 0)
        result = step(&walk);
    while (walk.depth > 0)
        ascend(&walk);
    free(walk.levels);
    return result;
}

static int remove_entry(void *arg, int parent, const char *name, bool is_directory)
{
    (void)arg;
    if (unlinkat(parent, name, is_directory ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
        return 0;
    return -errno;
}

int linux_tree_remove(struct host *host, const char *path, struct err *err)
{
    (void)host;
    int result = walk_tree(path, remove_entry, NULL);
    return result < 0 && result != -ENOENT ? err_errno(err, result, "remove tree %s", path) : 0;
}

struct owner {
    uid_t uid;
    gid_t gid;
};

static int chown_entry(void *arg, int parent, const char *name, bool is_directory)
{
    (void)is_directory;
    const struct owner *owner = arg;
    if (fchownat(parent, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return errno == ENOENT && parent != AT_FDCWD ? 0 : -errno;
}

int linux_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err)
{
    (void)host;
    struct owner owner = {uid, gid};
    int result = recursive ? walk_tree(path, chown_entry, &owner)
                           : chown_entry(&owner, AT_FDCWD, path, false);
    return result < 0 ? err_errno(err, result, "chown %s", path) : 0;
}
