/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The v2 freezer (spec cgroupfs.md 3.6). A wish to freeze holds for the subtree. Its tasks stop at
 * once and settle in a later step of the loop; a cgroup is frozen once all tasks and all cgroups
 * below it are. Unfreezing is immediate. An empty cgroup freezes at once.
 */
#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/freezer.h"

/* A task runs no user code from the write on, but it is counted as frozen only when it has been to
 * the kernel: soon, but not within the write. */
#define FREEZE_DELAY_NS (10 * NS_PER_US)

static bool should_be_frozen(const struct cgroup *cgroup)
{
    return cgroup->freeze_effective && cgroup->frozen_tasks == cgroup->tasks_count &&
           cgroup->frozen_descendants == cgroup->descendants;
}

/* Brings `frozen` of the cgroup and of its ancestors in line. */
static void update(struct cgroup *cgroup)
{
    for (struct cgroup *at = cgroup; at; at = at->parent) {
        bool frozen = at->parent && should_be_frozen(at);
        if (frozen == at->frozen)
            return;
        at->frozen = frozen;
        for (struct cgroup *above = at->parent; above; above = above->parent)
            above->frozen_descendants += frozen ? 1u : -1u;
        cgroup_file_raise(at, cgroup_events_file);
    }
}

void cgroup_task_refreeze(struct task *task)
{
    bool frozen = !task->dead && (task->frozen_v2 || task->frozen_v1);
    if (frozen != task->frozen)
        task_set_frozen(task, frozen);
}

bool cgroup_task_killable(const struct task *task)
{
    return !task->frozen_v1;
}

static void task_freeze(struct task *task, bool freeze)
{
    task->settled_v2 &= freeze;
    if (task->frozen_v2 == freeze)
        return;
    task->frozen_v2 = freeze;
    cgroup_task_refreeze(task);
}

static void stop_tasks(struct cgroup *cgroup)
{
    if (cgroup->freezer_stuck)
        return;
    list_for_each(node, &cgroup->tasks)
        task_freeze(cgroup_task_at(cgroup, node), true);
}

static void settle_tasks(struct cgroup *cgroup)
{
    if (cgroup->dead || !cgroup->freeze_effective || cgroup->freezer_stuck)
        return;
    stop_tasks(cgroup);
    list_for_each(node, &cgroup->tasks)
        cgroup_task_at(cgroup, node)->settled_v2 = true;
    cgroup->frozen_tasks = cgroup->tasks_count;
    update(cgroup);
}

static void freezes_due(void *arg)
{
    struct kernel *kernel = arg;
    struct cgroup_world *world = kernel->cgroup_world;
    world->freezer = NULL;
    for (size_t i = 0; i < world->freezes_count; i++) {
        struct cgroup *cgroup = world->freezes[i];
        if (cgroup->root->v2)
            settle_tasks(cgroup);
        else
            freezer_v1_settle(cgroup);
        cgroup->freeze_pending = false;
        cgroup_put(world->freezes[i]);
    }
    world->freezes_count = 0;
}

void cgroup_freeze_later(struct cgroup *cgroup)
{
    struct kernel *kernel = cgroup_kernel(cgroup);
    struct cgroup_world *world = kernel->cgroup_world;
    if (cgroup->freeze_pending || world->shutting_down)
        return;
    cgroup->freeze_pending = true;
    world->freezes = mem_grow(world->freezes, &world->freezes_capacity, world->freezes_count + 1,
        sizeof(struct cgroup *));
    world->freezes[world->freezes_count++] = cgroup_get(cgroup);
    if (!world->freezer)
        world->freezer = loop_timer_start(kernel->loop, FREEZE_DELAY_NS, freezes_due, kernel);
}

void cgroup_freezer_exit(struct kernel *kernel)
{
    struct cgroup_world *world = kernel->cgroup_world;
    loop_timer_stop(kernel->loop, world->freezer);
    for (size_t i = 0; i < world->freezes_count; i++)
        cgroup_put(world->freezes[i]);
    free(world->freezes);
}

static void count_frozen_time(struct cgroup *cgroup, bool freeze)
{
    uint64_t now_ns = loop_now_ns(cgroup_kernel(cgroup)->loop);
    if (freeze)
        cgroup->frozen_since_ns = now_ns;
    else
        cgroup->frozen_total_ns += now_ns - cgroup->frozen_since_ns;
}

static void set_effective(struct cgroup *cgroup, bool freeze)
{
    if (cgroup->freeze_effective == freeze)
        return;
    cgroup->freeze_effective = freeze;
    count_frozen_time(cgroup, freeze);
    if (freeze) {
        stop_tasks(cgroup);
        if (cgroup->tasks_count)
            cgroup_freeze_later(cgroup);
        return;
    }
    /* Before anyone thaws: who has a SIGKILL pending dies then. */
    list_for_each(node, &cgroup->tasks)
        cgroup_task_at(cgroup, node)->settled_v2 = false;
    cgroup->frozen_tasks = 0;
    size_t count;
    _cleanup_free_ struct task **tasks = cgroup_tasks_snapshot(cgroup, false, &count);
    for (size_t i = 0; i < count; i++)
        task_freeze(tasks[i], false);
}

void cgroup_freeze_set(struct cgroup *cgroup, bool freeze)
{
    if (cgroup->freeze == freeze)
        return;
    cgroup->freeze = freeze;
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        set_effective(at, at->freeze || at->parent->freeze_effective);
    /* Leaves first, so that each ancestor sees its descendants settled: reverse pre-order. */
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        if (list_empty(&at->children))
            update(at);
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        update(at);
}

void cgroup_freezer_retry(struct cgroup *cgroup)
{
    if (!cgroup->dead)
        cgroup_freeze_later(cgroup);
}

/* A new cgroup in a frozen one starts frozen; ancestors only get one more that is. */
void cgroup_freezer_born(struct cgroup *cgroup)
{
    if (!cgroup->parent->freeze_effective)
        return;
    cgroup->freeze_effective = cgroup->frozen = true;
    count_frozen_time(cgroup, true);
    for (struct cgroup *at = cgroup->parent; at; at = at->parent)
        at->frozen_descendants++;
}

void cgroup_freezer_dead(struct cgroup *cgroup)
{
    if (cgroup->frozen)
        for (struct cgroup *at = cgroup->parent; at; at = at->parent)
            at->frozen_descendants--;
    update(cgroup->parent);
}

void cgroup_freezer_arrived(struct cgroup *cgroup, struct task *task)
{
    if (!cgroup->freeze_effective) {
        task_freeze(task, false);
    } else if (task->settled_v2) {
        cgroup->frozen_tasks++;
    } else {
        if (!cgroup->freezer_stuck)
            task_freeze(task, true);
        cgroup_freeze_later(cgroup);
    }
    update(cgroup);
}

void cgroup_freezer_left(struct cgroup *cgroup, struct task *task)
{
    if (task->settled_v2)
        cgroup->frozen_tasks--;
    update(cgroup);
}
