/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built without sanitizers: the new process runs on a stack of its own in our memory, of which they
 * know nothing.
 */
#include "reference/host_linux/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reference/launchers/child_call.h"

#define TEMPORARY_FD 256 /* above all that is passed */

/* Where libc's calls would write to the errno of the agent, which runs meanwhile, it waits. */
#define CLONE_FLAGS (CLONE_VM | CLONE_CHILD_CLEARTID | (HAS_RAW_CALL ? 0 : CLONE_VFORK))

static long call(long number, long a, long b, long c)
{
    return raw_call(number, a, b, c, 0, 0, 0);
}

static _Noreturn void fail(struct clone_request *request, long result, const char *stage)
{
    request->error = (int)-result;
    request->stage = stage;
    for (;;)
        call(SYS_exit_group, 127, 0, 0);
}

/* Those that stand where others belong go out of the way first, so that no descriptor is
 * overwritten before it has its place. */
static long place_descriptors(struct clone_request *request)
{
    int *fds = request->fds;
    for (unsigned i = 0; i < request->fds_count; i++) {
        if (fds[i] < 0 || fds[i] >= (int)request->fds_count)
            continue;
        fds[i] = (int)call(SYS_fcntl, fds[i], F_DUPFD_CLOEXEC, TEMPORARY_FD);
        if (fds[i] < 0)
            return fds[i];
    }
    for (unsigned i = 0; i < request->fds_count; i++) {
        long result = fds[i] < 0 ? 0 : call(SYS_dup3, fds[i], i, 0);
        if (result < 0)
            return result;
        if (fds[i] < 0)
            call(SYS_close, i, 0, 0);
    }
    return 0;
}

static int child_main(void *arg)
{
    struct clone_request *request = arg;
    static char name[] = "seatrial-init";
    char *arguments[2];
    arguments[0] = name;
    arguments[1] = NULL;
    long result = call(SYS_setsid, 0, 0, 0);
    if (result < 0)
        fail(request, result, "make a session");
    long helper = request->helper;
    if (helper < (long)request->fds_count)
        helper = call(SYS_fcntl, helper, F_DUPFD_CLOEXEC, TEMPORARY_FD);
    result = helper < 0 ? helper : place_descriptors(request);
    if (result < 0)
        fail(request, result, "place descriptors");
    /* Ours are closed by the exec; others may have been there when the agent started. */
    result = call(SYS_close_range, request->fds_count, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    for (unsigned fd = request->fds_count; result < 0 && fd < OLD_FDS_MAX; fd++)
        call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC); /* before 5.11 */
    result = raw_call(SYS_execveat, helper, (long)"", (long)arguments, (long)request->environment,
        AT_EMPTY_PATH, 0);
    fail(request, result, "execute the init helper");
}

#if HAS_RAW_CALL
static pid_t clone_into(struct clone_request *request)
{
    struct clone_args args;
    memset(&args, 0, sizeof(args));
    args.flags = request->flags | CLONE_FLAGS | CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.stack = (uint64_t)(uintptr_t)request->stack;
    args.stack_size = sizeof(request->stack);
    args.child_tid = (uint64_t)(uintptr_t)&request->under_way;
    args.cgroup = (uint64_t)request->cgroup;
    /* It has no wrapper. */
    return (pid_t)raw_clone(SYS_clone3, (long)&args, sizeof(args), child_main, request);
}

int linux_clone3_works(void)
{
    /* An impossible size: EINVAL from a kernel that has the call, ENOSYS from one without, EPERM
     * from a filter. CLONE_INTO_CGROUP came four releases later; its size tells. */
    struct clone_args args;
    memset(&args, 0, sizeof(args));
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)INT32_MAX; /* no such descriptor */
    args.exit_signal = SIGCHLD;
    return syscall(SYS_clone3, &args, sizeof(args)) < 0 && errno == EBADF;
}
#else
static pid_t clone_into(struct clone_request *request)
{
    (void)request;
    return -ENOSYS;
}

int linux_clone3_works(void)
{
    return 0;
}
#endif

pid_t linux_clone(struct clone_request *request)
{
    request->error = 0;
    request->stage = "clone";
    request->under_way = 1;
    /* The helper unblocks them when its handlers stand: none may run in our memory before. */
    sigset_t all;
    sigset_t saved;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    pid_t pid;
    if (request->cgroup >= 0) {
        pid = clone_into(request);
    } else {
        pid = clone(child_main, request->stack + sizeof(request->stack),
            (int)(request->flags | CLONE_FLAGS | SIGCHLD), request, NULL, NULL,
            &request->under_way);
        if (pid < 0)
            pid = -errno;
    }
    sigprocmask(SIG_SETMASK, &saved, NULL);
    if (pid < 0)
        request->under_way = 0;
    return pid;
}

int linux_clone_wait(struct clone_request *request)
{
    /* The kernel clears it when the process leaves our memory, and wakes who waits. */
    while (__atomic_load_n(&request->under_way, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, &request->under_way, FUTEX_WAIT, 1, NULL, NULL, 0);
    return -request->error;
}
