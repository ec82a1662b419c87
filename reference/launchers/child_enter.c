/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enter and clone (launchers.md 3.4). Entering a pid namespace is for children only, and a process
 * that has entered one may not make another; so there is a process in between:
 *
 *     this one         enters, clones          waits for nobody, ends
 *     in between       in the entered pid namespace, clones the final one, ends
 *     the final one    reports its pid by its credentials, which the kernel translates; goes on
 *
 * Each is cloned with CLONE_PARENT: all are children of the agent, which reaps them; the final one
 * too, whose end it so learns like that of any container. The report's socket carries: 'm' and a
 * pid for the process in between, 'p' from the final one (with credentials), 'e' and a text for an
 * error.
 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    int flag;
} kinds[] = {
    {"user", CLONE_NEWUSER},
    {"cgroup", CLONE_NEWCGROUP},
    {"ipc", CLONE_NEWIPC},
    {"uts", CLONE_NEWUTS},
    {"net", CLONE_NEWNET},
    {"pid", CLONE_NEWPID},
    {"mnt", CLONE_NEWNS},
};

static _Noreturn void report_failure(int error, const char *what)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "e%s: %s", what, strerror(error));
    send(CHILD_FD_REPORT, text, (size_t)length, MSG_NOSIGNAL);
    _exit(1);
}

static void enter(const char *name, int fd)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) != 0)
            continue;
        if (setns(fd, kinds[i].flag) < 0) {
            char what[64];
            snprintf(what, sizeof(what), "enter the %s namespace", name);
            report_failure(errno, what);
        }
        close(fd);
        return;
    }
    report_failure(EINVAL, "unknown namespace");
}

static pid_t clone_sibling(uint64_t flags)
{
    /* As fork, with a parent that is ours too. The exit signal is that of this process: SIGCHLD. */
    return (pid_t)syscall(SYS_clone, flags | CLONE_PARENT, 0, 0, 0, 0);
}

static void report_pid(void)
{
    char byte = 'p';
    struct ucred ucred = {.pid = (pid_t)syscall(SYS_getpid), .uid = getuid(), .gid = getgid()};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec iovec = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &iovec,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(ucred));
    memcpy(CMSG_DATA(header), &ucred, sizeof(ucred));
    if (sendmsg(CHILD_FD_REPORT, &message, MSG_NOSIGNAL) != 1)
        _exit(1);
    close(CHILD_FD_REPORT);
}

static void clone_final(uint64_t flags)
{
    pid_t pid = clone_sibling(flags);
    if (pid < 0)
        report_failure(errno, "clone the container's process");
    if (pid > 0)
        _exit(0);
    report_pid();
    /* Only now: until its pid is known, the agent finds it by the helper's process group. */
    if (setsid() < 0)
        child_fail(errno, "make a session");
}

void child_enter_and_clone(const struct child_plan *plan)
{
    int fd = CHILD_FD_FIRST_NS;
    bool pid_entered = false;
    for (const char *const *name = plan->enter; name && *name; name++) {
        pid_entered |= strcmp(*name, "pid") == 0;
        enter(*name, fd++);
    }
    if (pid_entered && plan->clone_flags & CLONE_NEWPID) {
        pid_t between = clone_sibling(0);
        if (between < 0)
            report_failure(errno, "clone into the pid namespace");
        if (between > 0) {
            char text[32];
            int length = snprintf(text, sizeof(text), "m%d", (int)between);
            send(CHILD_FD_REPORT, text, (size_t)length, MSG_NOSIGNAL);
            _exit(0);
        }
    }
    clone_final(plan->clone_flags);
}
