// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* process.bpf.c on plain tracepoints: no exits by signal, and no launch timeline but exec. */
#include "bpf/plain.h"

#define CLONE_THREAD_FLAG 0x00010000 /* linux/sched.h */

MAP(process, PERCPU_ARRAY, __u32, struct process_stats, 1, 0);
MAP(timelines, ARRAY, __u32, struct timeline, 1, 0);

struct newtask_event {
    __u64 common;
    __s32 pid;
    char comm[16];
    __u64 clone_flags;
};

INLINE __u32 slot_here(void)
{
    struct cpu_state *cpu = cpu_here();
    return cpu ? slot_of_current(cpu) : STATS_SLOT_NONE;
}

INLINE void threads_change(__u32 slot, int by)
{
    for (int level = 0; level < STATS_DEPTH_MAX && slot < config.slots; level++) {
        struct gauge *gauge = bpf_map_lookup_elem(&gauges, &slot);
        if (!gauge)
            break;
        int now = __sync_fetch_and_add(&gauge->threads, by) + by;
        if (now > 0 && (__u32)now > gauge->threads_peak)
            gauge->threads_peak = now;
        slot = gauge->parent;
    }
}

/* The maker still is the current task; the new one is in its cgroup, or will be moved. */
PLAIN("task/task_newtask")
int on_fork(struct newtask_event *event)
{
    __u32 slot = slot_here();
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    if (!stats)
        return 0;
    if (event->clone_flags & CLONE_THREAD_FLAG)
        stats->threads++;
    else
        stats->forks++;
    threads_change(slot, 1);
    return 0;
}

PLAIN("sched/sched_process_exec")
int on_exec(void *event)
{
    __u32 slot = slot_here();
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    struct timeline *line = bpf_map_lookup_elem(&timelines, &slot);
    if (!stats || !line)
        return 0;
    stats->execs++;
    if (!line->exec_ns)
        line->exec_ns = bpf_ktime_get_ns();
    return 0;
}

/* The first thread's end stands for that of its process. */
PLAIN("sched/sched_process_exit")
int on_end(void *event)
{
    __u32 slot = slot_here();
    struct process_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&process, &slot) : (void *)0;
    if (!stats)
        return 0;
    __u64 ids = bpf_get_current_pid_tgid();
    if ((__u32)ids == (__u32)(ids >> 32))
        stats->exits++;
    threads_change(slot, -1);
    return 0;
}
