/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server tells by a pipe which mount is its own, and in the end that it is gone; the guard
 * waits for the server's pidfd. The mount's id alone would not do: the next mount gets the same.
 */
#include "fakes/cgroupfs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reference/base/mem.h"

struct guard {
    int pipe;
};

/* Written in one piece, which a pipe keeps together. */
struct guarded {
    uint64_t mount_id;
    char mount_point[PATH_MAX - sizeof(uint64_t)];
};

/* It must hold nothing of its server's: not the device, not its socket, not its output. */
static void let_go(int pidfd, int pipe)
{
    int low = pidfd < pipe ? pidfd : pipe, high = pidfd < pipe ? pipe : pidfd;
    if (low > 0)
        close_range(0, (unsigned)low - 1, 0);
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
}

static bool still_mounted(uint64_t mount_id)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (file && !found && getline(&line, &size, file) >= 0) {
        uint64_t id;
        found = sscanf(line, "%" SCNu64, &id) == 1 && id == mount_id;
    }
    if (file)
        fclose(file);
    return found;
}

_Noreturn static void guard_main(int server, int pipe)
{
    struct pollfd end = {.fd = server, .events = POLLIN};
    struct guarded guarded;
    setsid(); /* ^C is the server's */
    prctl(PR_SET_NAME, "cgroupfs-guard");
    let_go(server, pipe);
    if (chdir("/") < 0)
        _exit(1);
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        ;
    char gone;
    if (read(pipe, &guarded, sizeof(guarded)) != sizeof(guarded) || read(pipe, &gone, 1) == 1 ||
        !still_mounted(guarded.mount_id) || umount2(guarded.mount_point, MNT_DETACH) == 0)
        _exit(0);
    execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", guarded.mount_point, NULL);
    _exit(1);
}

int guard_start(struct guard **ret_guard, struct err *err)
{
    _cleanup_close_ int server = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int fds[2];
    if (server < 0 || pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "the guard of the mount");
    pid_t pid = fork();
    if (pid == 0)
        guard_main(server, fds[0]);
    int result = pid < 0 ? err_errno(err, -errno, "the guard of the mount") : 0;
    close(fds[0]);
    if (result) {
        close(fds[1]);
        return result;
    }
    *ret_guard = mem_alloc(sizeof(**ret_guard));
    (*ret_guard)->pipe = fds[1];
    return 0;
}

int guard_arm(struct guard *guard, const char *mount_point, struct err *err)
{
    struct guarded guarded = {0};
    struct statx stat;
    size_t length = strlen(mount_point);
    if (length >= sizeof(guarded.mount_point))
        return err_set(err, -ENAMETOOLONG, "%s: too long", mount_point);
    memcpy(guarded.mount_point, mount_point, length);
    if (statx(AT_FDCWD, mount_point, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID, &stat) < 0)
        return err_errno(err, -errno, "%s", mount_point);
    guarded.mount_id = stat.stx_mnt_id;
    ssize_t written = write(guard->pipe, &guarded, sizeof(guarded));
    return written == sizeof(guarded) ? 0 : err_errno(err, -errno, "the guard of the mount");
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    ssize_t written = write(guard->pipe, "", 1);
    (void)written; /* a guard that was killed */
    close(guard->pipe);
    free(guard);
}
