/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/provisioner/unpack/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "reference/base/mem.h"

#define ATTRIBUTE_MAX 65536 /* XATTR_SIZE_MAX */

/* The kernel itself keeps the walk below root: no race with what else is made there. */
static int open_below(int root, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

int place_directory(int root, const char *path, bool make)
{
    int fd = open_below(root, path);
    if (fd != -ENOENT || !make)
        return fd;
    _cleanup_free_ char *part = str_dup(path);
    _cleanup_close_ int above = open_below(root, "");
    for (char *slash = part; slash && above >= 0;) {
        char *name = slash;
        slash = strchr(slash, '/');
        if (slash)
            *slash = '\0';
        if (*name && mkdirat(above, name, 0755) < 0 && errno != EEXIST)
            return -errno;
        int next = open_below(root, part);
        if (next < 0)
            return next;
        close(above);
        above = next;
        if (slash)
            *slash++ = '/';
    }
    return TAKE_FD(above);
}

struct level {
    DIR *directory;
    char *name;
};

/* Goes down as far as there are directories; the depth is bounded by the heap alone. */
static int remove_tree(int directory, const char *name)
{
    struct level *levels = NULL;
    size_t depth = 0;
    size_t capacity = 0;
    int result = 0;
    _cleanup_free_ char *next = str_dup(name);
    for (;;) {
        int parent = depth ? dirfd(levels[depth - 1].directory) : directory;
        int fd = next ? openat(parent, next, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd >= 0) {
            levels = mem_grow(levels, &capacity, depth + 1, sizeof(*levels));
            levels[depth++] = (struct level){fdopendir(fd), TAKE_PTR(next)};
        } else if (next && unlinkat(parent, next, 0) < 0 && errno != ENOENT) {
            result = -errno;
        }
        free(TAKE_PTR(next));
        if (depth == 0 || result < 0)
            break;
        const struct dirent *entry = readdir(levels[depth - 1].directory);
        if (entry && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            next = str_dup(entry->d_name);
        if (entry)
            continue;
        struct level done = levels[--depth];
        closedir(done.directory);
        parent = depth ? dirfd(levels[depth - 1].directory) : directory;
        if (unlinkat(parent, done.name, AT_REMOVEDIR) < 0)
            result = -errno;
        free(done.name);
        if (depth == 0 || result < 0)
            break;
    }
    for (; depth > 0; depth--) {
        closedir(levels[depth - 1].directory);
        free(levels[depth - 1].name);
    }
    free(levels);
    return result;
}

int place_remove(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM ? remove_tree(directory, name) : -errno;
}

/* trusted.* would let an image redirect overlayfs to another directory. */
bool place_attribute_allowed(const char *name)
{
    return str_starts(name, "user.") || str_equal(name, "security.capability");
}

int place_copy_attributes(int from, int to)
{
    char names[4096];
    ssize_t length = flistxattr(from, names, sizeof(names));
    _cleanup_free_ char *value = length > 0 ? mem_alloc(ATTRIBUTE_MAX) : NULL;
    for (ssize_t i = 0; i < length; i += (ssize_t)strlen(names + i) + 1) {
        ssize_t size = fgetxattr(from, names + i, value, ATTRIBUTE_MAX);
        if (size < 0 || !place_attribute_allowed(names + i))
            continue;
        if (fsetxattr(to, names + i, value, (size_t)size, 0) < 0 && errno != EOPNOTSUPP &&
            errno != EPERM)
            return -errno;
    }
    return 0;
}

const char *whiteout_target(const char *name)
{
    if (!str_starts(name, WHITEOUT_PREFIX))
        return NULL;
    if (str_equal(name, WHITEOUT_OPAQUE))
        return "";
    const char *target = name + strlen(WHITEOUT_PREFIX);
    bool other = str_starts(target, WHITEOUT_PREFIX); /* what AUFS keeps for itself */
    return other || !*target || str_equal(target, ".") || str_equal(target, "..") ? NULL : target;
}
