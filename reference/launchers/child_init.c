/* SPDX-License-Identifier: Apache-2.0 */
/* The helper as an init: its status file, its signals, and the children that it reaps. */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_STACK_BYTES 32768

static volatile int status_fd; /* 0: none; that is the container's own (child.h) */
static volatile pid_t command_pid;
static volatile bool executing; /* about to execute a program, or in a process that is */

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
    if (status_fd <= 0)
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
    status_fd = 0;
}

static void default_action(int signal)
{
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void handle(int signal, siginfo_t *info, void *context)
{
    (void)context;
    /* A fault of our own: it must not come back again and again. */
    bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
    if (executing || (fault && info->si_code > 0)) {
        default_action(signal);
        if (executing)
            kill(getpid(), signal); /* blocked until we return */
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

/* For every signal that can be handled and is; 32 and 33 are libc's own. */
static void install_handlers(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    for (int signal = 1; signal < NSIG; signal++) {
        if (signal == SIGCHLD || signal == SIGKILL || signal == SIGSTOP)
            continue;
        if (sigaction(signal, &action, NULL) < 0 && signal < 32)
            child_fail(errno, "handle signal %d", signal);
    }
}

static void unblock_all(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_signals_install(void)
{
    default_action(SIGCHLD);
    install_handlers();
    unblock_all();
}

void child_signals_default(void)
{
    executing = true;
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

/* In the child, which shares our memory until its exec; its end without one says as much to reap(),
 * not to the status file. */
static int command_start(void *arg)
{
    const struct child_plan *plan = arg;
    child_signals_default();
    child_exec(plan);
}

void child_become_init(const struct child_plan *plan)
{
    static _Alignas(16) char stack[COMMAND_STACK_BYTES];
    /* Ours must not run while the child has our memory, nor the child's as if they were ours. */
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t pid = clone(command_start, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
        (void *)(uintptr_t)plan);
    if (pid < 0)
        child_fail(errno, "fork");
    executing = false;
    command_pid = pid;
    unblock_all();
    reap();
}
