/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of processes. One pidfd for each watched process, whoever and however many want to know;
 * our children are reaped, others are only seen to be gone. A process that is watched is signalled
 * through its pidfd, so that its number may not be somebody else's. Without pidfds (before Linux
 * 5.3, or out of descriptors) its number is looked at again and again.
 */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_FIRST_NS (1 * NS_PER_MS)
#define POLL_MAX_NS (100 * NS_PER_MS)

struct watched_process {
    struct host_linux *host;
    pid_t pid;
    int pidfd; /* -1: polled, or there is no such process */
    struct loop_watch *watch;
    struct loop_timer *timer;
    uint64_t delay_ns;
    bool ended; /* out of the table; its requests are being told */
    struct list requests;
};

struct exit_watch_request {
    struct host_request request;
    struct watched_process *process;
    host_exit_fn fn;
    void *arg;
};

/*
 * Children of ours that no agent waits for any more: theirs has gone, though this process lives on
 * (where an agent's crash is played, not real). What init does for a dead agent's children is done
 * here for them. Process-wide, as children are.
 */
static struct u64map *abandoned; /* pid -> a mark */

static void abandon(pid_t pid)
{
    static char mark;
    if (waitpid(pid, NULL, WNOHANG) != 0) /* reaped by this, or no child */
        return;
    if (!abandoned)
        abandoned = u64map_new();
    u64map_set(abandoned, (uint64_t)pid, &mark);
}

void linux_abandoned_reap(void)
{
    size_t cursor = 0;
    uint64_t pid;
    void *mark;
    while (abandoned && u64map_next(abandoned, &cursor, &pid, &mark))
        if (waitpid((pid_t)pid, NULL, WNOHANG) != 0)
            u64map_remove(abandoned, pid);
    if (abandoned && u64map_count(abandoned) == 0) {
        u64map_free(abandoned);
        abandoned = NULL;
    }
}

void linux_children_abandon(struct host *base)
{
    struct host_linux *host = host_linux_of(base);
    size_t cursor = 0;
    uint64_t pid;
    void *mark;
    while (u64map_next(host->children, &cursor, &pid, &mark)) {
        u64map_remove(host->children, pid);
        abandon((pid_t)pid);
    }
}

/* Takes it out of the table, so that who asks from a callback finds a new world. */
static void process_close(struct watched_process *process)
{
    struct loop *loop = process->host->base.loop;
    loop_fd_stop(loop, TAKE_PTR(process->watch));
    loop_timer_stop(loop, TAKE_PTR(process->timer));
    if (process->pidfd >= 0)
        close(process->pidfd);
    process->pidfd = -1;
    u64map_remove(process->host->watched, (uint64_t)process->pid);
}

static void request_cancel(struct host_request *request)
{
    struct exit_watch_request *watch = container_of(request, struct exit_watch_request, request);
    struct watched_process *process = watch->process;
    list_remove(&request->node);
    free(watch);
    if (!process->ended && list_empty(&process->requests)) {
        /* Of a child the end is still to be seen: by whoever watches it next. */
        siginfo_t info;
        if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            u64map_set(process->host->children, (uint64_t)process->pid, process->host);
        process_close(process);
        free(process);
    }
}

static void process_ended(struct watched_process *process, bool status_known, int status)
{
    process->ended = true;
    process_close(process);
    while (!list_empty(&process->requests)) {
        struct exit_watch_request *watch =
            list_entry(process->requests.next, struct exit_watch_request, request.node);
        host_exit_fn fn = watch->fn;
        void *arg = watch->arg;
        list_remove(&watch->request.node);
        free(watch);
        fn(arg, 0, status_known, status);
    }
    free(process);
}

/* True when it has ended; then the status, if it was our child. */
static bool has_ended(const struct watched_process *process, bool *ret_known, int *ret_status)
{
    *ret_known = false;
    *ret_status = 0;
    pid_t reaped;
    do
        reaped = waitpid(process->pid, ret_status, WNOHANG);
    while (reaped < 0 && errno == EINTR);
    if (reaped == process->pid) {
        *ret_known = true;
        return true;
    }
    if (reaped == 0)
        return false;
    /* Not a child: the pidfd knows; without it, the number is all there is. */
    if (process->pidfd >= 0)
        return syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
    struct process_info info;
    return linux_process_info(&process->host->base, process->pid, &info) < 0 || info.state == 'Z';
}

static void pidfd_readable(void *arg, unsigned events)
{
    (void)events;
    struct watched_process *process = arg;
    bool known;
    int status;
    if (!has_ended(process, &known, &status)) {
        /* A stranger's zombie: dead, though its parent has not looked yet. */
        known = false;
        status = 0;
    }
    process_ended(process, known, status);
}

static void poll_due(void *arg)
{
    struct watched_process *process = arg;
    process->timer = NULL;
    bool known;
    int status;
    if (has_ended(process, &known, &status)) {
        process_ended(process, known, status);
        return;
    }
    process->timer =
        loop_timer_start(process->host->base.loop, process->delay_ns, poll_due, process);
    process->delay_ns =
        process->delay_ns * 2 < POLL_MAX_NS ? process->delay_ns * 2 : POLL_MAX_NS;
}

static struct watched_process *process_watch(struct host_linux *host, pid_t pid)
{
    u64map_remove(host->children, (uint64_t)pid);
    if (abandoned)
        u64map_remove(abandoned, (uint64_t)pid);
    struct watched_process *process = mem_alloc(sizeof(*process));
    process->host = host;
    process->pid = pid;
    process->pidfd = -1;
    process->delay_ns = POLL_FIRST_NS;
    list_init(&process->requests);
    u64map_set(host->watched, (uint64_t)pid, process);
    if (host->has_pidfd)
        process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
    if (process->pidfd >= 0)
        process->watch =
            loop_fd_start(host->base.loop, process->pidfd, LOOP_READABLE, pidfd_readable, process);
    else
        process->timer = loop_timer_start(host->base.loop, 0, poll_due, process);
    return process;
}

struct host_request *linux_exit_watch(struct host *base, pid_t pid, host_exit_fn fn, void *arg)
{
    struct host_linux *host = host_linux_of(base);
    struct watched_process *process = u64map_get(host->watched, (uint64_t)pid);
    if (!process)
        process = process_watch(host, pid);
    struct exit_watch_request *watch = mem_alloc(sizeof(*watch));
    watch->process = process;
    watch->fn = fn;
    watch->arg = arg;
    watch->request.host = base;
    watch->request.cancel = request_cancel;
    list_append(&process->requests, &watch->request.node);
    return &watch->request;
}

int linux_signal(struct host *base, pid_t pid, int signal)
{
    if (pid <= 0) /* never a group, nor everybody */
        return -ESRCH;
    const struct watched_process *process =
        u64map_get(host_linux_of(base)->watched, (uint64_t)pid);
    int result = process && process->pidfd >= 0
                     ? (int)syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0)
                     : kill(pid, signal);
    return result < 0 ? -errno : 0;
}

void linux_exits_free(struct host_linux *host)
{
    size_t cursor = 0;
    uint64_t pid;
    void *value;
    while (u64map_next(host->watched, &cursor, &pid, &value)) {
        struct watched_process *process = value;
        process_close(process);
        /* watches that only reap a command that was killed: nobody holds them */
        list_for_each_safe(node, following, &process->requests)
        {
            struct host_request *request = list_entry(node, struct host_request, node);
            free(container_of(request, struct exit_watch_request, request));
        }
        free(process);
        u64map_set(host->children, pid, host);
    }
    linux_children_abandon(&host->base);
    u64map_free(host->children);
    u64map_free(host->watched);
}
