/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays actions for real: fakes/kernel/workload.c does the same in simulation, and a test holds the
 * two to one another.
 *
 * Signals that are handled reach the main thread only. Their handler leaves a note; it jumps back
 * to play() at once while the thread waits or burns, where nothing is half done, and between two
 * actions otherwise.
 */
#include "scenarios/workload/play.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/workload/text.h"

#define SIGNALS 65

static sigjmp_buf main_jump;
static volatile sig_atomic_t noted_signal;
static volatile sig_atomic_t may_jump;
static _Thread_local bool is_main;
/* Per signal, the list of its last handle: action. */
static const struct action *handlers[SIGNALS];

void play_say(int fd, const char *format, ...)
{
    struct text text = {0};
    char *line = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&line, format, list);
    va_end(list);
    if (length < 0)
        abort();
    text_add(&text, line, (size_t)length);
    text_add(&text, "\n", 1);
    free(line);
    fd_write(fd, text.bytes, text.length);
    text_release(&text);
}

void play_fail_text(const char *format, ...)
{
    char *line = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&line, format, list) < 0)
        abort();
    va_end(list);
    play_say(STDERR_FILENO, "seatrial-workload: %s", line);
    _exit(1);
}

static const char *error_name(int error)
{
    const char *name = strerrorname_np(error < 0 ? -error : error);
    return name ? name : "unknown error";
}

void play_fail(const struct action *action, const char *subject, int error)
{
    play_fail_text("%s%s%s: %s", action_forms[action->kind].word, subject[0] != '\0' ? " " : "",
        subject, error_name(error));
}

static void note_signal(int signal)
{
    noted_signal = signal;
    if (may_jump)
        siglongjmp(main_jump, 1);
}

static void look_for_signals(void)
{
    if (is_main && noted_signal != 0)
        siglongjmp(main_jump, 1);
}

/* Around what may take long and may be left at any point. */
static void wait_begins(void)
{
    if (!is_main)
        return;
    may_jump = 1;
    look_for_signals();
}

static void wait_ends(void)
{
    if (is_main)
        may_jump = 0;
}

static void play_list(const struct action *actions, size_t count);

void play(const struct action *actions, size_t count)
{
    is_main = true;
    /* Comes back here for every handled signal, with the signals of before the handler. */
    sigsetjmp(main_jump, 1);
    may_jump = 0;
    if (noted_signal != 0) {
        const struct action *handler = handlers[noted_signal];
        noted_signal = 0;
        play_list(handler->actions, handler->count);
    } else {
        play_list(actions, count);
    }
    _exit(0);
}

/* In a new child, whose parent may have been a thread. */
static _Noreturn void play_child(const struct action *actions, size_t count)
{
    sigset_t none;
    sigemptyset(&none);
    noted_signal = 0;
    sigprocmask(SIG_SETMASK, &none, NULL);
    play(actions, count);
}

static void act_sleep(const struct action *action)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + action->amount % 1000000000;
    until.tv_sec += (time_t)(action->amount / 1000000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    wait_begins();
    if (action->amount == ACTION_FOREVER) {
        for (;;)
            pause();
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    wait_ends();
}

static void act_burn(const struct action *action)
{
    burn(action->amount, action->percent, look_for_signals);
}

static void act_alloc(const struct action *action)
{
    int result = action->amount > SIZE_MAX / 2 ? -ENOMEM : memory_allocate(action->amount);
    if (result < 0)
        play_fail(action, "", result);
}

static void act_free(const struct action *action)
{
    memory_release(action->amount);
}

static void act_spawn(const struct action *action)
{
    pid_t pid = fork();
    if (pid < 0)
        play_fail(action, "", errno);
    if (pid == 0)
        play_child(action->actions, action->count);
}

static void act_daemon(const struct action *action)
{
    pid_t middle = fork();
    if (middle < 0)
        play_fail(action, "", errno);
    if (middle == 0) {
        pid_t pid = fork();
        if (pid == 0)
            play_child(action->actions, action->count);
        _exit(pid < 0 ? 1 : 0);
    }
    int status = 0;
    while (waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        play_fail(action, "", EAGAIN);
}

static void *play_thread(void *arg)
{
    const struct action *action = arg;
    play_list(action->actions, action->count);
    return NULL;
}

static void act_thread(const struct action *action)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, play_thread, (void *)action);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        play_fail(action, "", error);
}

static void act_setsid(const struct action *action)
{
    if (setsid() < 0)
        play_fail(action, "", errno);
}

static void act_wait(const struct action *action)
{
    (void)action;
    wait_begins();
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    wait_ends();
}

static void act_ignore(const struct action *action)
{
    for (int signal = 1; signal < SIGNALS; signal++) {
        if ((action->signals & UINT64_C(1) << (signal & 63)) != 0)
            sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    }
}

static void act_handle(const struct action *action)
{
    handlers[action->signal] = action;
    sigaction(action->signal, &(struct sigaction){.sa_handler = note_signal}, NULL);
}

static void act_kill(const struct action *action)
{
    char subject[16];
    pid_t pid = action->pid > 0 ? action->pid : action->pid < 0 ? getppid() : getpid();
    snprintf(subject, sizeof(subject), "%d", action->pid);
    /* A parent outside of the pid namespace is 0, which would mean the own process group. */
    int error = pid == 0 ? ESRCH : kill(pid, action->signal) < 0 ? errno : 0;
    if (error != 0)
        play_fail(action, action->pid > 0 ? subject : action->pid < 0 ? "parent" : "self", error);
}

static void act_write(const struct action *action)
{
    int result = file_write(
        action->name, action->text, strlen(action->text), action->kind == ACTION_APPEND);
    if (result < 0)
        play_fail(action, action->name, result);
}

static void act_read(const struct action *action)
{
    struct text text = {0};
    int result = file_read(action->name, &text);
    if (result < 0)
        play_fail(action, action->name, result);
    fd_write(STDOUT_FILENO, text.bytes, text.length);
    text_release(&text);
}

static void act_echo(const struct action *action)
{
    char buffer[4096];
    ssize_t length;
    (void)action;
    while ((length = read(STDIN_FILENO, buffer, sizeof(buffer))) != 0) {
        look_for_signals();
        if (length > 0)
            fd_write(STDOUT_FILENO, buffer, (size_t)length);
        else if (errno != EINTR)
            return; /* a terminal whose other end is gone */
    }
}

static void act_print(const struct action *action)
{
    play_say(action->kind == ACTION_PRINT ? STDOUT_FILENO : STDERR_FILENO, "%s", action->text);
}

static void act_forks(const struct action *action)
{
    static const struct action sleep_for_ever = {.kind = ACTION_SLEEP, .amount = ACTION_FOREVER};
    uint64_t count = 0;
    for (; count < action->amount; count++) {
        pid_t pid = fork();
        if (pid < 0)
            break;
        if (pid == 0)
            play_child(&sleep_for_ever, 1);
    }
    play_say(STDOUT_FILENO, "forks: %llu", (unsigned long long)count);
}

static void act_listen(const struct action *action)
{
    char subject[16];
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)action->amount),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(subject, sizeof(subject), "%u", (unsigned)action->amount);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
        play_fail(action, subject, errno);
}

static void act_report(const struct action *action)
{
    int result = report_write(action->name);
    if (result < 0)
        play_fail(action, action->name, result);
}

static void act_open(const struct action *action)
{
    int access = strcmp(action->text, "r") == 0   ? O_RDONLY
                 : strcmp(action->text, "w") == 0 ? O_WRONLY
                                                  : O_RDWR;
    int fd = open(action->name, access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = errno;
    if (fd >= 0)
        close(fd);
    play_say(STDOUT_FILENO, "open %s: %s", action->name, fd >= 0 ? "ok" : error_name(error));
}

static void act_mkcgroup(const struct action *action)
{
    int result = cgroup_nest(action->name);
    if (result < 0)
        play_fail(action, action->name, result);
}

static void act_link(const struct action *action)
{
    if (remove(action->name) < 0 && errno != ENOENT)
        play_fail(action, action->name, errno);
    if (symlink(action->text, action->name) < 0)
        play_fail(action, action->name, errno);
}

static void act_try(const struct action *action)
{
    int error = attempt(action->text, action->name);
    play_say(STDOUT_FILENO, "try %s %s: %s", action->text, action->name,
        error ? error_name(error) : "ok");
}

static void act_expect(const struct action *action)
{
    if (!action->text) {
        if (access(action->name, F_OK) < 0)
            play_fail_text("expect file %s: %s", action->name, error_name(errno));
        return;
    }
    const char *value = getenv(action->name);
    if (!value)
        play_fail_text(
            "expect env %s: expected \"%s\", got nothing", action->name, action->text);
    if (strcmp(value, action->text) != 0)
        play_fail_text("expect env %s: expected \"%s\", got \"%s\"", action->name, action->text,
            value);
}

static void act_loop(const struct action *action)
{
    for (uint64_t i = 0; i < action->amount; i++)
        play_list(action->actions, action->count);
}

static void act_stop(const struct action *action)
{
    (void)action;
    kill(getpid(), SIGSTOP);
}

static void act_exit(const struct action *action)
{
    _exit((int)action->amount);
}

static void act_die(const struct action *action)
{
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, action->signal);
    /* No core file, and so no core bit in the status. */
    prctl(PR_SET_DUMPABLE, 0);
    sigaction(action->signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    raise(action->signal);
    _exit(128 + action->signal);
}

static void (*const acts[ACTION_KIND_COUNT])(const struct action *action) = {
    [ACTION_SLEEP] = act_sleep,
    [ACTION_BURN] = act_burn,
    [ACTION_ALLOC] = act_alloc,
    [ACTION_FREE] = act_free,
    [ACTION_SPAWN] = act_spawn,
    [ACTION_SETSID] = act_setsid,
    [ACTION_DAEMON] = act_daemon,
    [ACTION_THREAD] = act_thread,
    [ACTION_WAIT] = act_wait,
    [ACTION_IGNORE] = act_ignore,
    [ACTION_HANDLE] = act_handle,
    [ACTION_KILL] = act_kill,
    [ACTION_WRITE] = act_write,
    [ACTION_APPEND] = act_write,
    [ACTION_READ] = act_read,
    [ACTION_ECHO] = act_echo,
    [ACTION_PRINT] = act_print,
    [ACTION_ERROR] = act_print,
    [ACTION_FORK_UNTIL] = act_forks,
    [ACTION_LISTEN] = act_listen,
    [ACTION_REPORT] = act_report,
    [ACTION_OPEN] = act_open,
    [ACTION_MKCGROUP] = act_mkcgroup,
    [ACTION_LINK] = act_link,
    [ACTION_TRY] = act_try,
    [ACTION_EXPECT] = act_expect,
    [ACTION_LOOP] = act_loop,
    [ACTION_STOP] = act_stop,
    [ACTION_EXIT] = act_exit,
    [ACTION_DIE] = act_die,
};

/* Lists nest 16 deep at most. */
static void play_list(const struct action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        look_for_signals();
        acts[actions[i].kind](&actions[i]);
    }
    look_for_signals();
}
