/* SPDX-License-Identifier: Apache-2.0 */
/* try: what a container should not be able to do to what is outside of it. Each leaves nothing when
 * it works, but for the mount, which is there to be looked for from outside. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/workload/play.h"

#define NODE "device-node"

static int attempt_mount(const char *path)
{
    return mount("tmpfs", path, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int attempt_trace(const char *number)
{
    pid_t pid = (pid_t)strtol(number, NULL, 10);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        return errno;
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return 0;
}

static int attempt_signal(const char *number)
{
    return kill((pid_t)strtol(number, NULL, 10), 0) < 0 ? errno : 0;
}

/* "b 7:0": a node of its own in the working directory, opened for reading. */
static int attempt_device(const char *device)
{
    unsigned major_number;
    unsigned minor_number;
    char type;
    if (sscanf(device, "%c %u:%u", &type, &major_number, &minor_number) != 3)
        return EINVAL;
    mode_t mode = (type == 'b' ? S_IFBLK : S_IFCHR) | 0600;
    if (mknod(NODE, mode, makedev(major_number, minor_number)) < 0)
        return errno;
    int fd = open(NODE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    unlink(NODE);
    return error;
}

static const struct {
    const char *what;
    int (*fn)(const char *subject);
} attempts[] = {
    {"mount", attempt_mount},
    {"trace", attempt_trace},
    {"signal", attempt_signal},
    {"device", attempt_device},
};

int attempt(const char *what, const char *subject)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        if (strcmp(attempts[i].what, what) == 0)
            return attempts[i].fn(subject);
    }
    return EINVAL;
}
