/* SPDX-License-Identifier: Apache-2.0 */
/* What needs assembly: the entry, a new process on a stack of its own, and the return from a
 * signal's handler. */
#include "reference/launchers/child_call.h"
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

char **environ;

int main(void);
void child_libc_start(long *stack);

#if defined(__x86_64__)
__asm__(".text\n"
        ".global _start\n"
        "_start:\n\t"
        "xorl %ebp, %ebp\n\t"
        "movq %rsp, %rdi\n\t"
        "andq $-16, %rsp\n\t"
        "callq child_libc_start\n\t"
        "ud2\n"
        ".global child_libc_restore\n"
        "child_libc_restore:\n\t"
        "movl $15, %eax\n\t" /* rt_sigreturn */
        "syscall\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".global _start\n"
        "_start:\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "mov x0, sp\n\t"
        "and sp, x0, #-16\n\t"
        "bl child_libc_start\n\t"
        "brk #1\n"
        ".global child_libc_restore\n"
        "child_libc_restore:\n\t"
        "mov x8, #139\n\t" /* rt_sigreturn */
        "svc #0\n");
#else
#error "link the helper with libc on this architecture"
#endif

/* The kernel leaves argc, argv, NULL, envp, NULL on the stack. */
__attribute__((noreturn, used)) void child_libc_start(long *stack)
{
    environ = (char **)(stack + 1 + stack[0] + 1);
    _exit(main());
}

int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
    long result = raw_clone(SYS_clone, (long)(unsigned)flags, (long)stack, fn, arg);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (int)result;
}
