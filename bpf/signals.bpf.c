// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Signals: sent to tasks of the container, whoever sent them, and those that took effect. */
#include "bpf/probe.h"

MAP(signal, PERCPU_ARRAY, __u32, struct signal_stats, 1, 0);

INLINE struct signal_stats *signals_of(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_task(cpu, task) : STATS_SLOT_NONE;
    return slot < config.slots ? bpf_map_lookup_elem(&signal, &slot) : (void *)0;
}

PROBE(signal_generate)
int BPF_PROG(on_generate, int number, void *info, struct task_struct *task)
{
    struct signal_stats *stats = signals_of(task);
    if (!stats)
        return 0;
    stats->generated++;
    COUNT_AT(stats->by_number, number, STATS_SIGNALS);
    return 0;
}

/* A task takes its own signals. */
PROBE(signal_deliver)
int BPF_PROG(on_deliver)
{
    struct signal_stats *stats = signals_of(CURRENT());
    if (stats)
        stats->delivered++;
    return 0;
}
