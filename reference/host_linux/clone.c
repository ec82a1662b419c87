/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built without sanitizers: the new process runs on a stack of its own in our memory, of which they
 * know nothing.
 */
#include "reference/host_linux/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)
#define TEMPORARY_FD 256 /* above all that is passed */

static int fail(struct clone_request *request, const char *stage)
{
    request->error = errno;
    request->stage = stage;
    syscall(SYS_exit_group, 127);
    return 127;
}

/* Out of the way first, so that no descriptor is overwritten before it has its place. */
static int place_descriptors(struct clone_request *request)
{
    int moved[CLONE_FDS_MAX];
    for (unsigned i = 0; i < request->fds_count; i++) {
        moved[i] = -1;
        if (request->fds[i] < 0)
            continue;
        moved[i] = (int)syscall(SYS_fcntl, request->fds[i], F_DUPFD_CLOEXEC, TEMPORARY_FD);
        if (moved[i] < 0)
            return -1;
    }
    for (unsigned i = 0; i < request->fds_count; i++) {
        if (moved[i] < 0)
            syscall(SYS_close, (int)i);
        else if (syscall(SYS_dup3, moved[i], (int)i, 0) < 0)
            return -1;
    }
    return 0;
}

static int child_main(void *arg)
{
    struct clone_request *request = arg;
    if (syscall(SYS_setsid) < 0)
        return fail(request, "make a session");
    int helper = (int)syscall(SYS_fcntl, request->helper, F_DUPFD_CLOEXEC, TEMPORARY_FD);
    if (helper < 0 || place_descriptors(request) < 0)
        return fail(request, "place descriptors");
    /* Everything else is closed by the exec; close_range spares us from relying on it. */
    syscall(SYS_close_range, request->fds_count, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    static char name[] = "seatrial-init";
    char *const arguments[] = {name, NULL};
    syscall(SYS_execveat, helper, "", arguments, request->environment, AT_EMPTY_PATH);
    return fail(request, "execute the init helper");
}

#if defined(__x86_64__)
/* clone3 has no wrapper, and returns in the child on the new stack: straight to its function. */
static long clone3_call(const struct clone_args *args, int (*fn)(void *), void *arg)
{
    long result;
    register int (*fn_register)(void *) __asm__("r12") = fn;
    register void *arg_register __asm__("r13") = arg;
    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movq %%r13, %%rdi\n\t"
                     "callq *%%r12\n\t"
                     "ud2\n"
                     "1:\n\t"
                     : "=a"(result)
                     : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(fn_register),
                     "r"(arg_register)
                     : "rcx", "r11", "memory");
    return result;
}
#define HAS_CLONE3 1
#elif defined(__aarch64__)
static long clone3_call(const struct clone_args *args, int (*fn)(void *), void *arg)
{
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = sizeof(*args);
    register long number __asm__("x8") = SYS_clone3;
    register int (*fn_register)(void *) __asm__("x9") = fn;
    register void *arg_register __asm__("x10") = arg;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, x10\n\t"
                     "blr x9\n\t"
                     "brk #1\n"
                     "1:\n\t"
                     : "+r"(result)
                     : "r"(size), "r"(number), "r"(fn_register), "r"(arg_register)
                     : "memory");
    return result;
}
#define HAS_CLONE3 1
#else
#define HAS_CLONE3 0
#endif

#if HAS_CLONE3
static pid_t clone_into(struct clone_request *request, char *stack)
{
    struct clone_args args;
    memset(&args, 0, sizeof(args));
    args.flags = request->flags | CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.stack = (uint64_t)(uintptr_t)stack;
    args.stack_size = STACK_BYTES;
    args.cgroup = (uint64_t)request->cgroup;
    return (pid_t)clone3_call(&args, child_main, request);
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
static pid_t clone_into(struct clone_request *request, char *stack)
{
    (void)request;
    (void)stack;
    return -ENOSYS;
}

int linux_clone3_works(void)
{
    return 0;
}
#endif

pid_t linux_clone(struct clone_request *request)
{
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        request->stage = "allocate a stack";
        return -errno;
    }
    request->error = 0;
    request->stage = "clone";
    /* The helper unblocks them when its handlers stand: none may run in our memory before. */
    sigset_t all;
    sigset_t saved;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    pid_t pid;
    if (request->cgroup >= 0) {
        pid = clone_into(request, stack);
    } else {
        pid = clone(child_main, stack + STACK_BYTES,
            (int)(request->flags | CLONE_VM | CLONE_VFORK | SIGCHLD), request);
        if (pid < 0)
            pid = -errno;
    }
    sigprocmask(SIG_SETMASK, &saved, NULL);
    munmap(stack, STACK_BYTES);
    if (pid > 0 && request->error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return -request->error;
    }
    return pid;
}
