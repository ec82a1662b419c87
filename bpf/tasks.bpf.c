// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tasks' own counters without a program at the switch: an iterator over all tasks collects them
 * when somebody reads, and what a task does after that comes when the kernel frees it: then its
 * counters change no more. Of run-queue latencies it tells but the sum; it costs a switch nothing.
 */
#include "bpf/collect.h"

INLINE void all_collect(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_task(cpu, task) : STATS_SLOT_NONE;
    struct sched_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&sched, &slot) : (void *)0;
    struct task_entry *entry = stats ? task_take(cpu, task) : (void *)0;
    if (!stats || !entry)
        return;
    task_collect(slot, entry, task);
    __u32 voluntary = (__u32)K(task, nvcsw);
    __u32 involuntary = (__u32)K(task, nivcsw);
    voluntary = TAKE(entry->left_voluntary, voluntary);
    involuntary = TAKE(entry->left_involuntary, involuntary);
    ADD_SHARED(stats->switches_voluntary, voluntary);
    ADD_SHARED(stats->switches_involuntary, involuntary);
    if (!config.waits_in_tasks)
        return;
    __u64 waited = K(task, sched_info.run_delay);
    ADD_SHARED(stats->waits, voluntary + involuntary);
    ADD_SHARED(stats->wait_ns, TAKE(entry->waited_ns, waited));
}

#ifdef PROBE_ITERATOR
struct bpf_iter__task {
    void *meta;
    struct task_struct *task; /* NULL: after the last one */
};

SEC("iter/task")
int on_task(struct bpf_iter__task *at)
{
    struct task_struct *task = at->task;
    if (task)
        all_collect(task);
    return 0;
}
#else
PROBE(sched_process_free)
int BPF_PROG(on_free, struct task_struct *task)
{
    all_collect(task);
    return 0;
}
#endif
