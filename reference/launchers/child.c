/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOT_PAUSE_NS 1000000L /* between two looks at a root that is about to change */
#define ROOT_TRIES 10000

const char child_wire_version[] = CHILD_WIRE_MARK CHILD_WIRE_VERSION;

static void say(int error, const char *format, va_list list)
{
    char text[1024];
    int length = snprintf(text, sizeof(text), "seatrial-init: ");
    length += vsnprintf(text + length, sizeof(text) - (size_t)length, format, list);
    if ((size_t)length >= sizeof(text))
        length = sizeof(text) - 1;
    if (error)
        dprintf(STDERR_FILENO, "%.*s: %s\n", length, text, strerror(error));
    else
        dprintf(STDERR_FILENO, "%.*s\n", length, text);
}

void child_warn(int error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(error, format, list);
    va_end(list);
}

void child_fail(int error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(error, format, list);
    va_end(list);
    child_status_write(CHILD_STATUS_FAILED);
    _exit(1);
}

/* The agent's end before all of it is ours too: nobody knows of us. */
static void read_gate(void *into, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t more = read(CHILD_FD_GATE, (char *)into + done, length - done);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            _exit(1);
        done += (size_t)more;
    }
}

static void read_plan(struct child_plan *plan)
{
    uint64_t length;
    read_gate(&length, sizeof(length));
    void *buffer = malloc(length);
    if (!buffer)
        child_fail(ENOMEM, "read the plan");
    read_gate(buffer, length);
    if (child_wire_decode(buffer, length, plan) < 0)
        child_fail(EINVAL, "the plan is another's: %s", child_wire_version);
}

/* "0" is who writes it. */
static void enter_cgroup(const char *tasks)
{
    int fd = open(tasks, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        child_fail(errno, "enter the cgroup by %s", tasks);
    close(fd);
}

/* Blocks until the agent lets us go; its end without that is ours too. What it says before are
 * cgroups to be entered. */
static void wait_at_gate(void)
{
    static char orders[CHILD_ORDERS_BYTES];
    size_t length = 0;
    size_t done = 0;
    while (length == 0 || orders[length - 1] != 'g' || (length > 1 && orders[length - 2])) {
        ssize_t more = read(CHILD_FD_GATE, orders + length, sizeof(orders) - length);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0) {
            child_status_write(CHILD_STATUS_FAILED);
            _exit(1);
        }
        length += (size_t)more;
    }
    for (; done < length - 1; done += strlen(orders + done) + 1)
        enter_cgroup(orders + done);
    close(CHILD_FD_GATE);
}

static void take_terminal(const char *tty)
{
    if (!tty)
        return;
    if (!isatty(STDIN_FILENO)) {
        int fd = open(tty, O_RDWR | O_NOCTTY);
        if (fd < 0)
            child_fail(errno, "open terminal %s", tty);
        for (int i = 0; i <= STDERR_FILENO; i++)
            if (dup2(fd, i) < 0)
                child_fail(errno, "terminal %s", tty);
        if (fd > STDERR_FILENO)
            close(fd);
    }
    if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        child_fail(errno, "control terminal %s", tty);
}

/* Where the kernel says that it is; as a working directory it needs no look into /proc. */
static int path_of(int directory, char *buffer, size_t size)
{
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = here < 0 || fchdir(directory) < 0 ? -1 : 0;
    if (result == 0 && syscall(SYS_getcwd, buffer, size) < 0)
        result = -1;
    int saved = errno;
    if (here >= 0 && fchdir(here) < 0)
        child_fail(errno, "return to the working directory");
    if (here >= 0)
        close(here);
    errno = saved;
    return result;
}

static void check_root(const struct child_plan *plan)
{
    if (plan->mount_namespace_fd && (plan->mounts || plan->rootfs))
        child_fail(0, "neither mounts nor a root go with entering a mount namespace");
    if (!plan->rootfs)
        return;
    char real[PATH_MAX];
    int fd = open(plan->rootfs, O_PATH | O_CLOEXEC);
    if (fd < 0 || path_of(fd, real, sizeof(real)) < 0)
        child_fail(errno, "root %s", plan->rootfs);
    close(fd);
    if (strcmp(real, plan->rootfs) != 0)
        child_fail(0, "root %s is really %s", plan->rootfs, real);
}

static void enter_mount_namespace(const struct child_plan *plan)
{
    const struct timespec pause = {.tv_nsec = ROOT_PAUSE_NS};
    struct stat ours;
    struct stat theirs;
    if (!plan->mount_namespace_fd)
        return;
    if (stat("/", &ours) < 0)
        child_fail(errno, "look at /");
    for (unsigned i = 0;; i++) {
        if (setns((int)plan->mount_namespace_fd, CLONE_NEWNS) < 0)
            child_fail(errno, "enter the mount namespace");
        if (!(plan->flags & CHILD_ROOT_CHANGES))
            break;
        /* Until its init has changed the root, the root of the namespace is the host's. */
        if (stat("/", &theirs) < 0)
            child_fail(errno, "look at / in the mount namespace");
        if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
            break;
        if (i == ROOT_TRIES)
            child_fail(ETIMEDOUT, "the mount namespace has no root of its own");
        nanosleep(&pause, NULL);
    }
    close((int)plan->mount_namespace_fd);
}

static void change_directory(const char *directory)
{
    if (!directory)
        return;
    if (child_mkdir_parents(directory) < 0)
        child_warn(errno, "make working directory %s", directory);
    if (chdir(directory) < 0)
        child_fail(errno, "change to working directory %s", directory);
}

/* The stages of launchers.md 5, by its numbers. */
static _Noreturn void walk(const struct child_plan *plan)
{
    wait_at_gate();                              /* 4 */
    if (plan->plan_error)
        child_fail(0, "%s", plan->plan_error);
    take_terminal(plan->tty);                    /* 5 */
    /* Not by the clone: its root is the cgroup that we are in, and by now it is the container's. */
    if (plan->flags & CHILD_UNSHARE_CGROUP && unshare(CLONE_NEWCGROUP) < 0)
        child_fail(errno, "make a cgroup namespace");
    /* 6, a mount namespace of our own: the clone has made it, so that others can enter it early. */
    check_root(plan);                            /* 7, 8 */
    child_mounts(plan);                          /* 9 */
    child_masked_paths(plan);                    /* 10 */
    child_file_operations(plan);                 /* 11 */
    child_pre_exec(plan);                        /* 12 */
    if (plan->user_error)
        child_fail(0, "%s", plan->user_error);   /* 13: looked up by the agent */
    child_keep_capabilities(plan);               /* 14 */
    enter_mount_namespace(plan);                 /* 15 */
    if (plan->rootfs)
        child_change_root(plan->rootfs);         /* 16 */
    child_rlimits(plan);                         /* 17 */
    change_directory(plan->working_directory);   /* 18 */
    child_seccomp(plan);                         /* 19 */
    child_user(plan);                            /* 20 */
    child_capabilities(plan);                    /* 21 */
    child_no_new_privileges(plan);               /* 22 */
    if (plan->flags & CHILD_INIT)
        child_become_init(plan);                 /* 24 */
    child_signals_default();
    child_exec(plan);                            /* 23, 25 */
}

int main(void)
{
    struct child_plan plan;
    /* Who is in the namespaces that we enter may not look into us, and through us at the host:
     * /proc/PID/root, fd, mem. The exec of the command ends it. */
    prctl(PR_SET_DUMPABLE, 0);
    read_plan(&plan);
    if (plan.flags & CHILD_ENTER_AND_CLONE)
        child_enter_and_clone(&plan);
    child_status_open(plan.runtime_directory); /* 1 */
    child_signals_install();                   /* 2 */
    walk(&plan);
}
