/* SPDX-License-Identifier: Apache-2.0 */
/* The helper as an init: its status file, its signals, and the children that it reaps. */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int status_fd = -1;
static volatile pid_t command_pid;

void child_status_open(const char *runtime_directory)
{
    if (!runtime_directory)
        return;
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/status", runtime_directory) >= sizeof(path))
        child_fail(ENAMETOOLONG, "status in %s", runtime_directory);
    status_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (status_fd < 0)
        child_fail(errno, "open %s", path);
}

void child_status_write(int wait_status)
{
    if (status_fd < 0)
        return;
    char text[16];
    size_t at = sizeof(text);
    unsigned rest = (unsigned)wait_status;
    do
        text[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    ssize_t written;
    do
        written = write(status_fd, text + at, sizeof(text) - at);
    while (written < 0 && errno == EINTR);
    close(status_fd);
    status_fd = -1;
}

static void handle(int signal, siginfo_t *info, void *context)
{
    (void)context;
    /* A fault of our own: it must not come back again and again. */
    bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
    if (fault && info->si_code > 0) {
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        return;
    }
    int saved = errno;
    if (command_pid > 0) {
        kill(command_pid, signal);
    } else {
        child_status_write(signal);
        _exit(1);
    }
    errno = saved;
}

/* Calls fn for every signal that can be handled and is; 32 and 33 are libc's own. */
static void each_signal(void (*fn)(int signal))
{
    for (int signal = 1; signal < NSIG; signal++)
        if (signal != SIGCHLD && signal != SIGKILL && signal != SIGSTOP)
            fn(signal);
}

static void install(int signal)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    if (sigaction(signal, &action, NULL) < 0 && signal < 32)
        child_fail(errno, "handle signal %d", signal);
}

static void uninstall(int signal)
{
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void unblock_all(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_signals_install(void)
{
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    each_signal(install);
    unblock_all();
}

void child_signals_default(void)
{
    each_signal(uninstall);
    unblock_all();
}

static _Noreturn void reap(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == command_pid) {
            child_status_write(status);
            _exit(0);
        }
        if (pid < 0 && errno != EINTR) {
            child_status_write(CHILD_STATUS_FAILED);
            _exit(1);
        }
    }
}

void child_become_init(void)
{
    /* No signal may find the child while it still has our handlers. */
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t pid = fork();
    if (pid < 0)
        child_fail(errno, "fork");
    if (pid == 0) {
        if (status_fd >= 0)
            close(status_fd);
        status_fd = -1;
        child_signals_default();
        return;
    }
    command_pid = pid;
    unblock_all();
    reap();
}
