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
#define LINKS_MAX 40 /* as in the kernel */

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
static int opened_fd; /* 0: none, see child.h */

void child_path_forget(void)
{
    if (opened_fd > 0)
        close(opened_fd);
    opened_fd = 0;
}

static int open_root(const char *root)
{
    size_t size = strlen(root) + 1;
    if (opened_fd > 0 && strcmp(root, opened_root) == 0)
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

/* Of an error path: errno stays. */
static void close_after_error(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

/* What openat2 does, for kernels before 5.6. */
struct walk {
    int base;
    int at;
    unsigned links; /* how many may still be followed */
    char path[PATH_BYTES];
    const char *rest; /* of the path, or of where a link leads */
};

static int duplicate(int fd)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0L);
}

static void walk_to(struct walk *walk, int next)
{
    close(walk->at);
    walk->at = next;
}

/* Goes on where the link leads, with the rest behind it; from the base when it leads to "/". */
static int walk_link(struct walk *walk, int link)
{
    char target[PATH_BYTES];
    char rest[PATH_BYTES];
    if (walk->links == 0) {
        errno = ELOOP;
        return -1;
    }
    walk->links--;
    long length = syscall(SYS_readlinkat, link, "", target, sizeof(target) - 1);
    if (length < 0)
        return -1;
    target[length] = '\0';
    snprintf(rest, sizeof(rest), "%s", walk->rest);
    if ((size_t)snprintf(walk->path, sizeof(walk->path), "%s/%s", target, rest) >=
        sizeof(walk->path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    walk->rest = walk->path;
    if (target[0] == '/')
        walk_to(walk, duplicate(walk->base));
    return walk->at < 0 ? -1 : 0;
}

static bool is_same(int one, int other)
{
    struct stat a;
    struct stat b;
    return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int walk_part(struct walk *walk, const char *part, bool no_follow)
{
    struct stat info;
    if (strcmp(part, "..") == 0 && is_same(walk->at, walk->base))
        return 0;
    int next = openat(walk->at, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return -1;
    if (fstat(next, &info) == 0 && S_ISLNK(info.st_mode) && !(no_follow && !*walk->rest)) {
        int result = walk_link(walk, next);
        close_after_error(next);
        return result;
    }
    walk_to(walk, next);
    return 0;
}

/* One component after the other, each looked at without following it. Who renames directories
 * meanwhile could lead a ".." out of the base, which only the kernel can prevent. */
static int walk_path(int base, const char *path, bool no_follow, unsigned links)
{
    char part[PATH_BYTES];
    struct walk walk = {.base = base, .at = duplicate(base), .links = links};
    int result = walk.at < 0 ? -1 : 0;
    if ((size_t)snprintf(walk.path, sizeof(walk.path), "%s", path) >= sizeof(walk.path)) {
        errno = ENAMETOOLONG;
        result = -1;
    }
    walk.rest = walk.path;
    while (result == 0) {
        while (*walk.rest == '/')
            walk.rest++;
        size_t length = strcspn(walk.rest, "/");
        if (length == 0)
            return walk.at;
        memcpy(part, walk.rest, length);
        part[length] = '\0';
        walk.rest += length;
        result = walk_part(&walk, part, no_follow);
    }
    if (walk.at >= 0)
        close_after_error(walk.at);
    return -1;
}

/* As an O_PATH descriptor, by one of these ways. */
static int open_below(const char *directory, const char *path, bool no_follow, uint64_t resolve)
{
    const bool no_links = resolve & RESOLVE_NO_SYMLINKS;
    int base = open_root(directory);
    if (base < 0)
        return -1;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0),
        .resolve = resolve | RESOLVE_NO_MAGICLINKS};
    while (*path == '/')
        path++;
    if (!*path)
        path = ".";
    int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS)
        fd = walk_path(base, path, no_follow, no_links ? 0 : LINKS_MAX);
    return fd;
}

int child_path_open(const char *root, const char *path, bool no_follow)
{
    const char *below = child_path_below(root, path);
    int fd = below ? open_below(root, below, no_follow, RESOLVE_IN_ROOT)
                   : open(path, O_PATH | O_CLOEXEC | (no_follow ? O_NOFOLLOW : 0));
    struct stat stat;
    if (fd >= 0 && no_follow && fstat(fd, &stat) == 0 && S_ISLNK(stat.st_mode)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

int child_path_open_beneath(const char *directory, const char *path)
{
    const char *below = child_path_below(directory, path);
    if (!below) {
        errno = EXDEV;
        return -1;
    }
    return open_below(directory, below, false, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
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

static int make_in(int parent, const char *name, bool directory)
{
    const int flags = O_NOFOLLOW | O_CLOEXEC;
    if (!directory)
        return openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | flags, 0644);
    return mkdirat(parent, name, 0755) < 0
               ? -1
               : openat(parent, name, O_PATH | O_DIRECTORY | flags);
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
    int made = make_in(parent, name, directory);
    int saved = errno;
    close(parent);
    errno = saved;
    return made;
}

int child_path_make_directory(const char *root, const char *path)
{
    int made = child_path_make(root, path, true);
    if (made >= 0)
        close(made);
    return made < 0 && errno != EEXIST ? -1 : 0;
}

int child_mkdir_parents(const char *path)
{
    struct stat stat;
    if (lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode))
        return 0;
    return child_path_make_directory(NULL, path);
}
