/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy backend: layers with the whiteouts of AUFS onto one tree, the bottom first. What a layer
 * hides goes before its own entries come; an entry of another kind is removed before, so that
 * nothing is ever written through a symlink of a lower layer (provisioner.md 5).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/provisioner/unpack/unpack.h"

struct level {
    DIR *from;
    int to;
    char *path; /* below both roots */
};

struct copying {
    int root;
    struct level *levels;
    size_t depth;
    size_t capacity;
    struct strmap *links; /* "device:inode" of files with several names -> path, owned */
};

static int owner_set(int fd, const struct stat *info)
{
    const struct timespec times[2] = {info->st_atim, info->st_mtim};
    if (fchown(fd, info->st_uid, info->st_gid) < 0 && errno != EPERM)
        return -errno;
    if (fchmod(fd, info->st_mode & 07777) < 0)
        return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}

static int content_copy(int from, int to)
{
    static char buffer[1 << 16];
    for (;;) {
        ssize_t done = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
        if (done == 0)
            break;
        if (done < 0 && errno != EINTR)
            break; /* another file system: by hand, from where it stopped */
    }
    for (;;) {
        ssize_t length = read(from, buffer, sizeof(buffer));
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length < 0 ? -errno : 0;
        for (ssize_t at = 0; at < length;) {
            ssize_t written = write(to, buffer + at, (size_t)(length - at));
            if (written < 0 && errno != EINTR)
                return -errno;
            at += written > 0 ? written : 0;
        }
    }
}

static int file_copy(const struct level *level, const char *name, const struct stat *info)
{
    _cleanup_close_ int from =
        openat(dirfd(level->from), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    _cleanup_close_ int to = from < 0 ? -1
                                      : openat(level->to, name,
                                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                            0600);
    if (to < 0)
        return -errno;
    int result = content_copy(from, to);
    if (result == 0)
        result = owner_set(to, info);
    /* After the owner: changing that takes capabilities away. */
    return result == 0 ? place_copy_attributes(from, to) : result;
}

static int link_copy(const struct level *level, const char *name, const struct stat *info)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(dirfd(level->from), name, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (symlinkat(target, level->to, name) < 0)
        return -errno;
    if (fchownat(level->to, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno != EPERM)
        return -errno;
    return 0;
}

static int node_copy(const struct level *level, const char *name, const struct stat *info)
{
    if (S_ISSOCK(info->st_mode))
        return 0;
    if (mknodat(level->to, name, info->st_mode, info->st_rdev) < 0 ||
        fchownat(level->to, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(level->to, name, info->st_mode & 07777, 0) < 0)
        return -errno;
    return 0;
}

/* Another name of a file that this layer has brought already. True when the link was made. */
static bool hardlink_copy(struct copying *copying, const struct level *level, const char *name,
    const char *path, const struct stat *info)
{
    if (info->st_nlink < 2)
        return false;
    _cleanup_free_ char *key = str_printf(
        "%llu:%llu", (unsigned long long)info->st_dev, (unsigned long long)info->st_ino);
    char *first = strmap_get(copying->links, key);
    if (!first) {
        strmap_set(copying->links, key, str_dup(path));
        return false;
    }
    _cleanup_free_ char *above = str_dup(first);
    char *slash = strrchr(above, '/');
    if (slash)
        *slash = '\0';
    _cleanup_close_ int directory = place_directory(copying->root, slash ? above : "", false);
    return directory >= 0 &&
           linkat(directory, slash ? slash + 1 : above, level->to, name, 0) == 0;
}

static int level_enter(struct copying *copying, int from, int to, char *path)
{
    DIR *directory = fdopendir(from);
    if (!directory || to < 0) {
        int result = -errno;
        if (directory)
            closedir(directory);
        free(path);
        return result;
    }
    copying->levels =
        mem_grow(copying->levels, &copying->capacity, copying->depth + 1, sizeof(struct level));
    copying->levels[copying->depth++] = (struct level){directory, to, path};
    return 0;
}

/* Owner, mode and times of the finished directory, then up. */
static int level_leave(struct copying *copying)
{
    struct level *level = &copying->levels[--copying->depth];
    struct stat info;
    int result = fstat(dirfd(level->from), &info) < 0 ? -errno : owner_set(level->to, &info);
    if (result == 0)
        result = place_copy_attributes(dirfd(level->from), level->to);
    closedir(level->from);
    close(level->to);
    free(level->path);
    return result;
}

static int children_remove(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    int result = listing ? 0 : -errno;
    while (result == 0 && (entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = place_remove(directory, entry->d_name);
    }
    if (listing)
        closedir(listing);
    return result;
}

/* Before the entries of the directory come: what its markers hide of the layers below. */
static int whiteouts_apply(const struct level *level)
{
    const struct dirent *entry;
    int result = 0;
    while (result == 0 && (entry = readdir(level->from))) {
        const char *target = whiteout_target(entry->d_name);
        if (target)
            result = *target ? place_remove(level->to, target) : children_remove(level->to);
    }
    rewinddir(level->from);
    return result;
}

static int directory_copy(
    struct copying *copying, const struct level *level, const char *name, char *path)
{
    if (mkdirat(level->to, name, 0700) < 0 && errno != EEXIST) {
        free(path);
        return -errno;
    }
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int from = openat(dirfd(level->from), name, flags);
    int to = openat(level->to, name, flags);
    int result = level_enter(copying, from, to, path);
    return result == 0 ? whiteouts_apply(&copying->levels[copying->depth - 1]) : result;
}

/* Makes room: a directory stays for a directory, anything else goes. */
static int way_clear(const struct level *level, const char *name, bool for_directory)
{
    struct stat there;
    if (fstatat(level->to, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return for_directory && S_ISDIR(there.st_mode) ? 0 : place_remove(level->to, name);
}

static int entry_copy(struct copying *copying, const char *name, struct err *err)
{
    const struct level level = copying->levels[copying->depth - 1];
    struct stat info;
    if (str_starts(name, WHITEOUT_PREFIX))
        return 0;
    char *path = str_printf("%s%s%s", level.path, *level.path ? "/" : "", name);
    _cleanup_free_ char *shown = str_dup(path);
    int result =
        fstatat(dirfd(level.from), name, &info, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    if (result == 0)
        result = way_clear(&level, name, S_ISDIR(info.st_mode));
    if (result == 0 && S_ISDIR(info.st_mode)) {
        result = directory_copy(copying, &level, name, TAKE_PTR(path));
    } else if (result == 0 && !hardlink_copy(copying, &level, name, path, &info)) {
        result = S_ISREG(info.st_mode)   ? file_copy(&level, name, &info)
                 : S_ISLNK(info.st_mode) ? link_copy(&level, name, &info)
                                         : node_copy(&level, name, &info);
    }
    free(path);
    return result < 0 ? err_errno(err, result, "copy %s", shown) : 0;
}

static void links_forget(struct copying *copying)
{
    size_t cursor = 0;
    const char *key;
    void *value;
    while (strmap_next(copying->links, &cursor, &key, &value))
        free(value);
    strmap_free(copying->links);
}

static int layer_copy(int root, const char *layer, struct err *err)
{
    struct copying copying = {.root = root, .links = strmap_new()};
    int from = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = from < 0 ? -errno : 0;
    if (result == 0)
        result = level_enter(
            &copying, from, openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), str_dup(""));
    if (result == 0)
        result = whiteouts_apply(&copying.levels[0]);
    if (result < 0)
        err_errno(err, result, "open");
    while (copying.depth > 0) {
        const struct dirent *entry =
            result == 0 ? readdir(copying.levels[copying.depth - 1].from) : NULL;
        if (entry && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = entry_copy(&copying, entry->d_name, err);
        if (entry)
            continue;
        int left = level_leave(&copying);
        if (left < 0 && result == 0)
            result = err_errno(err, left, "finish a directory");
    }
    free(copying.levels);
    links_forget(&copying);
    return result < 0 ? err_wrap(err, result, "layer %s", layer) : 0;
}

int unpack_copy(const char *directory, char *const *layers, struct err *err)
{
    if (mkdir(directory, 0755) < 0)
        return err_errno(err, -errno, "mkdir %s", directory);
    _cleanup_close_ int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = root < 0 ? err_errno(err, -errno, "open %s", directory) : 0;
    for (size_t i = 0; layers[i] && result == 0; i++)
        result = layer_copy(root, layers[i], err);
    return result;
}
