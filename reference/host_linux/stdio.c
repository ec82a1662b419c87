/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandboxes belong to the container's user, so no symlink is followed there: it would lead the
 * agent to write wherever the user likes.
 */
#include "reference/host_linux/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "reference/host_linux/internal.h"

#define OPEN_FLAGS (O_CLOEXEC | O_NOCTTY | O_NOFOLLOW)

/* The directory of the path, when it stands below one whose links are not to be followed; the path
 * is shortened to its last component then. AT_FDCWD otherwise; -errno. */
static int open_place(const struct plan *plan, const char **path)
{
    size_t length = plan->stdio_below ? strlen(plan->stdio_below) : 0;
    if (length == 0 || strncmp(*path, plan->stdio_below, length) != 0 || (*path)[length] != '/')
        return AT_FDCWD;
    const char *name = strrchr(*path, '/') + 1;
    _cleanup_free_ char *between = str_ndup(*path + length, (size_t)(name - *path) - length);
    *path = name;
    return linux_open_below(plan->stdio_below, between, false, 0);
}

/* One that is made belongs to whom the plan says. */
static int open_output(const struct plan *plan, int place, const char *name)
{
    int fd = openat(place, name, O_WRONLY | O_APPEND | OPEN_FLAGS | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        return errno == EEXIST ? openat(place, name, O_WRONLY | O_APPEND | OPEN_FLAGS) : -1;
    if (plan->stdio_uid == (uid_t)-1 || fchown(fd, plan->stdio_uid, plan->stdio_gid) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int linux_stdio_open(const struct plan *plan, unsigned i, struct err *err)
{
    if (plan->stdio_fds[i] >= 0)
        return plan->stdio_fds[i];
    const char *path = plan->stdio[i] ? plan->stdio[i] : "/dev/null";
    const char *name = path;
    _cleanup_close_ int place = open_place(plan, &name);
    if (place < 0 && place != AT_FDCWD)
        return err_errno(err, place, "open %s", path);
    int fd = i == STDIN_FILENO ? openat(place, name, O_RDONLY | OPEN_FLAGS)
                               : open_output(plan, place, name);
    return fd < 0 ? err_errno(err, -errno, "open %s", path) : fd;
}
