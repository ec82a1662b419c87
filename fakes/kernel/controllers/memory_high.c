/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delay of who charges above memory.high: for each batch of pages it sleeps the longer the
 * further the cgroup is above, two seconds at most (mm/memcontrol.c, mem_cgroup_handle_over_high).
 * What was charged at once is paid for batch by batch, by the limit as it is at the time.
 */
#include "fakes/kernel/memory.h"
#include "fakes/kernel/psi.h"

#define BATCH_BYTES (64 * PAGE_BYTES) /* MEMCG_CHARGE_BATCH */
/* Squared overage times 2^20 * HZ >> 14: in seconds. */
#define DELAY_SECONDS_PER_SQUARE 64.0
#define DELAY_NS_MAX (2 * NS_PER_SEC)
#define DELAY_NS_MIN (NS_PER_SEC / 100) /* less is not slept */

struct memory_stall {
    struct list node; /* in memory_world.stalls */
    struct process *process;
    struct loop_timer *timer;
    uint64_t delay_ns;
    void (*fn)(struct process *process, void *arg);
    void *arg;
};

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* How far the cgroup, or one above it, is above its limit, before what is still to be paid for. */
static double worst_overage(const struct process *process, uint64_t later_bytes)
{
    double worst = 0;
    for (struct memory_css *at = memory_of(cgroup_css_of(process->leader, SUBSYS_MEMORY)); at;
         at = memory_parent(at)) {
        uint64_t high = limit_bytes(at->high), usage = memory_usage(at);
        usage -= at_most(usage, later_bytes);
        double over = usage > high ? (double)(usage - high) / (double)(high ? high : 1) : 0;
        worst = over > worst ? over : worst;
    }
    return worst;
}

static uint64_t batch_delay_ns(const struct process *process, uint64_t batch_bytes)
{
    double over = worst_overage(process, process->high_bytes - batch_bytes);
    double seconds =
        over * over * DELAY_SECONDS_PER_SQUARE * (double)batch_bytes / (double)BATCH_BYTES;
    if (seconds >= (double)DELAY_NS_MAX / NS_PER_SEC)
        return DELAY_NS_MAX;
    uint64_t delay_ns = (uint64_t)(seconds * NS_PER_SEC);
    return delay_ns > DELAY_NS_MIN ? delay_ns : 0;
}

/* The next delay that is slept; 0: all is paid for. */
static uint64_t next_delay_ns(struct process *process)
{
    uint64_t delay_ns = 0;
    while (process->high_bytes && !delay_ns) {
        uint64_t batch = at_most(process->high_bytes, BATCH_BYTES);
        delay_ns = batch_delay_ns(process, batch);
        process->high_bytes -= batch;
    }
    return delay_ns;
}

static void stall_over(void *arg)
{
    struct memory_stall *stall = arg;
    struct process *process = stall->process;
    psi_task_stalled(process->leader, PSI_MEMORY, stall->delay_ns / NS_PER_US);
    stall->delay_ns = next_delay_ns(process);
    if (stall->delay_ns) {
        stall->timer = loop_timer_start(process->kernel->loop, stall->delay_ns, stall_over, stall);
        return;
    }
    struct memory_stall done = *stall;
    list_remove(&stall->node);
    free(stall);
    if (done.fn)
        done.fn(process, done.arg);
}

bool cgroup_memory_stall(struct process *process, void (*fn)(struct process *process, void *arg),
    void *arg)
{
    uint64_t delay_ns = next_delay_ns(process);
    if (!delay_ns)
        return false;
    struct memory_stall *stall = mem_alloc(sizeof(*stall));
    *stall = (struct memory_stall){
        .process = process, .delay_ns = delay_ns, .fn = fn, .arg = arg};
    list_append(&process->kernel->cgroup_world->memory->stalls, &stall->node);
    stall->timer = loop_timer_start(process->kernel->loop, delay_ns, stall_over, stall);
    return true;
}

void memory_stall_forget(struct memory_world *world, const struct process *process)
{
    list_for_each_safe(node, following, &world->stalls) {
        struct memory_stall *stall = list_entry(node, struct memory_stall, node);
        if (process && stall->process != process)
            continue;
        if (process)
            loop_timer_stop(process->kernel->loop, stall->timer);
        list_remove(&stall->node);
        free(stall);
    }
}
