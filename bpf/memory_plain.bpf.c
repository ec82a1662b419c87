// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Page faults and reclaim of the task that runs, on plain tracepoints. */
#include "bpf/plain.h"

MAP(memory, PERCPU_ARRAY, __u32, struct memory_stats, 1, 0);

INLINE struct memory_stats *memory_here(void)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_current(cpu) : STATS_SLOT_NONE;
    return slot < config.slots ? bpf_map_lookup_elem(&memory, &slot) : (void *)0;
}

INLINE int fault(void)
{
    struct memory_stats *stats = memory_here();
    if (stats)
        stats->faults++;
    return 0;
}

PLAIN("exceptions/page_fault_user")
int on_fault_user(void *event)
{
    return fault();
}

PLAIN("exceptions/page_fault_kernel")
int on_fault_kernel(void *event)
{
    return fault();
}

INLINE int reclaim_begin(void)
{
    struct task_entry *entry = line_take((__u32)bpf_get_current_pid_tgid());
    if (entry && memory_here())
        entry->reclaim_ns = bpf_ktime_get_ns();
    return 0;
}

INLINE int reclaim_end(void)
{
    struct memory_stats *stats = memory_here();
    struct task_entry *entry = task_find((__u32)bpf_get_current_pid_tgid());
    if (!stats || !entry || !entry->reclaim_ns)
        return 0;
    stats->reclaims++;
    stats->reclaim_ns += bpf_ktime_get_ns() - entry->reclaim_ns;
    entry->reclaim_ns = 0;
    return 0;
}

PLAIN("vmscan/mm_vmscan_memcg_reclaim_begin")
int on_memcg_reclaim(void *event)
{
    return reclaim_begin();
}

PLAIN("vmscan/mm_vmscan_memcg_reclaim_end")
int on_memcg_reclaimed(void *event)
{
    return reclaim_end();
}
