/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors: simulated processes that do what the recorder's did. The recorder asks over a socket and
 * waits for the answer; one that is frozen or stopped answers late, and the answer is then taken
 * for that of the next question.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fakes/replay/replay_world.h"
#include "fakes/sim_loop.h"
#include "reference/base/mem.h"

#define ASK_MS_DEFAULT 20000
#define REAP_MS 3000
#define TICK_NS NS_PER_MS
#define SPIN_SYSTEM_SHARE 0.5

/* Does it and returns the answer; false in *ret_answered when there is none (it died, or waits). */
typedef int64_t (*request_fn)(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered);
struct replay_request {
    struct replay_request *next;
    request_fn fn;
    const struct replay_op *op; /* borrowed */
    int64_t amount;
    bool given_up; /* nobody waits for it any more */
};

struct replay_actor *replay_actor_find(const struct replay_world *world, const char *name)
{
    struct replay_actor *at = world->actors;
    while (at && strcmp(at->name, name))
        at = at->next;
    return at;
}

struct replay_actor *replay_actor_add(
    struct replay_world *world, const char *name, struct process *process)
{
    struct replay_actor *actor = mem_alloc(sizeof(*actor));
    actor->name = str_dup(name);
    actor->fd = replay_fd_next(world);
    actor->process = process;
    actor->pid = process->pid;
    actor->next = world->actors;
    world->actors = actor;
    replay_symbol_set(world, name, process->pid, false);
    return actor;
}

void replay_actor_free(struct replay_actor *actor)
{
    for (struct replay_request *at = actor->requests, *next; at; at = next) {
        next = at->next;
        free(at);
    }
    free(actor->replies);
    free(actor->name);
    free(actor);
}

static bool alive(const struct replay_actor *actor)
{
    return actor->process && actor->process->state != PROCESS_ZOMBIE && !actor->process->ending;
}

static void answer(struct replay_actor *actor, int64_t reply)
{
    actor->replies = mem_grow(actor->replies, &actor->replies_capacity, actor->replies_count + 1,
        sizeof(*actor->replies));
    actor->replies[actor->replies_count++] = reply;
}

/* It answers in its first thread, which may be frozen while others are not. */
static bool listens(const struct replay_actor *actor)
{
    return alive(actor) && process_runnable(actor->process) && !actor->process->leader->frozen &&
           !actor->waits;
}

static void actor_run(struct replay_world *world, struct replay_actor *actor)
{
    while (actor->requests && listens(actor)) {
        struct replay_request *request = actor->requests;
        actor->requests = request->next;
        bool answered = true;
        int64_t reply = request->fn(world, actor, request, &answered);
        if (answered)
            answer(actor, reply);
        free(request);
    }
}

void replay_actors_run(struct replay_world *world)
{
    for (struct replay_actor *at = world->actors; at; at = at->next)
        actor_run(world, at);
}

static struct replay_request *send_request(
    struct replay_actor *actor, const struct replay_op *op, request_fn fn, int64_t amount)
{
    struct replay_request *request = mem_alloc(sizeof(*request));
    request->fn = fn;
    request->op = op;
    request->amount = amount;
    struct replay_request **at = &actor->requests;
    while (*at)
        at = &(*at)->next;
    *at = request;
    return request;
}

static bool has_reply(void *arg)
{
    const struct replay_actor *actor = arg;
    return actor->replies_count > 0 || !alive(actor);
}

/* The oldest unread answer; -ETIMEDOUT, -EPIPE when it died or is dead. */
static int64_t ask(struct replay_world *world, const char *name, const struct replay_op *op,
    request_fn fn, int64_t amount, uint64_t ms)
{
    struct replay_actor *actor = replay_actor_find(world, name);
    if (!actor)
        return -EBADF;
    if (!alive(actor)) {
        /* Once, when it left questions unread. */
        bool reset = actor->requests && !actor->reset_seen;
        actor->reset_seen = true;
        return reset ? -ECONNRESET : -EPIPE;
    }
    struct replay_request *request = send_request(actor, op, fn, amount);
    actor_run(world, actor);
    if (!replay_wait(world, ms, has_reply, actor)) {
        for (struct replay_request *at = actor->requests; at; at = at->next)
            at->given_up |= at == request;
        return -ETIMEDOUT;
    }
    if (!actor->replies_count)
        return -EPIPE;
    int64_t reply = actor->replies[0];
    memmove(actor->replies, actor->replies + 1, --actor->replies_count * sizeof(reply));
    return reply;
}

/* ---------------------------------------------------------------------- birth and death */

static void run_proc(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct process *process;
    outcome->result = process_fork(world->kernel, world->recorder, 0, &process);
    if (!outcome->result)
        replay_actor_add(world, replay_text(op, "name"), process);
}

static void run_clone_into(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct process *process;
    struct cgroup_node node;
    outcome->result = replay_node(world, replay_text(op, "path"), &world->root, &node);
    if (!outcome->result && node.file)
        outcome->result = -ENOTDIR;
    if (!outcome->result)
        outcome->result =
            process_fork_into(world->kernel, world->recorder, 0, node.cgroup, &process);
    if (!outcome->result)
        replay_actor_add(world, replay_text(op, "name"), process);
}

/* CLONE_PARENT: the child is the recorder's. */
static int64_t do_fork(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    struct process *child;
    if (request->given_up)
        return 0; /* it would find its socket closed, and end */
    int result = process_fork(world->kernel, actor->process, 0, &child);
    *ret_answered = alive(actor); /* memory for a child may have been its end */
    if (result)
        return result;
    list_remove(&child->sibling);
    list_append(&world->recorder->children, &child->sibling);
    child->parent = world->recorder;
    replay_actor_add(world, replay_text(request->op, "name"), child);
    return child->pid;
}

static void run_child(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    int64_t reply = ask(world, replay_text(op, "parent"), op, do_fork, 0, 3000);
    outcome->result = reply > 0 ? 0 : reply;
}

static int64_t do_thread(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    struct task *task;
    int result = process_thread(actor->process, &task);
    *ret_answered = alive(actor);
    if (result)
        return result;
    replay_symbol_set(world, replay_text(request->op, "name"), task->tid, true);
    return task->tid;
}

static void run_thread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    int64_t reply = ask(world, replay_text(op, "proc"), op, do_thread, 0, 3000);
    outcome->result = reply > 0 ? 0 : reply;
}

static int64_t do_exit(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    (void)world;
    *ret_answered = false;
    process_exit(actor->process, (int)(request->amount & 0xff) << 8);
    return 0;
}

static bool is_zombie(void *arg)
{
    const struct replay_actor *actor = arg;
    return actor->process->state == PROCESS_ZOMBIE;
}

static void reap(struct replay_world *world, struct replay_actor *actor, uint64_t ms,
    struct replay_outcome *outcome)
{
    if (!actor || !actor->process) {
        outcome->result = -ECHILD;
        return;
    }
    outcome->has_out = true;
    if (!replay_wait(world, ms, is_zombie, actor)) {
        strbuf_add(&outcome->out, "running");
        return;
    }
    int status = actor->process->exit_status;
    process_reap(actor->process);
    actor->process = NULL;
    actor->status = status;
    if (WIFEXITED(status))
        strbuf_addf(&outcome->out, "exited %d", WEXITSTATUS(status));
    else
        strbuf_addf(&outcome->out, "signaled %d", WTERMSIG(status));
}

static void tell_to_exit(
    struct replay_world *world, struct replay_actor *actor, const struct replay_op *op)
{
    if (!actor || !alive(actor))
        return;
    send_request(actor, op, do_exit, replay_number(op, "code"));
    actor_run(world, actor);
}

static void run_exit(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    tell_to_exit(world, actor, op);
    reap(world, actor, REAP_MS, outcome);
    outcome->has_out = true;
}

static void run_zombie(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    tell_to_exit(world, actor, op);
    if (!actor || !actor->process)
        outcome->result = -ECHILD;
    else if (!replay_wait(world, REAP_MS, is_zombie, actor))
        outcome->result = -ETIMEDOUT;
}

static void run_reap(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    reap(world, replay_actor_find(world, replay_text(op, "name")),
        (uint64_t)replay_number(op, "ms"), outcome);
}

static void run_signal(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    outcome->result = actor && actor->process
                          ? process_signal(actor->process, (int)replay_number(op, "sig"))
                          : -ESRCH;
}

/* ---------------------------------------------------------------------- work */

static int64_t do_ping(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    (void)world;
    (void)actor;
    (void)request;
    (void)ret_answered;
    return 0;
}

static void run_ping(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    outcome->result = ask(world, replay_text(op, "name"), op, do_ping, 0,
        (uint64_t)replay_number(op, "ms"));
}

static void run_drain(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    outcome->result = -ETIMEDOUT;
    if (!actor)
        return;
    replay_wait(world, (uint64_t)replay_number(op, "ms"), has_reply, actor);
    if (actor->replies_count)
        outcome->result = 0;
    actor->replies_count = 0;
}

static void allocate(struct replay_actor *actor, uint64_t bytes, bool *ret_answered);

static void retry_allocation(struct process *process, void *arg)
{
    struct replay_actor *actor = arg;
    bool answered = true;
    (void)process;
    actor->waits = false;
    allocate(actor, actor->allocated, &answered);
    if (answered)
        answer(actor, 0);
}

static void stall_over(struct process *process, void *arg)
{
    struct replay_actor *actor = arg;
    (void)process;
    actor->waits = false;
    answer(actor, 0);
}

/* Under v1's disabled OOM killer it sleeps until there is room; above memory.high for a while. */
static void allocate(struct replay_actor *actor, uint64_t bytes, bool *ret_answered)
{
    int result = process_allocate(actor->process, bytes);
    actor->allocated = bytes;
    if (result == -ENOMEM && alive(actor) &&
        cgroup_oom_wait(actor->process, retry_allocation, actor)) {
        actor->waits = true;
        *ret_answered = false;
    }
    if (result == 0 && cgroup_memory_stall(actor->process, stall_over, actor)) {
        actor->waits = true;
        *ret_answered = false;
    }
    if (!alive(actor))
        *ret_answered = false;
}

static int64_t do_alloc(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    (void)world;
    allocate(actor, (uint64_t)request->amount, ret_answered);
    return 0;
}

static int64_t do_free(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    (void)world;
    (void)request;
    (void)ret_answered;
    process_release_memory(actor->process, actor->allocated);
    actor->allocated = 0;
    return 0;
}

static void demand_over(struct task *task)
{
    (void)task;
}

static int64_t do_spin(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    struct task *task = actor->process->leader;
    (void)ret_answered;
    task_demand(task, UINT64_MAX, SPIN_SYSTEM_SHARE, demand_over);
    replay_world_advance(world, (uint64_t)request->amount * NS_PER_MS);
    if (alive(actor))
        task_demand(task, 0, 0, demand_over);
    return 0;
}

static int64_t do_unshare(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    struct cgroup_root *root = cgroup_root_find(world->kernel, "");
    (void)request;
    (void)ret_answered;
    if (root)
        actor->namespace_root =
            cgroup_id(actor->process->leader->cgroups[cgroup_root_index(root)]);
    return 0;
}

/* "c:1:3:rwm": with m it makes the node itself. */
static int64_t do_opendev(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    char type, access[4] = "";
    unsigned major, minor;
    (void)world;
    (void)ret_answered;
    if (sscanf(replay_text(request->op, "arg"), "%c:%u:%u:%3s", &type, &major, &minor, access) < 3)
        return -EINVAL;
    const struct task *task = actor->process->leader;
    if (strchr(access, 'm') && cgroup_device_check(task, type, major, minor, "m"))
        return -EPERM;
    bool reads = strchr(access, 'r'), writes = strchr(access, 'w');
    return cgroup_device_check(
        task, type, major, minor, reads && writes ? "rw" : writes ? "w" : "r");
}

static int64_t do_answer(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    (void)world, (void)actor, (void)ret_answered;
    return request->amount;
}

/* One that has frozen itself does not come to answering before it is thawed. */
static void answer_or_wait(
    struct replay_world *world, struct replay_actor *actor, int64_t answer, bool *ret_answered)
{
    sim_loop_advance(world->loop, TICK_NS);
    *ret_answered = alive(actor); /* not by cgroup.kill of its own */
    if (!*ret_answered || listens(actor))
        return;
    struct replay_request *late = mem_alloc(sizeof(*late));
    late->fn = do_answer;
    late->amount = answer;
    late->next = actor->requests;
    actor->requests = late;
    *ret_answered = false;
}

static int64_t do_awrite(struct replay_world *world, struct replay_actor *actor,
    struct replay_request *request, bool *ret_answered)
{
    struct cgroup_caller caller = world->root;
    struct cgroup_open *open;
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    const char *text = replay_text(request->op, "text");
    caller.pid = actor->pid;
    caller.namespace_root = actor->namespace_root;
    replay_substitute(world, text, strlen(text), &data);
    strbuf_add(&data, "\n");
    int result = replay_open(world, replay_text(request->op, "path"), O_WRONLY, &caller, &open);
    if (result)
        return result;
    int64_t written = replay_write_close(world, open, O_WRONLY, &data, &caller);
    answer_or_wait(world, actor, written, ret_answered);
    return written;
}

static const struct {
    const char *op;
    request_fn fn;
} works[] = {
    {"alloc", do_alloc},
    {"spin", do_spin},
    {"free", do_free},
    {"unshare", do_unshare},
    {"opendev", do_opendev},
    {"awrite", do_awrite},
};

static void run_work(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    for (size_t i = 0; i < ARRAY_SIZE(works); i++)
        if (!strcmp(works[i].op, op->op))
            outcome->result = ask(world, replay_text(op, "name"), op, works[i].fn,
                replay_number(op, "arg"), ASK_MS_DEFAULT);
    if (outcome->result == -ECONNRESET && strcmp(op->op, "awrite"))
        outcome->result = -EPIPE;
}

static void run_allocbg(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    outcome->result = !actor ? -EBADF : alive(actor) ? 0 : -EPIPE;
    if (outcome->result)
        return;
    send_request(actor, op, do_alloc, replay_number(op, "arg"));
    actor_run(world, actor);
}

/* ---------------------------------------------------------------------- /proc */

/* The path of /proc/PID/cgroup with the base cut off; "^outside" when it is not below it. */
static void print_place(const char *path, struct strbuf *out)
{
    static const char base[] = "/" REPLAY_BASE;
    size_t length = sizeof(base) - 1;
    if (!str_starts(path, base) || !strchr("/ ", path[length])) {
        strbuf_add(out, "^outside\n");
        return;
    }
    path += length;
    strbuf_addf(out, "%s%s\n", *path == '/' ? "" : "/", path);
}

static struct cgroup_root *root_of(const struct replay_world *world, const struct replay_op *op)
{
    return cgroup_root_find(world->kernel, world->header->v2 ? "" : replay_text(op, "hier"));
}

static void run_cgof(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const char *name = replay_text(op, "name");
    const struct replay_actor *actor = replay_actor_find(world, name);
    const struct replay_symbol *symbol = replay_symbol_find(world, name);
    pid_t pid = actor ? actor->pid : symbol ? (pid_t)symbol->value : world->recorder->pid;
    struct task *task = task_find(world->kernel, pid);
    struct cgroup_root *root = root_of(world, op);
    if (!task) {
        outcome->result = -ENOENT;
        return;
    }
    outcome->has_out = true;
    if (!root)
        return;
    _cleanup_free_ char *path = cgroup_proc_path(task, root);
    print_place(path, &outcome->out);
}

static void run_selfcg(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct replay_actor *actor = replay_actor_find(world, replay_text(op, "name"));
    struct cgroup_root *root = root_of(world, op);
    outcome->result = ask(world, replay_text(op, "name"), op, do_ping, 0, 2000);
    if (outcome->result || !root)
        return;
    outcome->has_out = true;
    const struct cgroup *cgroup = actor->process->leader->cgroups[cgroup_root_index(root)];
    const struct cgroup *top = cgroup;
    while (top && cgroup_id(top) != actor->namespace_root)
        top = cgroup_parent(top);
    _cleanup_free_ char *path = cgroup_path_of(cgroup);
    if (actor->namespace_root && !top) {
        outcome->skipped = "the model prints no paths that lead out of a namespace";
        return;
    }
    _cleanup_free_ char *above = top ? cgroup_path_of(top) : str_dup("");
    const char *shown = path + strlen(above);
    shown += *shown == '/';
    if (!*above && str_starts(shown, REPLAY_BASE))
        shown += strlen(REPLAY_BASE);
    shown += *shown == '/';
    strbuf_addf(&outcome->out, "/%s\n", shown);
}

static void run_pstate(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    (void)world;
    (void)op;
    outcome->skipped = "asks /proc for the state of a process";
}

const struct replay_operation replay_actor_ops[] = {
    {"proc", run_proc},
    {"child", run_child},
    {"thread", run_thread},
    {"clone_into", run_clone_into},
    {"exit", run_exit},
    {"zombie", run_zombie},
    {"reap", run_reap},
    {"signal", run_signal},
    {"ping", run_ping},
    {"drain", run_drain},
    {"alloc", run_work},
    {"allocbg", run_allocbg},
    {"free", run_work},
    {"spin", run_work},
    {"opendev", run_work},
    {"unshare", run_work},
    {"awrite", run_work},
    {"cgof", run_cgof},
    {"selfcg", run_selfcg},
    {"pstate", run_pstate},
    {NULL, NULL},
};
