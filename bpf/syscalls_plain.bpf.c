// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* syscalls.bpf.c on the plain tracepoint. */
#include "bpf/plain.h"

#define ERRNO_MAX 4095 /* include/linux/err.h */

MAP(syscall, PERCPU_ARRAY, __u32, struct syscall_stats, 1, 0);

struct exit_event {
    __u64 common;
    __s64 number;
    __s64 result;
};

PLAIN("raw_syscalls/sys_exit")
int on_sys_exit(struct exit_event *event)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_current(cpu) : STATS_SLOT_NONE;
    struct syscall_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&syscall, &slot) : (void *)0;
    if (!stats)
        return 0;
    stats->calls++;
    if (event->result < 0 && event->result >= -ERRNO_MAX)
        stats->errors++;
    return 0;
}
