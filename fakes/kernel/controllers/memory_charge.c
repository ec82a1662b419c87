/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charging, reclaim and the OOM killer of the memory controller (spec cgroupfs.md 4.2 and 6).
 * Memory stays charged where it was touched: each process keeps a list of what it is charged in
 * which cgroup. A charge goes as far as the tightest limit lets it, as page faults do; then page
 * cache is dropped and memory swapped, and when nothing is left, somebody dies.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/kernel/memory.h"
#include "fakes/kernel/psi.h"

#define OOM_SCORE_ADJ_MIN (-1000)

struct oom_waiter {
    struct list node;
    struct process *process;
    void (*fn)(struct process *process, void *arg);
    void *arg;
};

struct memory_world *memory_world_new(void)
{
    struct memory_world *world = mem_alloc(sizeof(*world));
    list_init(&world->recovering);
    list_init(&world->stalls);
    return world;
}

static void waiter_free(struct oom_waiter *waiter)
{
    list_remove(&waiter->node);
    free(waiter);
}

void memory_world_free(struct memory_world *world)
{
    memory_stall_forget(world, NULL);
    while (!list_empty(&world->recovering))
        waiter_free(list_entry(world->recovering.next, struct oom_waiter, node));
    free(world);
}

/* ---------------------------------------------------------------------- counters */

static void usage_change(struct memory_css *memory, enum memory_kind kind, int64_t change)
{
    memory->own[kind] += (uint64_t)change;
    for (struct memory_css *at = memory; at; at = memory_parent(at)) {
        uint64_t before = memory_usage(at);
        at->usage[kind] += (uint64_t)change;
        if ((int64_t)at->usage[kind] < 0)
            at->usage[kind] = 0;
        uint64_t usage = memory_usage(at);
        if (usage > at->peak)
            at->peak = usage;
        if (usage > at->local_peak)
            at->local_peak = usage;
        if (usage + at->swapped > at->memsw_peak)
            at->memsw_peak = usage + at->swapped;
        if (change > 0)
            at->faults += (uint64_t)change / PAGE_BYTES;
        if (!list_empty(&at->listeners))
            memory_thresholds_check(at, before, before + at->swapped);
    }
}

static void swap_change(struct memory_css *memory, int64_t change)
{
    struct memory_world *world = cgroup_world_of(memory->css.cgroup)->memory;
    world->swap_used += (uint64_t)change;
    memory->own_swapped += (uint64_t)change;
    for (struct memory_css *at = memory; at; at = memory_parent(at)) {
        at->swapped += (uint64_t)change;
        if ((int64_t)at->swapped < 0)
            at->swapped = 0;
        if (at->swapped > at->swap_peak)
            at->swap_peak = at->swapped;
    }
}

static struct memory_charge *charge_of(struct process *process, struct memory_css *memory)
{
    struct memory_charge *charge = process->charges;
    while (charge && charge->memory != memory)
        charge = charge->next;
    if (charge)
        return charge;
    charge = mem_alloc(sizeof(*charge));
    charge->next = process->charges;
    charge->process = process;
    charge->memory = memory;
    process->charges = charge;
    list_append(&memory->charges, &charge->node);
    cgroup_get(memory->css.cgroup);
    return charge;
}

static bool charge_empty(const struct memory_charge *charge)
{
    return !charge->bytes[MEMORY_ANON] && !charge->bytes[MEMORY_FILE] && !charge->swapped;
}

static void charge_drop(struct memory_charge *charge)
{
    struct memory_charge **at = &charge->process->charges;
    while (*at != charge)
        at = &(*at)->next;
    *at = charge->next;
    list_remove(&charge->node);
    struct cgroup *cgroup = charge->memory->css.cgroup;
    free(charge);
    if (cgroup->dead)
        cgroup_reaper_schedule(cgroup_kernel(cgroup));
    cgroup_put(cgroup);
}

static void charge_change(struct memory_charge *charge, enum memory_kind kind, int64_t change)
{
    charge->bytes[kind] += (uint64_t)change;
    usage_change(charge->memory, kind, change);
}

/* ---------------------------------------------------------------------- reclaim */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t swap_room(const struct memory_css *memory)
{
    const struct kernel *kernel = cgroup_kernel(memory->css.cgroup);
    uint64_t used = kernel->cgroup_world->memory->swap_used;
    uint64_t room = kernel->swap_bytes > used ? kernel->swap_bytes - used : 0;
    if (memory->swappiness == 0 && !memory->css.cgroup->root->v2)
        return 0;
    for (const struct memory_css *at = memory; at; at = memory_parent(at)) {
        uint64_t limit = limit_bytes(at->swap_max);
        room = smaller(room, limit > at->swapped ? limit - at->swapped : 0);
    }
    return room;
}

static uint64_t reclaim_charge(struct memory_charge *charge, uint64_t bytes)
{
    uint64_t dropped = smaller(charge->bytes[MEMORY_FILE], bytes);
    if (dropped)
        charge_change(charge, MEMORY_FILE, -(int64_t)dropped);
    uint64_t moved = smaller(charge->bytes[MEMORY_ANON], bytes - dropped);
    moved = smaller(moved, swap_room(charge->memory));
    if (moved) {
        charge->swapped += moved;
        swap_change(charge->memory, (int64_t)moved);
        charge_change(charge, MEMORY_ANON, -(int64_t)moved);
    }
    return dropped + moved;
}

/* memory.min or memory.low, by its place in the struct. */
static uint64_t protection_bytes(const struct memory_css *memory, size_t field)
{
    uint64_t pages;
    memcpy(&pages, (const char *)memory + field, sizeof(pages));
    return limit_bytes(pages);
}

/* The protection that the cgroup has of its own, as far as it uses it. */
static uint64_t claimed_bytes(const struct memory_css *memory, size_t field)
{
    return smaller(protection_bytes(memory, field), memory_usage(memory));
}

/* One level down (mm/page_counter.c, effective_protection): siblings that ask for more than there
 * is share it; what none of them asks for goes, with memory_recursiveprot, to those that use more
 * than they asked for. */
static uint64_t passed_on(const struct memory_css *memory, uint64_t above, size_t field)
{
    const struct memory_css *parent = memory_parent(memory);
    uint64_t own = claimed_bytes(memory, field), all = 0;
    list_for_each(node, &parent->css.cgroup->children) {
        const struct cgroup *sibling = list_entry(node, struct cgroup, sibling);
        const struct memory_css *other = memory_of(sibling->css[SUBSYS_MEMORY]);
        all += other ? claimed_bytes(other, field) : 0;
    }
    uint64_t usage = memory_usage(memory), parent_usage = memory_usage(parent);
    if (all > above)
        return (uint64_t)((double)own * (double)above / (double)all);
    if (cgroup_profile(memory->css.cgroup)->no_recursiveprot || above <= all ||
        parent_usage <= all || usage <= own)
        return own;
    return own + (uint64_t)((double)(above - all) * (double)(usage - own) /
                            (double)(parent_usage - all));
}

/* What is protected of the cgroup when `top` is reclaimed, whose own protection does not count. */
static uint64_t protected_bytes(const struct memory_css *memory, const struct memory_css *top,
    size_t field)
{
    uint64_t bytes = 0;
    for (const struct memory_css *done = top; done != memory;) {
        const struct memory_css *next = memory;
        while (memory_parent(next) != done)
            next = memory_parent(next);
        bytes = done == top ? protection_bytes(next, field) : passed_on(next, bytes, field);
        done = next;
    }
    return bytes;
}

/* What memory.min protects is never touched, what memory.low does only at last. */
static uint64_t reclaim_pass(struct memory_css *memory, uint64_t bytes, bool respect_low)
{
    struct cgroup *top = memory->css.cgroup;
    uint64_t freed = 0;
    for (struct cgroup *at = cgroup_next(top, NULL); at && freed < bytes;
         at = cgroup_next(top, at)) {
        struct memory_css *below = memory_of(at->css[SUBSYS_MEMORY]);
        if (!below)
            continue;
        uint64_t usage = memory_usage(below), before = freed;
        uint64_t guard = protected_bytes(below, memory, offsetof(struct memory_css, min));
        uint64_t low = protected_bytes(below, memory, offsetof(struct memory_css, low));
        if (respect_low && low > guard)
            guard = low;
        uint64_t goal = freed + smaller(bytes - freed, usage > guard ? usage - guard : 0);
        list_for_each(node, &below->charges) {
            if (freed >= goal)
                break;
            freed += reclaim_charge(list_entry(node, struct memory_charge, node), goal - freed);
        }
        if (freed > before && usage <= low)
            memory_event_count(below, MEMORY_LOW);
    }
    return freed;
}

uint64_t memory_reclaim(struct memory_css *memory, uint64_t bytes)
{
    uint64_t freed = reclaim_pass(memory, bytes, true);
    if (freed < bytes)
        freed += reclaim_pass(memory, bytes - freed, false);
    if (freed)
        memory_pressure_notify(memory, freed >= bytes ? PRESSURE_LOW : PRESSURE_MEDIUM);
    return freed;
}

/* ---------------------------------------------------------------------- events */

static void raise_file(struct memory_css *memory, const char *file, size_t length)
{
    struct cgroup *cgroup = memory->css.cgroup;
    const struct cgroup_file_slot *slot = cgroup_slot_find(cgroup->root, file, length);
    if (slot)
        cgroup_file_raise(cgroup, slot->file);
}
#define RAISE(memory, file) raise_file((memory), (file), sizeof(file) - 1)

void memory_event_count(struct memory_css *memory, enum memory_event_kind kind)
{
    memory->events_local[kind]++;
    RAISE(memory, "memory.events.local");
    for (struct memory_css *at = memory; at && at->css.cgroup->parent; at = memory_parent(at)) {
        at->events[kind]++;
        RAISE(at, "memory.events");
        if (!at->css.cgroup->root->v2)
            return;
    }
}

void memory_swap_event(struct memory_css *memory, enum swap_event_kind kind)
{
    memory->swap_events[kind]++;
    RAISE(memory, "memory.swap.events");
}

/* ---------------------------------------------------------------------- OOM killer */

static int64_t badness(const struct process *process)
{
    const struct kernel *kernel = process->kernel;
    uint64_t bytes = 0;
    for (const struct memory_charge *at = process->charges; at; at = at->next)
        bytes += at->bytes[MEMORY_ANON] + at->swapped;
    int64_t total = (int64_t)(kernel->memory_bytes / PAGE_BYTES);
    return (int64_t)(bytes / PAGE_BYTES) + process->oom_score_adj * (total / 1000);
}

static bool may_be_killed(const struct process *process)
{
    return process->state != PROCESS_ZOMBIE && !process->ending && !process->kernel_thread &&
           process != process->kernel->init && process->oom_score_adj != OOM_SCORE_ADJ_MIN &&
           !(process->pending_signals & SIGNAL_BIT(SIGKILL));
}

static struct process *worst_of(struct cgroup *cgroup)
{
    size_t count;
    _cleanup_free_ struct task **tasks = cgroup_tasks_snapshot(cgroup, true, &count);
    struct process *worst = NULL;
    for (size_t i = 0; i < count; i++) {
        struct process *process = tasks[i]->process;
        if (tasks[i] != process->leader || !may_be_killed(process))
            continue;
        if (!worst || badness(process) > badness(worst))
            worst = process;
    }
    return worst;
}

static struct memory_css *memory_of_process(const struct process *process)
{
    return memory_of(cgroup_css_of(process->leader, SUBSYS_MEMORY));
}

/* The topmost cgroup from the victim up to the one out of memory that dies as a whole. */
static struct memory_css *group_of(const struct process *victim, const struct memory_css *limit)
{
    struct memory_css *group = NULL;
    for (struct memory_css *at = memory_of_process(victim); at && at->css.cgroup->parent;
         at = memory_parent(at)) {
        if (at->oom_group)
            group = at;
        if (at == limit)
            break;
    }
    return group;
}

static void kill_one(struct process *process)
{
    memory_event_count(memory_of_process(process), MEMORY_OOM_KILL);
    process_signal(process, SIGKILL);
}

bool memory_oom_kill(struct memory_css *memory)
{
    struct process *victim = worst_of(memory->css.cgroup);
    if (!victim)
        return false;
    struct memory_css *group = group_of(victim, memory);
    if (!group) {
        kill_one(victim);
        return true;
    }
    size_t count;
    _cleanup_free_ struct task **tasks =
        cgroup_tasks_snapshot(group->css.cgroup, true, &count);
    /* The kernel counts the victim, and then once more among the members. */
    memory_event_count(memory_of_process(victim), MEMORY_OOM_KILL);
    memory_event_count(group, MEMORY_OOM_GROUP_KILL);
    for (size_t i = 0; i < count; i++)
        if (tasks[i] == tasks[i]->process->leader && may_be_killed(tasks[i]->process))
            kill_one(tasks[i]->process);
    return true;
}

static bool has_charged_process(struct cgroup *cgroup)
{
    size_t count;
    _cleanup_free_ struct task **tasks = cgroup_tasks_snapshot(cgroup, true, &count);
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->process->charges && may_be_killed(tasks[i]->process))
            return true;
    return false;
}

void memory_enforce_max(struct memory_css *memory)
{
    uint64_t limit = limit_bytes(memory->max);
    uint64_t fixed = memory_children_bytes(memory);
    while (memory_usage(memory) + fixed > limit &&
           memory_reclaim(memory, memory_usage(memory) + fixed - limit))
        ;
    if (memory_usage(memory) + fixed <= limit)
        return;
    /* A victim's memory is freed later than the loop looks at the usage again, so the kernel kills
     * on until no one is left who has memory (spec cgroupfs.md 4.2); what cgroups below cost is
     * not freed by that at all. */
    do
        memory_event_count(memory, MEMORY_OOM);
    while (memory_oom_kill(memory) &&
           (fixed > limit || has_charged_process(memory->css.cgroup)));
}

/* ---------------------------------------------------------------------- waiting under OOM */

static void wake_waiters(void *arg)
{
    struct kernel *kernel = arg;
    struct memory_world *world = kernel->cgroup_world->memory;
    world->recoverer = NULL;
    while (!list_empty(&world->recovering)) {
        struct oom_waiter *waiter = list_entry(world->recovering.next, struct oom_waiter, node);
        struct oom_waiter job = *waiter;
        waiter_free(waiter);
        job.fn(job.process, job.arg);
    }
}

void memory_oom_recover(struct memory_css *memory)
{
    struct kernel *kernel = cgroup_kernel(memory->css.cgroup);
    struct memory_world *world = kernel->cgroup_world->memory;
    memory->under_oom = false;
    while (!list_empty(&memory->waiters)) {
        struct list *node = memory->waiters.next;
        list_remove(node);
        list_append(&world->recovering, node);
        if (!world->recoverer)
            world->recoverer = loop_timer_start(kernel->loop, 0, wake_waiters, kernel);
    }
}

/* So is all below what ran out of memory. */
bool memory_is_under_oom(const struct memory_css *memory)
{
    while (memory && !memory->under_oom)
        memory = memory_parent(memory);
    return memory;
}

static struct memory_css *oom_of(struct process *process)
{
    struct memory_css *memory = memory_of_process(process);
    while (memory && !memory->under_oom)
        memory = memory_parent(memory);
    return memory;
}

bool cgroup_oom_wait(struct process *process, void (*fn)(struct process *process, void *arg),
    void *arg)
{
    struct memory_css *memory = oom_of(process);
    if (!memory)
        return false;
    struct oom_waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->process = process;
    waiter->fn = fn;
    waiter->arg = arg;
    list_append(&memory->waiters, &waiter->node);
    return true;
}

static void forget_waiter(struct list *waiters, const struct process *process)
{
    list_for_each_safe(node, following, waiters) {
        struct oom_waiter *waiter = list_entry(node, struct oom_waiter, node);
        if (waiter->process == process)
            waiter_free(waiter);
    }
}

static void recover_after_uncharge(struct memory_css *memory)
{
    for (struct memory_css *at = memory; at; at = memory_parent(at))
        if (at->under_oom)
            memory_oom_recover(at);
}

/* ---------------------------------------------------------------------- charging */

/* How much more fits below all limits, and whose limit is the tightest. */
static uint64_t chain_room(struct memory_css *memory, struct memory_css **ret_limiting)
{
    uint64_t room = UINT64_MAX;
    *ret_limiting = NULL;
    for (struct memory_css *at = memory; at && at->css.cgroup->parent; at = memory_parent(at)) {
        uint64_t usage = memory_usage(at);
        uint64_t limit = limit_bytes(at->max), memsw = limit_bytes(at->memsw_max);
        uint64_t here = limit > usage ? limit - usage : 0;
        uint64_t with_swap = memsw > usage + at->swapped ? memsw - usage - at->swapped : 0;
        here = smaller(here, with_swap);
        if (here < room) {
            room = here;
            *ret_limiting = at;
        }
    }
    return room;
}

/* So much did not fit. */
static void count_failure(struct memory_css *limiting, uint64_t bytes)
{
    if (limit_bytes(limiting->max) < memory_usage(limiting) + bytes)
        limiting->failures++;
    else
        limiting->memsw_failures++;
    memory_event_count(limiting, MEMORY_MAX);
}

/* Out of memory: true when something was done about it and the charge may be tried again. */
static bool out_of_memory(struct memory_css *limiting)
{
    if (!limiting->css.cgroup->root->v2) {
        limiting->under_oom = limiting->oom_kill_disable;
        memory_oom_notify(limiting);
        if (limiting->oom_kill_disable)
            return false;
    }
    memory_pressure_notify(limiting, PRESSURE_CRITICAL);
    memory_event_count(limiting, MEMORY_OOM);
    return memory_oom_kill(limiting);
}

/* Above memory.high nothing is refused; the kernel reclaims and slows the task down. */
static void check_high(struct process *process, struct memory_css *memory, uint64_t charged)
{
    uint64_t above = 0;
    for (struct memory_css *at = memory; at; at = memory_parent(at)) {
        uint64_t high = limit_bytes(at->high);
        if (memory_usage(at) <= high)
            continue;
        memory_event_count(at, MEMORY_HIGH);
        memory_reclaim(at, memory_usage(at) - high);
        uint64_t left = memory_usage(at) > high ? smaller(memory_usage(at) - high, charged) : 0;
        above = left > above ? left : above;
    }
    process->high_bytes = above;
}

static bool is_dead(const struct process *process)
{
    return process->state == PROCESS_ZOMBIE || process->ending;
}

static void charge_undo(struct process *process, struct memory_css *memory, enum memory_kind kind,
    uint64_t bytes)
{
    struct memory_charge *charge = charge_of(process, memory);
    uint64_t resident = smaller(bytes, charge->bytes[kind]);
    charge_change(charge, kind, -(int64_t)resident);
    uint64_t swapped = smaller(bytes - resident, charge->swapped);
    charge->swapped -= swapped;
    if (swapped)
        swap_change(memory, -(int64_t)swapped);
    if (charge_empty(charge))
        charge_drop(charge);
}

static int charge(struct process *process, enum memory_kind kind, uint64_t bytes)
{
    struct memory_css *memory = memory_of_process(process);
    if (!memory || !bytes)
        return 0;
    uint64_t done = 0;
    while (done < bytes) {
        struct memory_css *limiting;
        uint64_t step = smaller(bytes - done, chain_room(memory, &limiting));
        if (step) {
            charge_change(charge_of(process, memory), kind, (int64_t)step);
            done += step;
            continue;
        }
        count_failure(limiting, 1);
        if (memory_reclaim(limiting, bytes - done))
            continue;
        bool again = out_of_memory(limiting);
        if (again && !is_dead(process))
            continue;
        if (done)
            charge_undo(process, memory, kind, done);
        return -ENOMEM;
    }
    check_high(process, memory, bytes);
    return 0;
}

int cgroup_charge(struct process *process, uint64_t bytes)
{
    return charge(process, MEMORY_ANON, bytes);
}

int memory_charge_file(struct process *process, uint64_t bytes)
{
    return charge(process, MEMORY_FILE, bytes);
}

/*
 * Stack, task, and the pages that a thread touches first; a process has page tables, too. Measured
 * as limits below which the makers of tasks were killed: threads at 48 KiB everywhere, at 64 KiB on
 * 6.1 and 6.12 but not on the build that shows kernel memory; processes at 128 KiB.
 */
#define THREAD_COST_BYTES (UINT64_C(17) * PAGE_BYTES)
#define THREAD_COST_LESS_BYTES (UINT64_C(13) * PAGE_BYTES)
#define PROCESS_COST_BYTES (UINT64_C(40) * PAGE_BYTES)

static uint64_t task_cost(const struct memory_css *memory, bool thread)
{
    if (!thread)
        return PROCESS_COST_BYTES;
    return cgroup_profile(memory->css.cgroup)->kernel_memory ? THREAD_COST_LESS_BYTES
                                                             : THREAD_COST_BYTES;
}

int memory_make_task(struct process *process, bool thread)
{
    struct memory_css *memory = memory_of_process(process), *limiting;
    uint64_t cost = memory ? task_cost(memory, thread) : 0;
    while (memory && chain_room(memory, &limiting) < cost) {
        count_failure(limiting, cost);
        if (memory_reclaim(limiting, cost))
            continue;
        if (!out_of_memory(limiting) || is_dead(process))
            return -ENOMEM;
    }
    return 0;
}

void cgroup_uncharge(struct process *process, uint64_t bytes)
{
    struct memory_charge *charge = process->charges;
    while (charge && bytes) {
        struct memory_charge *next = charge->next;
        struct memory_css *memory = charge->memory;
        uint64_t resident = smaller(charge->bytes[MEMORY_ANON], bytes);
        if (resident)
            charge_change(charge, MEMORY_ANON, -(int64_t)resident);
        uint64_t swapped = smaller(charge->swapped, bytes - resident);
        charge->swapped -= swapped;
        if (swapped)
            swap_change(memory, -(int64_t)swapped);
        bytes -= resident + swapped;
        recover_after_uncharge(memory);
        if (charge_empty(charge))
            charge_drop(charge);
        charge = next;
    }
}

/* Called when the process is dead: page cache stays charged in the kernel, but here it has no one
 * to belong to any more. */
void memory_process_exited(struct cgroup_css *css, struct task *task)
{
    struct process *process = task->process;
    if (task != process->leader)
        return;
    while (process->charges) {
        struct memory_charge *charge = process->charges;
        for (int kind = 0; kind < MEMORY_KINDS; kind++)
            if (charge->bytes[kind])
                charge_change(charge, (enum memory_kind)kind, -(int64_t)charge->bytes[kind]);
        if (charge->swapped)
            swap_change(charge->memory, -(int64_t)charge->swapped);
        charge_drop(charge);
    }
    memory_stall_forget(cgroup_world_of(css->cgroup)->memory, process);
    forget_waiter(&cgroup_world_of(css->cgroup)->memory->recovering, process);
    for (struct memory_css *at = memory_of(css); at; at = memory_parent(at))
        forget_waiter(&at->waiters, process);
}

/* Switched off while the cgroup lives on: the nearest ancestor takes over what is charged here. */
void memory_reparent(struct memory_css *memory)
{
    struct memory_css *parent = memory_parent(memory);
    list_for_each_safe(node, following, &memory->charges) {
        struct memory_charge *old = list_entry(node, struct memory_charge, node);
        struct memory_charge *new = charge_of(old->process, parent);
        for (int kind = 0; kind < MEMORY_KINDS; kind++) {
            new->bytes[kind] += old->bytes[kind];
            parent->own[kind] += old->bytes[kind];
            old->bytes[kind] = 0;
        }
        new->swapped += old->swapped;
        parent->own_swapped += old->swapped;
        charge_drop(old);
    }
}
