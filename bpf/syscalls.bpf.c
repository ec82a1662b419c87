// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* System calls that returned, and those that failed. Off unless asked for. */
#include "bpf/probe.h"

#define ERRNO_MAX 4095 /* results from -4095 to -1 are errors (include/linux/err.h) */

MAP(syscall, PERCPU_ARRAY, __u32, struct syscall_stats, 1, 0);

PROBE(sys_exit)
int BPF_PROG(on_sys_exit, void *registers, long result)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_task(cpu, CURRENT()) : STATS_SLOT_NONE;
    struct syscall_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&syscall, &slot) : (void *)0;
    if (!stats)
        return 0;
    stats->calls++;
    if (result < 0 && result >= -ERRNO_MAX)
        stats->errors++;
    return 0;
}
