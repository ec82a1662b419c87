/* SPDX-License-Identifier: Apache-2.0 */
/* What needs assembly: the entry, a new process on a stack of its own, and the return from a
 * signal's handler. */
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


static long clone_call(unsigned long flags, void *stack, int (*fn)(void *), void *arg)
{
    long result;
    register int (*r12)(void *) __asm__("r12") = fn;
    register void *r13 __asm__("r13") = arg;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movq %%r13, %%rdi\n\t"
                     "callq *%%r12\n\t"
                     "ud2\n"
                     "1:\n\t"
                     : "=a"(result)
                     : "a"((long)SYS_clone), "D"(flags), "S"(stack), "d"(0L), "r"(r10), "r"(r8),
                     "r"(r12), "r"(r13)
                     : "rcx", "r11", "memory");
    return result;
}
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


static long clone_call(unsigned long flags, void *stack, int (*fn)(void *), void *arg)
{
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = (long)flags;
    register void *x1 __asm__("x1") = stack;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    register int (*x9)(void *) __asm__("x9") = fn;
    register void *x10 __asm__("x10") = arg;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, x10\n\t"
                     "blr x9\n\t"
                     "brk #1\n"
                     "1:\n\t"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9), "r"(x10)
                     : "memory");
    return x0;
}
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
    long result = clone_call((unsigned)flags, stack, fn, arg);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (int)result;
}
