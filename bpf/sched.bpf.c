// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CPU time, switches, run-queue latency and page faults. The kernel counts run time, waits and
 * faults in each task anyway; a switch collects what has come since the last one, so that it reads
 * no clock. Kernels whose tasks do not count their waits, and who asks for wakeups, get the wait
 * from the wakeup (or the preemption) to the switch.
 */
#include "bpf/collect.h"

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

INLINE void faults_collect(struct sched_stats *stats, struct task_entry *entry,
    struct task_struct *task)
{
    __u32 minor = (__u32)K(task, min_flt);
    if (minor != entry->faults_minor) {
        stats->faults_minor += (__u32)(minor - entry->faults_minor);
        entry->faults_minor = minor;
    }
    __u32 major = (__u32)K(task, maj_flt);
    if (major != entry->faults_major) {
        stats->faults_major += (__u32)(major - entry->faults_major);
        entry->faults_major = major;
    }
}

INLINE void wait_count(struct sched_stats *stats, __u64 waited)
{
    stats->waits++;
    stats->wait_ns += waited;
    COUNT_AT(stats->wait_buckets, bucket_of(waited), STATS_BUCKETS);
}

/* A task that leaves the CPU has come to it once: after that wait. */
INLINE void wait_collect(struct sched_stats *stats, struct task_entry *entry,
    struct task_struct *task)
{
    __u64 waited = K(task, sched_info.run_delay);
    wait_count(stats, waited - entry->waited_ns);
    entry->waited_ns = waited;
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
    __u32 slot = slot_of_task(cpu, task);
    struct task_entry *entry =
        slot < config.slots ? task_take(cpu, task) : task_find(K(task, pid));
    if (!entry)
        return STATS_SLOT_NONE;
    entry->known_slot = slot;
    entry->generation = generation;
    entry->known_set = (__u64)K(task, cgroups);
    return slot;
}

/* A task leaves the CPU: its time, why it left, and whether it waits again from here on. */
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
    if (slot >= config.slots)
        return;
    struct sched_stats *stats = bpf_map_lookup_elem(&sched, &slot);
    if (!stats)
        return;
    __u64 ran = K(task, se.sum_exec_runtime);
    stats->cpu_ns += ran - entry->ran_ns;
    entry->ran_ns = ran;
    if (config.waits_in_tasks)
        wait_collect(stats, entry, task);
    faults_collect(stats, entry, task);
    unsigned int state = state_of(task);
    if (preempted || state == KERNEL_TASK_RUNNING) {
        stats->switches_involuntary++;
        if (!config.waits_in_tasks)
            entry->runnable_ns = bpf_ktime_get_ns();
        return;
    }
    stats->switches_voluntary++;
    entry->runnable_ns = 0;
    if (state & KERNEL_TASK_DEAD)
        entry->pid = 0;
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
    struct sched_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&sched, &slot) : (void *)0;
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
    switch_out(prev, preempted);
    struct cpu_state *cpu = cpu_here();
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
    struct sched_stats *stats = bpf_map_lookup_elem(&sched, &slot);
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
