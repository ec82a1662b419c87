/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the agent: checkpoints, sandboxes, links. */
#include "reference/host_linux/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_parents(const char *path, mode_t mode, struct err *err)
{
    _cleanup_free_ char *part = str_dup(path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "mkdir %s", part);
        *slash = '/';
    }
    return 0;
}

int linux_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err)
{
    (void)host;
    if (mkdir(path, mode) == 0)
        return 0;
    if (parents && errno == ENOENT) {
        int result = make_parents(path, mode, err);
        if (result < 0)
            return result;
        if (mkdir(path, mode) == 0)
            return 0;
    }
    int result = -errno;
    struct stat info;
    if (result == -EEXIST && parents && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return 0;
    return err_errno(err, result, "mkdir %s", path);
}

/* One component at a time, so that each is looked at without following it: openat2's
 * RESOLVE_NO_SYMLINKS for kernels that lack it. */
int linux_open_below(const char *base, const char *path, bool make, mode_t mode)
{
    const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    _cleanup_strv_ char **parts = strv_split(path, "/");
    _cleanup_close_ int at = open(base, flags);
    if (at < 0)
        return -errno;
    for (char **part = parts; part && *part; part++) {
        if (str_equal(*part, "..") || str_equal(*part, "."))
            return -EINVAL;
        if (make && mkdirat(at, *part, part[1] ? 0755 : mode) < 0 && errno != EEXIST)
            return -errno;
        int next = openat(at, *part, flags | O_NOFOLLOW);
        if (next < 0)
            return -errno;
        close(at);
        at = next;
    }
    return TAKE_FD(at);
}

int linux_mkdir_below(
    struct host *host, const char *base, const char *path, mode_t mode, struct err *err)
{
    (void)host;
    _cleanup_close_ int fd = linux_open_below(base, path, true, mode);
    return fd < 0 ? err_errno(err, fd, "mkdir %s/%s", base, path) : 0;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        length -= (size_t)written;
    }
    return 0;
}

/* It leaves the owner's bits alone, and nothing else is in most modes. */
static bool umask_spares(mode_t mode)
{
    return !(mode & 077);
}

/* A file without content is whole as soon as it is there. */
static bool make_empty(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return false;
    bool made = umask_spares(mode) || fchmod(fd, mode) == 0;
    close(fd);
    return made;
}

/* A reader sees the old file or the new one, never a part: containerizer.md 6.1. The temporary
 * file's name is this process' alone; what an earlier one of its number has left is replaced. */
int linux_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err)
{
    (void)host;
    if (length == 0 && make_empty(path, mode))
        return 0;
    _cleanup_free_ char *temporary = str_printf("%s.%d", path, (int)getpid());
    unsigned tries = 0;
    int fd;
    do
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    while (fd < 0 && errno == EEXIST && tries++ == 0 && unlink(temporary) == 0);
    if (fd < 0)
        return err_errno(err, -errno, "write %s", path);
    int result = write_all(fd, data, length);
    if (result == 0 && !umask_spares(mode) && fchmod(fd, mode) < 0)
        result = -errno;
    close(fd);
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result == 0)
        return 0;
    unlink(temporary);
    return err_errno(err, result, "write %s", path);
}

int linux_read_open(int fd, char **ret_text, size_t *ret_length)
{
    struct stat info;
    size_t capacity = 4096;
    if (fstat(fd, &info) == 0 && info.st_size > 0)
        capacity = (size_t)info.st_size + 1;
    char *text = mem_alloc(capacity + 1);
    size_t length = 0;
    for (;;) {
        ssize_t more = read(fd, text + length, capacity - length);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0) {
            int result = -errno;
            free(text);
            return result;
        }
        if (more == 0)
            break;
        length += (size_t)more;
        if (length == capacity)
            text = mem_realloc(text, (capacity *= 2) + 1);
    }
    text[length] = '\0';
    *ret_text = text;
    if (ret_length)
        *ret_length = length;
    return 0;
}

int linux_read_path(int directory, const char *path, char **ret_text, size_t *ret_length)
{
    _cleanup_close_ int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : linux_read_open(fd, ret_text, ret_length);
}

int linux_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err)
{
    (void)host;
    int result = linux_read_path(AT_FDCWD, path, ret_text, ret_length);
    return result < 0 ? err_errno(err, result, "read %s", path) : 0;
}

static char type_of(mode_t mode)
{
    static const struct {
        mode_t format;
        char type;
    } types[] = {{S_IFREG, 'f'}, {S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFBLK, 'b'}, {S_IFCHR, 'c'},
        {S_IFIFO, 'p'}, {S_IFSOCK, 's'}};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if ((mode & S_IFMT) == types[i].format)
            return types[i].type;
    return '?';
}

int linux_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info)
{
    (void)host;
    struct stat info;
    if ((follow ? stat(path, &info) : lstat(path, &info)) < 0)
        return -errno;
    *ret_info = (struct file_info){.type = type_of(info.st_mode),
        .mode = info.st_mode & 07777,
        .uid = info.st_uid,
        .gid = info.st_gid,
        .size_bytes = (uint64_t)info.st_size,
        .rdev = info.st_rdev,
        .inode = info.st_ino};
    return 0;
}

int linux_file_remove(struct host *host, const char *path, struct err *err)
{
    (void)host;
    if (unlink(path) == 0)
        return 0;
    int result = -errno;
    if ((result == -EISDIR || result == -EPERM) && rmdir(path) == 0)
        return 0;
    return err_errno(err, result, "remove %s", path);
}

int linux_list(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    (void)host;
    DIR *directory = opendir(path);
    if (!directory)
        return err_errno(err, -errno, "list %s", path);
    char **names = mem_alloc(sizeof(*names));
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
            strv_add(&names, entry->d_name);
    closedir(directory);
    strv_sort(names);
    *ret_names = names;
    return 0;
}

int linux_symlink(struct host *host, const char *target, const char *path, struct err *err)
{
    (void)host;
    return symlink(target, path) < 0 ? err_errno(err, -errno, "symlink %s to %s", path, target) : 0;
}

int linux_real_path(struct host *host, const char *path, char **ret_path, struct err *err)
{
    (void)host;
    char resolved[PATH_MAX];
    if (!realpath(path, resolved))
        return err_errno(err, -errno, "real path of %s", path);
    *ret_path = str_dup(resolved);
    return 0;
}
