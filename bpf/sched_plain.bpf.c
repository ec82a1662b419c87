// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* sched.bpf.c on plain tracepoints: by the clock, as the tasks' own counters are out of reach. */
#include "bpf/plain.h"

#define STATE_PREEMPTED 0x100 /* what sched_switch adds to the states that it reports, and more */

MAP(sched, PERCPU_ARRAY, __u32, struct sched_stats, 1, 0);

struct switch_event {
    __u64 common;
    char prev_comm[16];
    __s32 prev_pid;
    __s32 prev_prio;
    __s64 prev_state;
    char next_comm[16];
    __s32 next_pid;
};
struct wakeup_event {
    __u64 common;
    char comm[16];
    __s32 pid;
};

/* The one that leaves still is the current task. */
INLINE void leave(struct cpu_state *cpu, const struct switch_event *event, __u64 now)
{
    __u32 slot = slot_of_current(cpu);
    struct sched_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&sched, &slot) : (void *)0;
    struct task_entry *entry = stats ? line_take(event->prev_pid) : (void *)0;
    if (!stats || !entry)
        return;
    if (cpu->since_ns)
        stats->cpu_ns += now - cpu->since_ns;
    stats->wait_ns += entry->waited_ns;
    COUNT_AT(stats->wait_buckets, bucket_of(entry->waited_ns), STATS_BUCKETS);
    entry->waited_ns = 0;
    if (event->prev_state == 0 || event->prev_state >= STATE_PREEMPTED) {
        stats->switches_involuntary++;
        entry->runnable_ns = now;
    } else {
        stats->switches_voluntary++;
        entry->runnable_ns = 0;
    }
}

PLAIN("sched/sched_switch")
int on_switch(struct switch_event *event)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    __u64 now = bpf_ktime_get_ns();
    if (event->prev_pid)
        leave(cpu, event, now);
    cpu->since_ns = now;
    cpu->slot = STATS_SLOT_NONE;
    cpu->pid = event->next_pid;
    struct task_entry *entry = event->next_pid ? task_find(event->next_pid) : (void *)0;
    if (!entry || !entry->runnable_ns)
        return 0;
    entry->waited_ns = now - entry->runnable_ns;
    entry->runnable_ns = 0;
    return 0;
}

INLINE int woken(const struct wakeup_event *event)
{
    struct task_entry *entry = line_take(event->pid);
    if (entry)
        entry->runnable_ns = bpf_ktime_get_ns();
    return 0;
}

PLAIN("sched/sched_wakeup")
int on_wakeup(struct wakeup_event *event)
{
    return woken(event);
}

PLAIN("sched/sched_wakeup_new")
int on_wakeup_new(struct wakeup_event *event)
{
    return woken(event);
}
