// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The tasks' own counters without a program at the switch: an iterator over all tasks collects them
 * when somebody reads. What a task does after that is collected when it ends, and the rest when the
 * kernel frees it: then its counters change no more.
 */
#include "bpf/collect.h"

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
        alive_collect(task);
    return 0;
}
#else
/* Who has no line any more has been collected. The container may be gone, but not its slot. */
INLINE void freed_collect(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    struct task_entry *entry = cpu ? task_find(K(task, pid)) : (void *)0;
    if (!entry)
        return;
    __u32 slot = entry->slot < config.slots ? entry->slot : slot_of_task(cpu, task);
    task_collect(slot, entry, task);
    entry->pid = 0;
}

PROBE(sched_process_free)
int BPF_PROG(on_free, struct task_struct *task)
{
    freed_collect(task);
    return 0;
}
#endif
