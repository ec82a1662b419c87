/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU as a fluid. Each task with a demand runs at a rate of at most one CPU; the CPUs are shared
 * out from the root of the cpu cgroups downwards: at each cgroup by weight among its children
 * (cgroups, and tasks of weight 1024), nobody gets more than it can use or than its quota per
 * period, and what one leaves the others share (max-min fairness).
 *
 * Rates change only when something changes. In between, what a task has done is a linear function
 * of time from the last change, so that looking at it does not add rounding errors; times are
 * accounted in whole nanoseconds, and a demand is met to the nanosecond.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process_internal.h"
#include "fakes/kernel/psi.h"
#include "reference/base/mem.h"

#define TASK_WEIGHT 1024
#define IDLE_WEIGHT 3 /* WEIGHT_IDLEPRIO of kernel/sched */

struct sched_entity {
    struct task *task;
    struct list node; /* in sched->entities, or ->met while its function is due */
    double done_ns;   /* up to the last change of rates */
    double rate;      /* CPUs */
    uint64_t accounted_ns;
    uint64_t accounted_system_ns;
};

/* A cgroup with demand in it, from one computation of rates to the next. */
struct sched_group {
    uint64_t id;
    struct cgroup *cgroup;
    uint64_t generation; /* of the computation that saw it last */
    size_t item;         /* there */
    uint64_t period_ns;  /* 0: no quota */
    uint64_t active_ns;  /* of the period that is not over */
    double excess;       /* CPUs that it would use beyond its quota; > 0: throttled */
};

/* A task or a cgroup in one computation of rates. Item 0 is the root. */
struct sched_item {
    struct sched_entity *entity; /* of a task */
    struct sched_group *group;   /* of a cgroup */
    size_t parent;
    size_t first; /* its children: places in sched->children */
    size_t count;
    double weight;
    double quota; /* CPUs; INFINITY = none */
    double wish;  /* what its children could use */
    double limit; /* the less of both */
    double rate;
};

struct sched {
    struct kernel *kernel;
    struct list entities;
    struct list met;
    size_t entities_count;
    struct u64map *groups; /* cgroup id -> struct sched_group */
    uint64_t generation;
    uint64_t since_ns; /* of the rates */
    uint64_t settled_ns;
    bool stale; /* rates are computed anew by `refresh`, still at this instant */
    struct loop_timer *refresh;
    struct loop_timer *completion;
    struct sched_item *items;
    size_t items_count;
    size_t items_capacity;
    size_t *children; /* items by parent, roots first: also the order from the top down */
    size_t children_capacity;
};

struct sched *sched_new(struct kernel *kernel)
{
    struct sched *sched = mem_alloc(sizeof(*sched));
    sched->kernel = kernel;
    sched->groups = u64map_new();
    list_init(&sched->entities);
    list_init(&sched->met);
    return sched;
}

void sched_free(struct sched *sched)
{
    size_t cursor = 0;
    uint64_t id;
    void *group;
    assert(sched->entities_count == 0);
    while (u64map_next(sched->groups, &cursor, &id, &group))
        free(group);
    u64map_free(sched->groups);
    loop_timer_stop(sched->kernel->loop, sched->refresh);
    loop_timer_stop(sched->kernel->loop, sched->completion);
    free(sched->items);
    free(sched->children);
    free(sched);
}

static double entity_done_ns(const struct sched *sched, const struct sched_entity *entity)
{
    uint64_t elapsed_ns = loop_now_ns(sched->kernel->loop) - sched->since_ns;
    return entity->done_ns + entity->rate * (double)elapsed_ns;
}

/* Accounts what the task has done: everything once the demand is met. */
static void entity_settle(const struct sched *sched, struct sched_entity *entity, bool met)
{
    struct task *task = entity->task;
    uint64_t done_ns = met ? task->demand_ns : (uint64_t)llround(entity_done_ns(sched, entity));
    if (done_ns > task->demand_ns)
        done_ns = task->demand_ns;
    if (done_ns <= entity->accounted_ns)
        return;
    uint64_t system_ns = (uint64_t)llround((double)done_ns * task->system_share);
    uint64_t system_delta_ns = system_ns - entity->accounted_system_ns;
    uint64_t user_delta_ns = done_ns - entity->accounted_ns;
    user_delta_ns -= system_delta_ns < user_delta_ns ? system_delta_ns : user_delta_ns;
    entity->accounted_ns = done_ns;
    entity->accounted_system_ns = system_ns;
    task->user_ns += user_delta_ns;
    task->system_ns += system_delta_ns;
    cgroup_account_cpu(task, user_delta_ns, system_delta_ns);
}

static void group_settle(struct sched_group *group, uint64_t elapsed_ns)
{
    if (group->period_ns == 0)
        return;
    group->active_ns += elapsed_ns;
    uint64_t periods = group->active_ns / group->period_ns;
    group->active_ns %= group->period_ns;
    if (periods == 0)
        return;
    uint64_t throttled_ns =
        (uint64_t)llround((double)(periods * group->period_ns) * group->excess);
    cgroup_cpu_throttled(group->cgroup, periods, group->excess > 0 ? periods : 0, throttled_ns);
}

/* Frozen and stopped tasks have no rate, and do not wait. */
static void sched_pressure(struct sched *sched, uint64_t elapsed_ns)
{
    bool waits = false;
    list_for_each (node, &sched->entities) {
        double rate = list_entry(node, struct sched_entity, node)->rate;
        waits |= rate > 0 && rate < 1;
    }
    if (!waits)
        return;
    list_for_each (node, &sched->entities) {
        const struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        if (entity->rate > 0)
            psi_cpu_add(entity->task, entity->rate);
    }
    list_for_each (node, &sched->entities) {
        const struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        if (entity->rate > 0)
            psi_cpu_settle(entity->task, elapsed_ns);
    }
}

/* Everything up to now, at the rates that held. */
static void sched_settle(struct sched *sched)
{
    uint64_t now_ns = loop_now_ns(sched->kernel->loop);
    uint64_t elapsed_ns = now_ns - sched->settled_ns;
    size_t cursor = 0;
    uint64_t id;
    void *group;
    sched->settled_ns = now_ns;
    if (elapsed_ns == 0)
        return;
    list_for_each (node, &sched->entities)
        entity_settle(sched, list_entry(node, struct sched_entity, node), false);
    sched_pressure(sched, elapsed_ns);
    while (u64map_next(sched->groups, &cursor, &id, &group))
        group_settle(group, elapsed_ns);
}

static bool task_may_run(const struct task *task)
{
    const struct process *process = task->process;
    return !task->dead && !task->frozen && process->state == PROCESS_RUNNING &&
           !process->unkillable;
}

static size_t sched_item_new(struct sched *sched, double weight)
{
    sched->items = mem_grow(
        sched->items, &sched->items_capacity, sched->items_count + 1, sizeof(*sched->items));
    sched->items[sched->items_count] =
        (struct sched_item){.weight = weight, .quota = INFINITY};
    return sched->items_count++;
}

static struct sched_group *sched_group_of(struct sched *sched, struct cgroup *cgroup)
{
    uint64_t id = cgroup_id(cgroup);
    struct sched_group *group = u64map_get(sched->groups, id);
    if (!group) {
        group = mem_alloc(sizeof(*group));
        group->id = id;
        u64map_set(sched->groups, id, group);
    }
    return group;
}

static void sched_add_group(struct sched *sched, struct sched_group *group, struct cgroup *cgroup)
{
    struct cgroup_cpu cpu;
    cgroup_cpu_get(cgroup, &cpu);
    group->cgroup = cgroup;
    group->generation = sched->generation;
    group->item = sched_item_new(sched, cpu.idle ? IDLE_WEIGHT : (double)cpu.weight);
    struct sched_item *item = &sched->items[group->item];
    item->group = group;
    bool limited = cpu.quota_ns >= 0 && cpu.period_ns > 0;
    if (limited)
        item->quota = (double)cpu.quota_ns / (double)cpu.period_ns;
    if (!limited || group->period_ns != cpu.period_ns)
        group->active_ns = 0;
    group->period_ns = limited ? cpu.period_ns : 0;
    group->excess = 0;
}

/* A task, and those of its cgroups that are not there yet. */
static void sched_add_task(struct sched *sched, struct sched_entity *entity)
{
    size_t below = sched_item_new(sched, TASK_WEIGHT);
    struct cgroup *cgroup = cgroup_cpu_of(entity->task);
    sched->items[below].entity = entity;
    while (cgroup && cgroup_parent(cgroup)) {
        struct sched_group *group = sched_group_of(sched, cgroup);
        bool there = group->generation == sched->generation;
        if (!there)
            sched_add_group(sched, group, cgroup);
        sched->items[below].parent = group->item;
        sched->items[group->item].count++;
        if (there)
            return;
        below = group->item;
        cgroup = cgroup_parent(cgroup);
    }
    sched->items[below].parent = 0;
    sched->items[0].count++;
}

/* Groups without demand are forgotten: their period ends with it. */
static void sched_sweep_groups(struct sched *sched)
{
    size_t cursor = 0;
    uint64_t id;
    void *value;
    while (u64map_next(sched->groups, &cursor, &id, &value)) {
        struct sched_group *group = value;
        if (group->generation != sched->generation) {
            u64map_remove(sched->groups, id);
            free(group);
        }
    }
}

static void sched_collect(struct sched *sched)
{
    sched->generation++;
    sched->items_count = 0;
    sched_item_new(sched, TASK_WEIGHT);
    list_for_each (node, &sched->entities) {
        struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        if (task_may_run(entity->task))
            sched_add_task(sched, entity);
    }
    sched_sweep_groups(sched);
}

/* Lists the children of each item side by side, parents before their children. */
static void sched_order(struct sched *sched)
{
    sched->children = mem_grow(
        sched->children, &sched->children_capacity, sched->items_count, sizeof(*sched->children));
    /* Places are handed out from the root down; `count` grows again while they are filled. */
    size_t *queue = sched->children;
    size_t place = 1;
    queue[0] = 0;
    /* Items by parent: first a chain per parent through `first`, kept in order of the items. */
    for (size_t i = 0; i < sched->items_count; i++)
        sched->items[i].first = SIZE_MAX;
    size_t *next = mem_alloc((sched->items_count + 1) * sizeof(*next));
    for (size_t i = sched->items_count; i-- > 1;) {
        struct sched_item *parent = &sched->items[sched->items[i].parent];
        next[i] = parent->first;
        parent->first = i;
    }
    for (size_t done = 0; done < place; done++) {
        struct sched_item *item = &sched->items[queue[done]];
        size_t child = item->first;
        item->first = place;
        for (; child != SIZE_MAX; child = next[child])
            queue[place++] = child;
        assert(place == item->first + item->count);
    }
    free(next);
}

static void sched_limits(struct sched *sched)
{
    double cpus = sched->kernel->cpus;
    for (size_t i = sched->items_count; i-- > 0;) {
        struct sched_item *item = &sched->items[sched->children[i]];
        item->wish = item->entity ? 1 : 0;
        for (size_t c = 0; c < item->count; c++)
            item->wish += sched->items[sched->children[item->first + c]].limit;
        if (item->wish > cpus)
            item->wish = cpus;
        item->limit = item->wish < item->quota ? item->wish : item->quota;
    }
}

/* By how early more water does not help them; equal ones in order of their items. */
static int sched_compare(const void *a, const void *b, void *arg)
{
    const struct sched_item *items = arg;
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    double left_level = items[left].limit / items[left].weight;
    double right_level = items[right].limit / items[right].weight;
    if (left_level != right_level)
        return left_level < right_level ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void sched_share_out(struct sched *sched, struct sched_item *item)
{
    size_t *children = &sched->children[item->first];
    double left = item->rate;
    double weight = 0;
    double wish = 0;
    for (size_t c = 0; c < item->count; c++) {
        weight += sched->items[children[c]].weight;
        wish += sched->items[children[c]].limit;
    }
    if (wish <= left) {
        for (size_t c = 0; c < item->count; c++)
            sched->items[children[c]].rate = sched->items[children[c]].limit;
        return;
    }
    /* The order of the siblings is free to change: each knows its own children's place. */
    qsort_r(children, item->count, sizeof(*children), sched_compare, sched->items);
    for (size_t c = 0; c < item->count; c++) {
        struct sched_item *child = &sched->items[children[c]];
        double share = left * child->weight / weight;
        child->rate = child->limit < share ? child->limit : share;
        left -= child->rate;
        weight -= child->weight;
    }
}

static void sched_rates(struct sched *sched)
{
    sched_order(sched);
    sched_limits(sched);
    sched->items[0].rate = sched->items[0].limit;
    for (size_t i = 0; i < sched->items_count; i++) {
        struct sched_item *item = &sched->items[sched->children[i]];
        if (item->entity)
            item->entity->rate = item->rate;
        if (item->group && item->rate >= item->quota && item->wish > item->quota)
            item->group->excess = item->wish - item->quota;
        if (item->count > 0)
            sched_share_out(sched, item);
    }
}

static void sched_completed(void *arg);

/* Starts the timer of the demand that is met first. */
static void sched_plan(struct sched *sched)
{
    double soonest_ns = INFINITY;
    list_for_each (node, &sched->entities) {
        const struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        uint64_t demand_ns = entity->task->demand_ns;
        if (demand_ns == UINT64_MAX || entity->rate <= 0)
            continue;
        double left_ns = ((double)demand_ns - entity->done_ns) / entity->rate;
        if (left_ns < soonest_ns)
            soonest_ns = left_ns;
    }
    if (sched->completion)
        loop_timer_stop(sched->kernel->loop, TAKE_PTR(sched->completion));
    if (soonest_ns == INFINITY)
        return;
    /* A millionth of a nanosecond is rounding, not work left. */
    double delay_ns = soonest_ns <= 0 ? 0 : ceil(soonest_ns - 1e-6);
    sched->completion =
        loop_timer_start(sched->kernel->loop, (uint64_t)delay_ns, sched_completed, sched);
}

static void sched_recompute(struct sched *sched)
{
    sched_settle(sched);
    list_for_each (node, &sched->entities) {
        struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        entity->done_ns = entity_done_ns(sched, entity);
        entity->rate = 0;
    }
    sched->since_ns = sched->settled_ns;
    sched->stale = false;
    if (sched->refresh)
        loop_timer_stop(sched->kernel->loop, TAKE_PTR(sched->refresh));
    sched_collect(sched);
    sched_rates(sched);
    sched_plan(sched);
}

static void sched_refresh(void *arg)
{
    struct sched *sched = arg;
    sched->refresh = NULL;
    sched_recompute(sched);
}

/* Rates are not right any more: accounts at the old ones now, while the cgroups are all there. */
static void sched_mark(struct sched *sched)
{
    if (sched->stale)
        return;
    sched_settle(sched);
    sched->stale = true;
    sched->refresh = loop_timer_start(sched->kernel->loop, 0, sched_refresh, sched);
}

static void sched_completed(void *arg)
{
    struct sched *sched = arg;
    sched->completion = NULL;
    sched_settle(sched);
    list_for_each_safe (node, following, &sched->entities) {
        struct sched_entity *entity = list_entry(node, struct sched_entity, node);
        uint64_t demand_ns = entity->task->demand_ns;
        if (demand_ns == UINT64_MAX || entity_done_ns(sched, entity) < (double)demand_ns - 0.5)
            continue;
        entity_settle(sched, entity, true);
        list_remove(node);
        list_append(&sched->met, node);
    }
    sched_mark(sched);
    while (!list_empty(&sched->met)) {
        struct sched_entity *entity = list_entry(sched->met.next, struct sched_entity, node);
        struct task *task = entity->task;
        void (*demand_met)(struct task *) = task->demand_met;
        sched_forget(task);
        demand_met(task);
    }
}

void task_demand(
    struct task *task, uint64_t cpu_ns, double system_share, void (*demand_met)(struct task *))
{
    struct sched *sched = task->process->kernel->sched;
    assert(!task->dead && system_share >= 0 && system_share <= 1);
    sched_forget(task);
    struct sched_entity *entity = mem_alloc(sizeof(*entity));
    if (sched->entities_count == 0)
        sched->since_ns = sched->settled_ns = loop_now_ns(sched->kernel->loop);
    sched_mark(sched);
    entity->task = task;
    task->entity = entity;
    task->demand_ns = cpu_ns;
    task->system_share = system_share;
    task->demand_met = demand_met;
    list_append(&sched->entities, &entity->node);
    sched->entities_count++;
}

void sched_forget(struct task *task)
{
    struct sched *sched = task->process->kernel->sched;
    struct sched_entity *entity = task->entity;
    if (!entity)
        return;
    sched_mark(sched);
    list_remove(&entity->node);
    sched->entities_count--;
    free(entity);
    task->entity = NULL;
    task->demand_ns = 0;
    task->demand_met = NULL;
}

void sched_task_changed(struct task *task)
{
    if (task->entity)
        sched_mark(task->process->kernel->sched);
}

void sched_update(struct kernel *kernel)
{
    if (kernel->sched->entities_count > 0 && !kernel->sched->stale)
        sched_settle(kernel->sched);
}

void sched_changed(struct kernel *kernel)
{
    if (kernel->sched->entities_count > 0)
        sched_mark(kernel->sched);
}
