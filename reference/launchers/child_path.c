/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below a container's root are somebody else's: an image or a volume may hold symlinks that
 * lead to the host. openat2 resolves them as if the root were "/" already.
 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096

const char *child_path_below(const char *root, const char *path)
{
    size_t length = root ? strlen(root) : 0;
    if (length == 0 || strncmp(path, root, length) != 0)
        return NULL;
    if (path[length] == '\0')
        return "/";
    return path[length] == '/' ? path + length : NULL;
}

/* The root that was opened last: a plan has one. */
static char opened_root[PATH_BYTES];
static int opened_fd = -1;

void child_path_forget(void)
{
    if (opened_fd >= 0)
        close(opened_fd);
    opened_fd = -1;
}

static int open_root(const char *root)
{
    size_t size = strlen(root) + 1;
    if (opened_fd >= 0 && strcmp(root, opened_root) == 0)
        return opened_fd;
    child_path_forget();
    if (size > sizeof(opened_root)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(opened_root, root, size);
    opened_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return opened_fd;
}

static int open_in_root(const char *root, const char *path, int flags)
{
    int base = open_root(root);
    if (base < 0)
        return -1;
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    while (*path == '/')
        path++;
    int fd = (int)syscall(SYS_openat2, base, *path ? path : ".", &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS) /* before 5.6 */
        fd = openat(base, *path ? path : ".", flags | O_CLOEXEC);
    return fd;
}

int child_path_open(const char *root, const char *path, bool no_follow)
{
    int flags = O_PATH | (no_follow ? O_NOFOLLOW : 0);
    const char *below = child_path_below(root, path);
    int fd = below ? open_in_root(root, below, flags) : open(path, flags | O_CLOEXEC);
    struct stat stat;
    if (fd >= 0 && no_follow && fstat(fd, &stat) == 0 && S_ISLNK(stat.st_mode)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

int child_path_parent(const char *root, const char *path, const char **ret_name)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash || slash[1] == '\0' || (size_t)(slash - path) >= sizeof(parent)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    *ret_name = slash + 1;
    return child_path_open(root, parent[0] ? parent : "/", false);
}

/* Makes the directories of `path` from the one after `start` on. */
static int make_parents(const char *root, const char *path, size_t start)
{
    char part[PATH_BYTES];
    size_t length = strlen(path);
    if (length >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = start + 1; i < length; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        const char *name;
        int parent = child_path_parent(root, part, &name);
        if (parent < 0)
            return -1;
        int made = *name ? mkdirat(parent, name, 0755) : 0;
        int saved = errno;
        close(parent);
        if (made < 0 && saved != EEXIST) {
            errno = saved;
            return -1;
        }
    }
    return 0;
}

int child_path_make(const char *root, const char *path, bool directory)
{
    const char *name;
    int parent = child_path_parent(root, path, &name);
    if (parent < 0 && errno == ENOENT) {
        size_t start = child_path_below(root, path) ? strlen(root) : 0;
        parent = make_parents(root, path, start) < 0 ? -1 : child_path_parent(root, path, &name);
    }
    if (parent < 0)
        return -1;
    int result;
    if (directory) {
        result = mkdirat(parent, name, 0755);
    } else {
        result = openat(parent, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (result >= 0)
            close(result);
    }
    int saved = errno;
    close(parent);
    errno = saved;
    return result < 0 && errno != EEXIST ? -1 : 0;
}

int child_mkdir_parents(const char *path)
{
    struct stat stat;
    if (lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode))
        return 0;
    return child_path_make(NULL, path, true);
}
