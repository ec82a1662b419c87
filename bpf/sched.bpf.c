// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Run-queue latency: how long a task could run before it did. The kernel counts the sum of waits in
 * each task; what it has grown by when a task leaves the CPU was the wait before, so that a switch
 * reads no clock. Kernels whose tasks do not count their waits, and who asks for wakeups, get the
 * wait from the wakeup (or the preemption) to the switch. All else that the tasks count is
 * collected elsewhere (tasks.bpf.c), if it can be: a switch is the hottest place of all.
 */
#include "bpf/collect.h"

/* Of each CPU, that the program was run at: what it costs (watch.c). */
MAP(switches, PERCPU_ARRAY, __u32, __u64, 1, 0);

INLINE unsigned int state_of(struct task_struct *task)
{
#ifdef __bpf__
    if (!bpf_core_field_exists(task->__state)) {
        struct task_struct___state *old = (void *)task;
        return (unsigned int)BPF_CORE_READ(old, state);
    }
#endif
    return K(task, __state);
}

INLINE void wait_count(struct sched_stats *stats, __u64 waited)
{
    stats->wait_ns += waited;
    COUNT_AT(stats->wait_buckets, bucket_of(waited), STATS_BUCKETS);
}

/*
 * The slot of a task whose line does not say it: it has not got one, or has been moved, or the
 * containers have changed. A set that is freed and made anew at the same place is not mistaken:
 * moves of the task in our hierarchy forget it, and others do not change the answer.
 */
OUTLINE __u32 slot_learn(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return STATS_SLOT_NONE;
    __u32 generation = generation_now();
    __u32 watch = control.watch;
    __u32 slot = slot_of_task(cpu, task);
    struct task_entry *entry =
        slot < config.slots ? task_take(cpu, task) : task_find(K(task, pid));
    if (!entry)
        return STATS_SLOT_NONE;
    entry->known_slot = slot;
    entry->generation = generation;
    entry->known_set = (__u64)K(task, cgroups);
    if (!config.waits_in_tasks || entry->watch == watch)
        return slot;
    /* How much of its waits is that of this one is not known. */
    entry->seen_ns = K(task, sched_info.run_delay);
    entry->watch = watch;
    return STATS_SLOT_NONE;
}

/* A task that leaves the CPU has come to it once, after a wait; and maybe it waits from here on. */
INLINE void wait_collect(
    __u32 slot, struct task_entry *entry, struct task_struct *task, bool preempted)
{
    struct sched_stats *stats = sched_of(slot);
    if (!stats)
        return;
    if (config.waits_in_tasks) {
        __u64 waited = K(task, sched_info.run_delay);
        wait_count(stats, waited - entry->seen_ns);
        entry->seen_ns = waited;
        return;
    }
    bool waits = preempted || state_of(task) == KERNEL_TASK_RUNNING;
    entry->runnable_ns = waits ? bpf_ktime_get_ns() : 0;
}

/* What else a task has counted: when nothing else collects that, or when it has ended. */
OUTLINE int rest_collect(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    struct task_entry *entry = cpu ? task_find(K(task, pid)) : (void *)0;
    if (!entry)
        return 0;
    task_collect(slot_of_task(cpu, task), entry, task);
    if (state_of(task) & KERNEL_TASK_DEAD)
        entry->pid = 0;
    return 0;
}

INLINE void switch_out(struct task_struct *task, bool preempted)
{
    __u32 pid = K(task, pid);
    __u32 index = pid & config.task_mask;
    struct task_entry *entry = pid ? bpf_map_lookup_elem(&tasks, &index) : (void *)0;
    if (!entry)
        return;
    __u32 slot;
    if (entry->pid == pid && entry->known_set == (__u64)K(task, cgroups) &&
        entry->generation == generation_now())
        slot = entry->known_slot;
    else
        slot = slot_learn(task);
    wait_collect(slot, entry, task, preempted);
    /* From then on nobody finds it who goes through all tasks. */
    if (config.switch_collects || K(task, exit_state))
        rest_collect(task);
}

/* A task gets the CPU for the first time, or its wait is measured by the clock. */
OUTLINE int switch_in(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    __u32 pid = K(task, pid);
    struct task_entry *entry = pid && cpu ? task_find(pid) : (void *)0;
    if (!entry)
        return 0;
    if (entry->fresh) {
        entry->fresh = 0;
        entry->first_run_ns = bpf_ktime_get_ns();
    }
    if (config.waits_in_tasks || !entry->runnable_ns)
        return 0;
    __u32 slot = slot_of_task(cpu, task);
    struct sched_stats *stats = sched_of(slot);
    __u64 now = bpf_ktime_get_ns();
    if (stats)
        wait_count(stats, now > entry->runnable_ns ? now - entry->runnable_ns : 0);
    entry->runnable_ns = 0;
    return 0;
}

/* The kernel counts the arrival of the next task after this: until then it has never arrived. */
INLINE bool is_arrival_plain(struct task_struct *task)
{
    return config.waits_in_tasks && K(task, sched_info.pcount) != 0;
}

PROBE(sched_switch)
int BPF_PROG(on_switch, bool preempted, struct task_struct *prev, struct task_struct *next)
{
    __u32 zero = 0;
    __u64 *count = bpf_map_lookup_elem(&switches, &zero);
    if (count)
        ++*count;
    switch_out(prev, preempted);
    struct cpu_state *cpu = config.switch_collects ? cpu_here() : (void *)0;
    if (cpu)
        cpu->pid = K(next, pid);
    if (!is_arrival_plain(next))
        switch_in(next);
    return 0;
}

/* The clock of a wait starts, for the task that is woken. */
INLINE int woken(struct task_struct *task, bool is_new)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    __u32 slot = slot_of_task(cpu, task);
    if (slot >= config.slots)
        return 0;
    struct sched_stats *stats = sched_of(slot);
    struct task_entry *entry = task_take(cpu, task);
    if (!stats || !entry)
        return 0;
    entry->runnable_ns = bpf_ktime_get_ns();
    stats->wakeups += !is_new;
    return 0;
}

PROBE(sched_wakeup)
int BPF_PROG(on_wakeup, struct task_struct *task)
{
    return woken(task, false);
}

PROBE(sched_wakeup_new)
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
    return woken(task, true);
}
