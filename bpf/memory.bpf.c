// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reclaim, OOM kills, and page faults as exceptions where the tasks' own counters are out of reach.
 * Reclaim is work of the task that runs, for itself; whom the OOM killer chose is its argument.
 */
#include "bpf/probe.h"

MAP(memory, PERCPU_ARRAY, __u32, struct memory_stats, 1, 0);

INLINE struct memory_stats *memory_of(struct cpu_state *cpu, struct task_struct *task)
{
    __u32 slot = slot_of_task(cpu, task);
    return slot < config.slots ? bpf_map_lookup_elem(&memory, &slot) : (void *)0;
}

INLINE int reclaim_begin(void)
{
    struct task_struct *task = CURRENT();
    struct cpu_state *cpu = cpu_here();
    if (!cpu || slot_of_task(cpu, task) >= config.slots)
        return 0;
    struct task_entry *entry = task_take(cpu, task);
    if (entry)
        entry->reclaim_ns = bpf_ktime_get_ns();
    return 0;
}

INLINE int reclaim_end(void)
{
    struct task_struct *task = CURRENT();
    struct cpu_state *cpu = cpu_here();
    struct memory_stats *stats = cpu ? memory_of(cpu, task) : (void *)0;
    struct task_entry *entry = task_find(K(task, pid));
    if (!stats || !entry || !entry->reclaim_ns)
        return 0;
    stats->reclaims++;
    stats->reclaim_ns += bpf_ktime_get_ns() - entry->reclaim_ns;
    entry->reclaim_ns = 0;
    return 0;
}

PROBE(mm_vmscan_memcg_reclaim_begin)
int BPF_PROG(on_memcg_reclaim)
{
    return reclaim_begin();
}

PROBE(mm_vmscan_memcg_reclaim_end)
int BPF_PROG(on_memcg_reclaimed)
{
    return reclaim_end();
}

PROBE(mm_vmscan_direct_reclaim_begin)
int BPF_PROG(on_direct_reclaim)
{
    return reclaim_begin();
}

PROBE(mm_vmscan_direct_reclaim_end)
int BPF_PROG(on_direct_reclaimed)
{
    return reclaim_end();
}

INLINE int victim_count(__u32 slot, __u32 pid, struct task_struct *task)
{
    if (slot >= config.slots)
        return 0;
    struct memory_stats *stats = bpf_map_lookup_elem(&memory, &slot);
    struct gauge *gauge = bpf_map_lookup_elem(&gauges, &slot);
    if (!stats || !gauge)
        return 0;
    stats->oom_kills++;
    gauge->victim_pid = pid;
    if (task)
        READ_STRING(gauge->victim_comm, task, comm);
    return 0;
}

/* Older kernels give the pid alone; the container is then the one whose gauge counts that task. */
PROBE(mark_victim)
int BPF_PROG(on_victim, void *victim)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    if (config.victim_is_task) {
        struct task_struct *task = victim;
        return victim_count(slot_of_task(cpu, task), K(task, pid), task);
    }
    __u32 pid = (__u32)(__u64)victim;
    struct task_entry *entry = task_find(pid);
    return entry ? victim_count(entry->slot, pid, (void *)0) : 0;
}

INLINE int fault(void)
{
    struct cpu_state *cpu = cpu_here();
    struct memory_stats *stats = cpu ? memory_of(cpu, CURRENT()) : (void *)0;
    if (stats)
        stats->faults++;
    return 0;
}

PROBE(page_fault_user)
int BPF_PROG(on_fault_user)
{
    return fault();
}

PROBE(page_fault_kernel)
int BPF_PROG(on_fault_kernel)
{
    return fault();
}
