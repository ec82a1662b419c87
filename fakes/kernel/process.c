/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birth, threads, death and reaping. A process that was reaped is taken out of every table at once
 * and freed at the next fork, so that those who walk over tasks (a kill of a whole cgroup) need not
 * care who dies of whose death.
 */
#include "fakes/kernel/process.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/namespace.h"
#include "fakes/kernel/process_internal.h"
#include "reference/base/mem.h"

static pid_t process_next_pid(struct kernel *kernel)
{
    for (pid_t tries = 0; tries < PID_MAX; tries++) {
        if (++kernel->last_pid >= PID_MAX)
            kernel->last_pid = PID_RESERVED;
        if (!u64map_get(kernel->tasks, (uint64_t)kernel->last_pid))
            return kernel->last_pid;
    }
    return 0;
}

static struct task *task_new(struct process *process, pid_t tid)
{
    struct task *task = mem_alloc(sizeof(*task));
    task->tid = tid;
    task->process = process;
    for (unsigned i = 0; i < KERNEL_MAX_HIERARCHIES; i++)
        list_init(&task->cgroup_nodes[i]);
    list_append(&process->tasks, &task->node);
    u64map_set(process->kernel->tasks, (uint64_t)tid, task);
    return task;
}

static struct process *process_new(struct kernel *kernel, pid_t pid)
{
    struct process *process = mem_alloc(sizeof(*process));
    process->kernel = kernel;
    process->pid = process->pids[0] = pid;
    process->start_ns = loop_now_ns(kernel->loop);
    list_init(&process->tasks);
    list_init(&process->dead_tasks);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->member);
    list_append(&kernel->processes, &process->node);
    process->leader = task_new(process, pid);
    return process;
}

/* Its place in the tree of pid namespaces: a number in each of them, and a live member of each. */
static void process_join(struct process *process, struct namespace *own)
{
    process->namespaces[NS_PID] = namespace_get(own);
    process->children_pid_namespace = namespace_get(own);
    list_append(&own->members, &process->member);
    for (struct namespace *space = own; space; space = space->parent) {
        if (space->depth > 0)
            process->pids[space->depth] = namespace_next_pid(space);
        space->live++;
    }
    if (!own->init)
        own->init = process;
}

void process_make_init(struct kernel *kernel)
{
    struct process *init = process_new(kernel, process_next_pid(kernel));
    for (unsigned kind = 0; kind < NS_COUNT; kind++) {
        struct namespace *space = namespace_new(kernel, kind, NULL);
        if (kind == NS_PID) {
            process_join(init, space);
            namespace_put(space);
        } else {
            init->namespaces[kind] = space;
        }
    }
    init->pgid = init->sid = init->pid;
    process_set_command(init, "init");
    kernel->init = init;
    cgroup_post_fork(NULL, init->leader, NULL);
}

static void process_inherit(
    struct process *child, struct process *parent, unsigned clone_namespaces)
{
    struct kernel *kernel = child->kernel;
    struct namespace *own = parent->children_pid_namespace;
    for (unsigned kind = 0; kind < NS_COUNT; kind++) {
        bool fresh = (clone_namespaces & NS_BIT(kind)) != 0;
        if (kind == NS_PID) {
            own = fresh ? namespace_new(kernel, NS_PID, own) : namespace_get(own);
            process_join(child, own);
            namespace_put(own);
        } else {
            child->namespaces[kind] = fresh ? namespace_new(kernel, kind, NULL)
                                            : namespace_get(parent->namespaces[kind]);
        }
    }
    child->pgid = parent->pgid;
    child->sid = parent->sid;
    child->uid = parent->uid;
    child->gid = parent->gid;
    child->ignored_signals = parent->ignored_signals;
    child->oom_score_adj = parent->oom_score_adj;
    child->parent = parent;
    list_append(&parent->children, &child->sibling);
    process_set_command(child, parent->command);
}

int process_fork_into(struct kernel *kernel, struct process *parent, unsigned clone_namespaces,
    struct cgroup *cgroup, struct process **ret_child)
{
    process_drain(kernel);
    if (!parent)
        parent = kernel->init;
    assert(parent->state != PROCESS_ZOMBIE);
    const struct namespace *own = parent->children_pid_namespace;
    if (own->dead)
        return -ENOMEM;
    if ((clone_namespaces & NS_BIT(NS_PID)) != 0 && own->depth + 1 >= PID_NAMESPACE_DEPTH_MAX)
        return -ENOSPC;
    pid_t pid = process_next_pid(kernel);
    if (pid == 0)
        return -EAGAIN;
    int result = cgroup_can_fork(parent->leader, cgroup, false);
    if (result < 0)
        return result;
    struct process *child = process_new(kernel, pid);
    process_inherit(child, parent, clone_namespaces);
    cgroup_post_fork(parent->leader, child->leader, cgroup);
    if ((clone_namespaces & NS_BIT(NS_CGROUP)) != 0)
        namespace_set_cgroup_roots(child->namespaces[NS_CGROUP], child->leader);
    *ret_child = child;
    return 0;
}

int process_fork(struct kernel *kernel, struct process *parent, unsigned clone_namespaces,
    struct process **ret_child)
{
    return process_fork_into(kernel, parent, clone_namespaces, NULL, ret_child);
}

int process_thread(struct process *process, struct task **ret_task)
{
    assert(process->state != PROCESS_ZOMBIE);
    pid_t tid = process_next_pid(process->kernel);
    if (tid == 0)
        return -EAGAIN;
    int result = cgroup_can_fork(process->leader, NULL, true);
    if (result < 0)
        return result;
    struct task *task = task_new(process, tid);
    cgroup_post_fork(process->leader, task, NULL);
    *ret_task = task;
    return 0;
}

struct process *process_find(struct kernel *kernel, pid_t pid)
{
    struct task *task = task_find(kernel, pid);
    return task && task == task->process->leader ? task->process : NULL;
}

struct task *task_find(struct kernel *kernel, pid_t tid)
{
    return tid > 0 ? u64map_get(kernel->tasks, (uint64_t)tid) : NULL;
}

void process_set_command(struct process *process, const char *command)
{
    str_set(&process->command, command);
}

void process_setsid(struct process *process)
{
    process->sid = process->pgid = process->pid;
}

void process_setpgid(struct process *process, pid_t pgid)
{
    process->pgid = pgid != 0 ? pgid : process->pid;
}

/* A thread that is not the leader leaves every table; its memory stays until the process' end. */
static void task_leave(struct task *task)
{
    u64map_remove(task->process->kernel->tasks, (uint64_t)task->tid);
    cgroup_task_release(task);
    list_remove(&task->node);
    list_append(&task->process->dead_tasks, &task->node);
}

static void task_die(struct task *task)
{
    if (task->dead)
        return;
    sched_forget(task);
    task->dead = true;
    cgroup_task_exit(task);
    if (task != task->process->leader)
        task_leave(task);
}

void task_exit(struct task *task)
{
    struct process *process = task->process;
    unsigned live = 0;
    list_for_each (node, &process->tasks)
        live += !list_entry(node, struct task, node)->dead;
    if (live <= 1)
        process_exit(process, 0);
    else
        task_die(task);
}

/* Tells the parent of a zombie, which may reap it; init, and parents that ignore SIGCHLD, have it
 * reaped. */
static void process_tell_parent(struct process *process)
{
    struct process *parent = process->parent;
    process_signal_from(parent, SIGCHLD, process);
    if (parent->behaviour && parent->behaviour->child_ended)
        parent->behaviour->child_ended(parent, process);
    bool unseen = parent == process->kernel->init ||
                  (parent->ignored_signals & SIGNAL_BIT(SIGCHLD)) != 0;
    if (unseen && !process->reaped)
        process_reap(process);
}

/* Who adopts the children of a dying process: the nearest subreaper among its ancestors in the same
 * pid namespace, or the init of that. */
static struct process *process_reaper(const struct process *dying)
{
    const struct namespace *own = dying->namespaces[NS_PID];
    struct process *init = own->init;
    if (!init || init == dying || init->ending || init->state == PROCESS_ZOMBIE)
        return dying->kernel->init;
    for (struct process *ancestor = dying->parent;
         ancestor && ancestor != init && ancestor->namespaces[NS_PID]->depth == own->depth;
         ancestor = ancestor->parent) {
        if (ancestor->subreaper && ancestor->state != PROCESS_ZOMBIE && !ancestor->ending)
            return ancestor;
    }
    return init;
}

static void process_give_away_children(struct process *dying)
{
    struct process *reaper = process_reaper(dying);
    while (!list_empty(&dying->children)) {
        struct process *child = list_entry(dying->children.next, struct process, sibling);
        list_remove(&child->sibling);
        list_append(&reaper->children, &child->sibling);
        child->parent = reaper;
        if (child->state == PROCESS_ZOMBIE)
            process_tell_parent(child);
        else if (child->parent_death_signal)
            process_signal(child, child->parent_death_signal);
    }
}

static void process_notice(void *arg)
{
    struct process *process = arg;
    process->exit_notice = NULL;
    bool reaped = process->reaped;
    if (process->on_exit)
        process->on_exit(process, process->on_exit_arg);
    if (reaped) {
        list_remove(&process->sibling);
        list_append(&process->kernel->reaped, &process->sibling);
    }
}

static void process_stop_playing(struct process *process)
{
    const struct process_behaviour *behaviour = process->behaviour;
    process->behaviour = NULL;
    if (behaviour && behaviour->ended)
        behaviour->ended(process);
}

static void process_become_zombie(struct process *process)
{
    struct kernel *kernel = process->kernel;
    process->ending = false;
    process_stop_playing(process);
    list_for_each (node, &process->tasks)
        sched_forget(list_entry(node, struct task, node));
    process_release_memory(process, process->resident_bytes);
    process->state = PROCESS_ZOMBIE;
    process->pending_signals = 0;
    list_for_each_safe (node, following, &process->tasks)
        task_die(list_entry(node, struct task, node));
    process_give_away_children(process);

    struct namespace *own = process->namespaces[NS_PID];
    struct process *last = NULL; /* the init of a namespace that waits for just this end */
    if (own->init == process) {
        own->init = NULL;
        own->dead = true;
    }
    for (struct namespace *space = own; space; space = space->parent) {
        space->live--;
        if (space->live == 1 && space->init && space->init->ending && !last)
            last = space->init;
    }
    if (process->on_exit)
        process->exit_notice = loop_timer_start(kernel->loop, 0, process_notice, process);
    process_tell_parent(process);
    if (last)
        process_become_zombie(last);
}

/* The init of a pid namespace takes everything inside with it. Only inits of namespaces within are
 * killed besides the direct members: they do the same in theirs. */
static void process_take_along(struct process *init)
{
    struct namespace *own = init->namespaces[NS_PID];
    own->dead = true;
    list_for_each_safe (node, following, &own->members) {
        struct process *member = list_entry(node, struct process, member);
        if (member != init)
            process_signal(member, SIGKILL);
    }
    list_for_each_safe (node, following, &own->inner) {
        struct namespace *inner = list_entry(node, struct namespace, sibling);
        if (inner->init)
            process_signal(inner->init, SIGKILL);
    }
}

void process_exit(struct process *process, int wait_status)
{
    if (process->state == PROCESS_ZOMBIE || process->ending)
        return;
    assert(process != process->kernel->init);
    process->exit_status = wait_status;
    const struct namespace *own = process->namespaces[NS_PID];
    if (own->init == process && own->live > 1) {
        process->ending = true;
        process_stop_playing(process);
        list_for_each (node, &process->tasks)
            sched_forget(list_entry(node, struct task, node));
        /* The last of them to die ends it. */
        process_take_along(process);
        return;
    }
    process_become_zombie(process);
}

static void process_release_namespaces(struct process *process)
{
    list_remove(&process->member);
    namespace_put(process->children_pid_namespace);
    for (unsigned kind = 0; kind < NS_COUNT; kind++)
        namespace_put(process->namespaces[kind]);
}

void process_reap(struct process *process)
{
    struct kernel *kernel = process->kernel;
    assert(process->state == PROCESS_ZOMBIE && !process->reaped);
    process->reaped = true;
    u64map_remove(kernel->tasks, (uint64_t)process->pid);
    cgroup_task_release(process->leader);
    list_remove(&process->sibling);
    list_remove(&process->node);
    process->parent = NULL;
    list_append(process->exit_notice ? &kernel->untold : &kernel->reaped, &process->sibling);
}

static void process_free(struct process *process)
{
    loop_timer_stop(process->kernel->loop, process->exit_notice);
    process_release_namespaces(process);
    list_for_each_safe (node, following, &process->dead_tasks)
        free(list_entry(node, struct task, node));
    free(process->leader);
    free(process->command);
    free(process);
}

static void process_free_list(struct list *list)
{
    while (!list_empty(list)) {
        struct process *process = list_entry(list->next, struct process, sibling);
        list_remove(&process->sibling);
        process_free(process);
    }
}

void process_drain(struct kernel *kernel)
{
    process_free_list(&kernel->reaped);
}

void process_free_all(struct kernel *kernel)
{
    struct process *init = kernel->init;
    while (kernel->processes.prev != &init->node) {
        struct process *process = list_entry(kernel->processes.prev, struct process, node);
        process->unkillable = false;
        process->on_exit = NULL;
        if (process->state != PROCESS_ZOMBIE)
            process_become_zombie(process);
        if (!process->reaped)
            process_reap(process);
    }
    process_drain(kernel);
    process_free_list(&kernel->untold);
    cgroup_task_exit(init->leader);
    cgroup_task_release(init->leader);
    u64map_remove(kernel->tasks, (uint64_t)init->pid);
    list_remove(&init->node);
    process_free(init);
    kernel->init = NULL;
}
