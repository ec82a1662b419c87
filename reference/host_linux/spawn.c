/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawning a plan: descriptors for its stdio and its gate, namespaces to be entered, then the clone
 * (clone.h), and the plan through the gate, while the new process is on its way to the helper. A
 * nested container's process is made by the helper itself, inside the namespaces that it entered,
 * and reports its pid (launchers/child_enter.c).
 */
#include "reference/host_linux/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/strbuf.h"
#include "reference/host_linux/clone.h"
#include "reference/host_linux/stdio.h"
#include "reference/launchers/child_wire.h"

#define REPORT_TIMEOUT_MS 10000 /* the entering and cloning take a few system calls */
#define GATE_TIMEOUT_MS 10000   /* so does entering cgroups */

/* All descriptors of a spawn, closed together. */
struct spawn {
    const struct plan *plan;
    int fds[CLONE_FDS_MAX]; /* as the new process gets them; closed by us afterwards */
    unsigned count;
    bool borrowed[CLONE_FDS_MAX];
    int gate;   /* our end */
    int report; /* our end */
    int cgroup;
};

static void spawn_close(struct spawn *spawn)
{
    for (unsigned i = 0; i < spawn->count; i++)
        if (spawn->fds[i] >= 0 && !spawn->borrowed[i])
            close(spawn->fds[i]);
    const int own[] = {spawn->gate, spawn->report, spawn->cgroup};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        if (own[i] >= 0)
            close(own[i]);
}

static int open_namespace(struct spawn *spawn, pid_t pid, enum namespace_kind kind, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, namespace_names[kind]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno == ENOENT ? -ESRCH : -errno, "open %s", path);
    spawn->fds[spawn->count++] = fd;
    return 0;
}

static int open_namespaces(struct spawn *spawn, struct err *err)
{
    const struct plan *plan = spawn->plan;
    for (int kind = 0; kind < NS_COUNT; kind++) {
        if (!(plan->enter_namespaces & NS_BIT(kind)))
            continue;
        int result = open_namespace(spawn, plan->enter_pid, (enum namespace_kind)kind, err);
        if (result < 0)
            return result;
    }
    if (plan->mount_namespace_pid > 0)
        return open_namespace(spawn, plan->mount_namespace_pid, NS_MNT, err);
    return 0;
}

static int open_report(struct spawn *spawn, struct err *err)
{
    if (!spawn->plan->enter_and_clone)
        return 0;
    int pair[2];
    const int one = 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "make a socket pair");
    spawn->report = pair[0];
    spawn->fds[CHILD_FD_REPORT] = pair[1];
    if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0)
        return err_errno(err, -errno, "pass credentials");
    return 0;
}

static int prepare(struct host *host, struct spawn *spawn, struct err *err)
{
    for (unsigned i = 0; i <= STDERR_FILENO; i++) {
        spawn->borrowed[i] = spawn->plan->stdio_fds[i] >= 0;
        spawn->fds[i] = linux_stdio_open(spawn->plan, i, err);
        if (spawn->fds[i] < 0)
            return spawn->fds[i];
    }
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "make the gate");
    spawn->fds[CHILD_FD_GATE] = gate[0];
    spawn->gate = gate[1];
    int result = open_report(spawn, err);
    if (result == 0)
        result = open_namespaces(spawn, err);
    if (result == 0 && spawn->plan->into_cgroup && host_linux_of(host)->has_clone3) {
        spawn->cgroup = open(spawn->plan->into_cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (spawn->cgroup < 0)
            return err_errno(err, -errno, "open %s", spawn->plan->into_cgroup);
    }
    return result;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The helper and whoever it has made: until it has reported, the final process is of its group. One
 * that was killed in a dying pid namespace reports nothing, and left unreaped it would keep that
 * namespace's init from ending. */
static void discard_group(pid_t helper)
{
    kill(-helper, SIGKILL);
    pid_t ended;
    do
        ended = waitpid(-helper, NULL, 0);
    while (ended > 0 || (ended < 0 && errno == EINTR));
}

/* One message of the helper: 1 with a pid in *ret_pid, 0 when there will be none, negative. */
static int read_report(int fd, pid_t *ret_pid, pid_t *ret_between, struct err *err)
{
    char text[257];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iovec = {.iov_base = text, .iov_len = sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &iovec,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space)};
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, REPORT_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return err_set(err, -ETIMEDOUT, "the helper does not report");
    ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (length <= 0)
        return err_set(err, -ECHILD, "the helper ended without a report");
    text[length] = '\0';
    if (text[0] == 'e')
        return err_set(err, -ECHILD, "%s", text + 1);
    if (text[0] == 'm') {
        *ret_between = (pid_t)strtol(text + 1, NULL, 10);
        return 0;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_CREDENTIALS)
        return err_set(err, -ECHILD, "the helper reports without credentials");
    struct ucred ucred;
    memcpy(&ucred, CMSG_DATA(header), sizeof(ucred));
    *ret_pid = ucred.pid;
    return 1;
}

/* The helper, having ended, has told of the process in between, if there is one; but perhaps only
 * after that one's child had reported. Unreaped it would keep the namespace's init from ending. */
static pid_t late_between(int fd)
{
    char text[32];
    ssize_t length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    if (length <= 0 || text[0] != 'm')
        return 0;
    text[length] = '\0';
    return (pid_t)strtol(text + 1, NULL, 10);
}

/* Learns the pid of a nested container's process; the helper's own process, and the one in between,
 * end meanwhile. */
static int await_report(const struct spawn *spawn, pid_t helper, pid_t *ret_pid, struct err *err)
{
    pid_t between = 0;
    int result;
    do
        result = read_report(spawn->report, ret_pid, &between, err);
    while (result == 0);
    if (result < 0) {
        discard_group(helper);
        return result;
    }
    reap(helper);
    if (between == 0)
        between = late_between(spawn->report);
    if (between > 0)
        reap(between);
    return 0;
}

/* A new process until its gate is opened or closed. Meanwhile it goes to the helper, and the agent
 * its own way: who comes to the gate looks what became of it. One is kept for the next. */
struct flight {
    struct list node; /* in the host's flights */
    int gate;
    pid_t pid;
    struct strbuf orders; /* for the gate: files to enter cgroups by, NUL after each */
    struct clone_request request;
};

/* Ours are for what is run in our name, and for a command that is given none. */
static char **environment_of(const struct plan *plan)
{
    static char *none[] = {NULL};
    const struct launch_info *info = &plan->info;
    bool needed = info->environment_count == 0 || info->pre_exec_commands_count > 0;
    for (size_t i = 0; i < info->file_operations_count; i++)
        needed |= info->file_operations[i].operation == FILE_OPERATION_RENAME;
    return needed ? environ : none;
}

static struct flight *flight_new(struct host_linux *host, const struct spawn *spawn)
{
    const struct plan *plan = spawn->plan;
    struct flight *flight = TAKE_PTR(host->spare_flight);
    /* Not mem_alloc: its stack need not be zero. */
    if (!flight)
        flight = aligned_alloc(_Alignof(struct flight), sizeof(*flight));
    assert(flight);
    list_init(&flight->node);
    flight->gate = spawn->gate;
    flight->orders = (struct strbuf)STRBUF_INIT;
    struct clone_request *request = &flight->request;
    request->flags = plan->enter_and_clone ? 0 : linux_clone_flags(plan->clone_namespaces);
    request->cgroup = spawn->cgroup;
    request->helper = host->init_helper;
    request->fds_count = spawn->count;
    request->environment = environment_of(plan);
    memcpy(request->fds, spawn->fds, sizeof(request->fds));
    return flight;
}

static void flight_free(struct host_linux *host, struct flight *flight)
{
    list_remove(&flight->node);
    strbuf_release(&flight->orders);
    if (host->spare_flight)
        free(flight);
    else
        host->spare_flight = flight;
}

static int flight_wait(struct flight *flight, struct err *err)
{
    int result = linux_clone_wait(&flight->request);
    return result < 0 ? err_errno(err, result, "%s", flight->request.stage) : 0;
}

static struct flight *flight_at(struct host_linux *host, int gate, pid_t pid)
{
    list_for_each(node, &host->flights)
    {
        struct flight *flight = list_entry(node, struct flight, node);
        if (gate >= 0 ? flight->gate == gate : flight->pid == pid)
            return flight;
    }
    return NULL;
}

void linux_flights_free(struct host_linux *host)
{
    list_for_each_safe(node, following, &host->flights)
    {
        struct flight *flight = list_entry(node, struct flight, node);
        flight_wait(flight, NULL);
        flight_free(host, flight);
    }
    free(host->spare_flight);
}

bool linux_enter_at_gate(struct host *base, pid_t pid, const char *tasks)
{
    struct host_linux *host = host_linux_of(base);
    struct flight *flight = host->has_gate_entry ? flight_at(host, -1, pid) : NULL;
    if (!flight || flight->orders.length + strlen(tasks) + 2 > CHILD_ORDERS_BYTES)
        return false;
    strbuf_add(&flight->orders, tasks);
    strbuf_add_bytes(&flight->orders, "", 1);
    return true;
}

bool linux_enters_later(struct host *base, pid_t pid)
{
    struct host_linux *host = host_linux_of(base);
    const struct flight *flight = flight_at(host, -1, pid);
    const uint64_t key = (uint64_t)pid;
    return flight && flight->orders.length > 0 &&
           (u64map_get(host->watched, key) || u64map_get(host->children, key));
}

/* -EPIPE when the other end is closed: the process has gone, which its watch will tell. */
static int gate_write(int gate, const char *data, size_t length)
{
    sigset_t pipe_signal;
    sigset_t saved;
    int result = 0;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &saved);
    while (result == 0 && length > 0) {
        ssize_t written = write(gate, data, length);
        if (written < 0 && errno != EINTR)
            result = -errno;
        data += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    if (result == -EPIPE)
        sigtimedwait(&pipe_signal, NULL, &(struct timespec){0, 0});
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return result;
}

/* Its end of the gate is its own from here on, so that a plan longer than a pipe holds is not
 * waited with for one that has gone. */
static int send_plan(struct host *host, struct spawn *spawn, struct err *err)
{
    size_t length = 0;
    close(spawn->fds[CHILD_FD_GATE]);
    spawn->fds[CHILD_FD_GATE] = -1;
    _cleanup_free_ char *bytes = linux_plan_encode(host, spawn->plan, &length);
    const uint64_t before = length;
    int result = gate_write(spawn->gate, (const char *)&before, sizeof(before));
    if (result == 0)
        result = gate_write(spawn->gate, bytes, length);
    return result < 0 && result != -EPIPE ? err_errno(err, result, "send the plan") : 0;
}

/* The process of a nested container is another than that which was cloned. */
static int fly(struct host *host, struct flight *flight, struct spawn *spawn, struct err *err)
{
    pid_t pid = linux_clone(&flight->request);
    flight->pid = pid;
    if (pid < 0)
        return err_errno(err, pid, "%s", flight->request.stage);
    int result = send_plan(host, spawn, err);
    if (result < 0)
        kill(pid, SIGKILL); /* it would wait for the rest */
    if (result == 0 && !spawn->plan->enter_and_clone)
        return 0;
    int executed = flight_wait(flight, result == 0 ? err : NULL);
    if (result < 0 || executed < 0) {
        reap(pid);
        return result < 0 ? result : executed;
    }
    /* Our copy of the helper's end must go, or its death would not be seen. */
    close(spawn->fds[CHILD_FD_REPORT]);
    spawn->fds[CHILD_FD_REPORT] = -1;
    return await_report(spawn, pid, &flight->pid, err);
}

int linux_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    struct spawn spawn = {
        .plan = plan, .count = CHILD_FD_FIRST_NS, .gate = -1, .report = -1, .cgroup = -1};
    for (size_t i = 0; i < ARRAY_SIZE(spawn.fds); i++)
        spawn.fds[i] = -1;
    struct host_linux *linux_host = host_linux_of(host);
    int result = prepare(host, &spawn, err);
    if (result == 0) {
        struct flight *flight = flight_new(linux_host, &spawn);
        result = fly(host, flight, &spawn, err);
        *ret_pid = flight->pid;
        if (result == 0)
            list_append(&linux_host->flights, &flight->node);
        else
            flight_free(linux_host, flight);
    }
    if (result == 0) {
        u64map_set(linux_host->children, (uint64_t)*ret_pid, host);
        *ret_gate = TAKE_FD(spawn.gate);
    }
    spawn_close(&spawn);
    return result;
}

/* Until the process has closed its end: it is in its cgroups then, or has ended. */
static int gate_pass(int gate, struct err *err)
{
    struct pollfd passed = {.fd = gate};
    int ready;
    do
        ready = poll(&passed, 1, GATE_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    return ready == 1 ? 0 : err_set(err, -ETIMEDOUT, "it does not enter its cgroups");
}

int linux_gate_release(struct host *base, int gate, struct err *err)
{
    struct host_linux *host = host_linux_of(base);
    struct flight *flight = flight_at(host, gate, 0);
    assert(flight);
    bool ordered = flight->orders.length > 0;
    /* The orders, and the word to go, in one write: they are fewer bytes than a pipe holds. It need
     * not be at the gate yet: then it finds them there, and neither waits for the other. Whether it
     * could execute the helper is told afterwards. */
    strbuf_add(&flight->orders, "g");
    int written = gate_write(gate, flight->orders.text, flight->orders.length);
    int result = written == 0 && ordered ? gate_pass(gate, err) : 0;
    if (result == 0)
        result = flight_wait(flight, err);
    if (result == 0 && written < 0)
        result = err_errno(err, written, "release the gate");
    return result;
}

void linux_gate_close(struct host *base, int gate)
{
    struct host_linux *host = host_linux_of(base);
    if (gate < 0)
        return;
    struct flight *flight = flight_at(host, gate, 0);
    assert(flight);
    flight_wait(flight, NULL);
    flight_free(host, flight);
    close(gate);
}
