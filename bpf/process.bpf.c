// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Forks, execs, exits by signal, and the number of threads with its peak. */
#include "bpf/collect.h"

MAP(process, PERCPU_ARRAY, __u32, struct process_stats, 1, 0);
MAP(timelines, ARRAY, __u32, struct timeline, 1, 0);

INLINE void peak_raise(struct gauge *gauge, int threads)
{
    for (int try = 0; try < 4; try++) {
        __u32 peak = *(volatile __u32 *)&gauge->threads_peak;
        if (threads <= 0 || (__u32)threads <= peak)
            break;
        if (__sync_val_compare_and_swap(&gauge->threads_peak, peak, (__u32)threads) == peak)
            break;
    }
}

/* In the container and those around it: peaks do not add up. */
INLINE void threads_change(__u32 slot, int by)
{
    for (int level = 0; level < STATS_DEPTH_MAX && slot < config.slots; level++) {
        struct gauge *gauge = bpf_map_lookup_elem(&gauges, &slot);
        if (!gauge)
            break;
        peak_raise(gauge, __sync_fetch_and_add(&gauge->threads, by) + by);
        slot = gauge->parent;
    }
}

/* The first task of a container is its init; when it was moved in, what happened before is known
 * from its line. */
INLINE void first_task(__u32 slot, struct task_entry *entry, __u64 attach_ns)
{
    struct gauge *gauge = bpf_map_lookup_elem(&gauges, &slot);
    struct timeline *line = bpf_map_lookup_elem(&timelines, &slot);
    if (!gauge || !line || __sync_val_compare_and_swap(&gauge->tasks_seen, 0, 1) != 0)
        return;
    line->init_pid = entry->pid;
    line->clone_ns = entry->clone_ns;
    line->first_run_ns = entry->first_run_ns;
    line->attach_ns = attach_ns;
}

PROBE(sched_process_fork)
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    struct cpu_state *cpu = cpu_here();
    struct task_entry *entry = cpu ? task_take(cpu, child) : (void *)0;
    if (!entry)
        return 0;
    task_reset(entry, child);
    entry->clone_ns = bpf_ktime_get_ns();
    entry->fresh = 1;
    entry->seen_ns = 0;
    entry->watch = control.watch;
    __u32 slot = slot_of_task(cpu, parent);
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    bool is_thread = K(child, pid) != K(child, tgid);
    if (stats && is_thread)
        stats->threads++;
    else if (stats)
        stats->forks++;
    slot = slot_of_task(cpu, child);
    entry->slot = slot;
    threads_change(slot, 1);
    if (slot < config.slots)
        first_task(slot, entry, 0);
    return 0;
}

PROBE(sched_process_exec)
int BPF_PROG(on_exec, struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    __u32 slot = slot_of_task(cpu, task);
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    struct timeline *line = bpf_map_lookup_elem(&timelines, &slot);
    if (!stats || !line)
        return 0;
    stats->execs++;
    if (!line->exec_ns)
        line->exec_ns = bpf_ktime_get_ns();
    struct task_entry *entry = task_find(line->init_pid);
    if (entry && !line->first_run_ns)
        line->first_run_ns = entry->first_run_ns;
    return 0;
}

/* The status that the parent will see. */
INLINE __u32 signal_of_exit(struct task_struct *task)
{
    int code = K(task, signal, group_exit_code);
    if (!code)
        code = K(task, exit_code);
    return code & 0x7f;
}

/*
 * Whether this was the last thread. Newer kernels say so; on older ones two threads that end at
 * once may both see that none is left: the process's line lets the first one count it.
 */
INLINE bool group_ends(struct task_struct *task, __u64 said)
{
    if (config.exit_group_dead)
        return said & 0xff;
    if (K(task, signal, live.counter) != 0)
        return false;
    struct task_entry *leader = task_find(K(task, tgid));
    return !leader || __sync_lock_test_and_set(&leader->ended, 1) == 0;
}

PROBE(sched_process_exit)
int BPF_PROG(on_end, struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    __u32 slot = slot_of_task(cpu, task);
    threads_change(slot, -1);
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    struct timeline *line = bpf_map_lookup_elem(&timelines, &slot);
    if (!stats || !line)
        return 0;
    __u32 pid = K(task, pid);
    struct task_entry *entry = task_find(pid);
    if (entry)
        task_collect(slot, entry, task);
    if (line->init_pid == pid) {
        line->exit_ns = bpf_ktime_get_ns();
        if (entry && !line->first_run_ns)
            line->first_run_ns = entry->first_run_ns;
    }
    if (!group_ends(task, config.exit_group_dead ? ARGUMENT(1) : 0))
        return 0;
    stats->exits++;
    __u32 signal = signal_of_exit(task);
    if (signal)
        COUNT_AT(stats->exits_by_signal, signal, STATS_SIGNALS);
    return 0;
}

PROBE(cgroup_attach_task)
int BPF_PROG(on_attach, struct cgroup *to, const char *path, struct task_struct *task,
    bool whole_group)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu || K(to, root, hierarchy_id) != (int)config.identity_hierarchy)
        return 0;
    __u64 now = bpf_ktime_get_ns();
    __u32 slot = slot_of_cgroup(cpu, to, config.identity_hierarchy);
    struct task_entry *entry = task_take(cpu, task);
    if (!entry)
        return 0;
    task_collect(entry->slot, entry, task);
    int count = whole_group ? K(task, signal, nr_threads) : 1;
    if (entry->slot != slot) {
        if (entry->slot != STATS_SLOT_NONE)
            threads_change(entry->slot, -count);
        threads_change(slot, count);
    }
    entry->slot = slot;
    entry->known_set = 0;
    task_skip(entry, task);
    if (slot < config.slots)
        first_task(slot, entry, now);
    return 0;
}
