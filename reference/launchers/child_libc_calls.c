/* SPDX-License-Identifier: Apache-2.0 */
/* System calls under libc's names. Those of older architectures alone are made by their newer
 * forms, which every one has. */
#include "reference/launchers/child_libc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "reference/launchers/child_call.h"

static int last_error;

int *__errno_location(void)
{
    return &last_error;
}

static long result_of(long result)
{
    if (result < 0 && result > -4096) {
        last_error = (int)-result;
        return -1;
    }
    return result;
}

#define CALL6(number, a, b, c, d, e, f)                                                          \
    result_of(raw_call(                                                                        \
        (number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CALL5(number, a, b, c, d, e) CALL6(number, a, b, c, d, e, 0)
#define CALL4(number, a, b, c, d) CALL6(number, a, b, c, d, 0, 0)
#define CALL3(number, a, b, c) CALL6(number, a, b, c, 0, 0, 0)
#define CALL2(number, a, b) CALL6(number, a, b, 0, 0, 0, 0)
#define CALL1(number, a) CALL6(number, a, 0, 0, 0, 0, 0)
#define CALL0(number) CALL6(number, 0, 0, 0, 0, 0, 0)

long syscall(long number, ...)
{
    long words[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) /* the registers that hold them, whether they are given or not */
        words[i] = va_arg(list, long);
    va_end(list);
    return CALL6(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* Files. */

int openat(int directory, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return (int)CALL4(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return (int)CALL4(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
    return (int)CALL1(SYS_close, fd);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    return CALL3(SYS_read, fd, buffer, size);
}

ssize_t write(int fd, const void *data, size_t length)
{
    return CALL3(SYS_write, fd, data, length);
}

int dup2(int from, int to)
{
    return from == to ? to : (int)CALL3(SYS_dup3, from, to, 0);
}

int fstatat(int directory, const char *restrict path, struct stat *restrict info, int flags)
{
    return (int)CALL4(SYS_newfstatat, directory, path, info, flags);
}

int stat(const char *path, struct stat *info)
{
    return fstatat(AT_FDCWD, path, info, 0);
}

int lstat(const char *path, struct stat *info)
{
    return fstatat(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *info)
{
    return (int)CALL2(SYS_fstat, fd, info);
}

int fstatfs(int fd, struct statfs *info)
{
    return (int)CALL2(SYS_fstatfs, fd, info);
}

int access(const char *path, int mode)
{
    return (int)CALL3(SYS_faccessat, AT_FDCWD, path, mode);
}

int chmod(const char *path, mode_t mode)
{
    return (int)CALL3(SYS_fchmodat, AT_FDCWD, path, mode);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    return (int)CALL3(SYS_mkdirat, directory, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return (int)CALL5(SYS_renameat2, from_directory, from, to_directory, to, 0);
}

int symlinkat(const char *target, int directory, const char *path)
{
    return (int)CALL3(SYS_symlinkat, target, directory, path);
}

ssize_t readlink(const char *path, char *buffer, size_t size)
{
    return CALL4(SYS_readlinkat, AT_FDCWD, path, buffer, size);
}

int chdir(const char *path)
{
    return (int)CALL1(SYS_chdir, path);
}

int fchdir(int fd)
{
    return (int)CALL1(SYS_fchdir, fd);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags,
    const void *data)
{
    return (int)CALL5(SYS_mount, source, target, type, flags, data);
}

int umount2(const char *target, int flags)
{
    return (int)CALL2(SYS_umount2, target, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    long argument = va_arg(list, long);
    va_end(list);
    return (int)CALL3(SYS_ioctl, fd, request, argument);
}

int isatty(int fd)
{
    char settings[128]; /* more than a struct termios of any architecture */
    return ioctl(fd, TCGETS, settings) == 0;
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    return CALL6(SYS_sendto, fd, data, length, flags, 0, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return CALL3(SYS_sendmsg, fd, message, flags);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return (void *)CALL6(SYS_mmap, at, length, protection, flags, fd, offset);
}

/* Processes. */

void _exit(int status)
{
    for (;;)
        raw_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

pid_t fork(void)
{
    return (pid_t)CALL5(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

int execve(const char *path, char *const argv[], char *const environment[])
{
    return (int)CALL3(SYS_execve, path, argv, environment);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return (pid_t)CALL4(SYS_wait4, pid, status, options, 0);
}

int kill(pid_t pid, int signal)
{
    return (int)CALL2(SYS_kill, pid, signal);
}

pid_t getpid(void)
{
    return (pid_t)CALL0(SYS_getpid);
}

pid_t setsid(void)
{
    return (pid_t)CALL0(SYS_setsid);
}

int setns(int fd, int kind)
{
    return (int)CALL2(SYS_setns, fd, kind);
}

int unshare(int flags)
{
    return (int)CALL1(SYS_unshare, flags);
}

int prctl(int option, ...)
{
    unsigned long words[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        words[i] = va_arg(list, unsigned long);
    va_end(list);
    return (int)CALL5(SYS_prctl, option, words[0], words[1], words[2], words[3]);
}

int nanosleep(const struct timespec *duration, struct timespec *left)
{
    return (int)CALL2(SYS_nanosleep, duration, left);
}

/* Users and limits. */

uid_t getuid(void)
{
    return (uid_t)CALL0(SYS_getuid);
}

gid_t getgid(void)
{
    return (gid_t)CALL0(SYS_getgid);
}

int setuid(uid_t uid)
{
    return (int)CALL1(SYS_setuid, uid);
}

int setgid(gid_t gid)
{
    return (int)CALL1(SYS_setgid, gid);
}

int setgroups(size_t count, const gid_t *groups)
{
    return (int)CALL2(SYS_setgroups, count, groups);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    return (int)CALL4(SYS_prlimit64, 0, resource, limit, 0);
}

/* Signals. libc's sets are longer than the kernel's; the first words are the same. */

struct kernel_action {
    void *handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define RESTORER 0x04000000UL /* SA_RESTORER, which libc keeps to itself */

void child_libc_restore(void);

int sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
    struct kernel_action wanted = {0};
    (void)old; /* nobody asks for it */
    wanted.handler = (void *)(uintptr_t)action->sa_handler;
    wanted.flags = (unsigned long)action->sa_flags | RESTORER;
    wanted.restorer = child_libc_restore;
    memcpy(&wanted.mask, &action->sa_mask, sizeof(wanted.mask));
    return (int)CALL4(SYS_rt_sigaction, signal, &wanted, 0, CHILD_LIBC_SIGNAL_BYTES);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return (int)CALL4(SYS_rt_sigprocmask, how, set, old, CHILD_LIBC_SIGNAL_BYTES);
}

int sigemptyset(sigset_t *set)
{
    memset(set, 0, sizeof(*set));
    return 0;
}

int sigfillset(sigset_t *set)
{
    memset(set, 0xff, sizeof(*set));
    return 0;
}
