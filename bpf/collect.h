/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel counts run time, waits, faults and switches in each task anyway. What a task's
 * counters have grown by since they were last looked at goes to its container: when somebody reads,
 * when the task moves or ends, or at each switch where nothing else can; maybe on another CPU than
 * the task.
 */
#pragma once

#include "bpf/probe.h"

MAP(sched, PERCPU_ARRAY, __u32, struct sched_stats, 1, 0);

/* The growth of a counter, which nobody else gets then. It is negative when somebody else who
 * looked later was faster: the sum is right again. */
#define TAKE(last, now) ((now) - __sync_lock_test_and_set(&(last), (now)))
#define TAKE32(last, now) ((__s64)(__s32)TAKE(last, now))

INLINE struct sched_stats *sched_of(__u32 slot)
{
    return slot < config.slots ? bpf_map_lookup_elem(&sched, &slot) : (void *)0;
}

INLINE void task_collect(__u32 slot, struct task_entry *entry, struct task_struct *task)
{
    struct sched_stats *stats = sched_of(slot);
    if (!stats || !control.collects)
        return;
    __u64 ran = K(task, se.sum_exec_runtime);
    ADD_SHARED(stats->cpu_ns, TAKE(entry->ran_ns, ran));
    __u32 minor = (__u32)K(task, min_flt);
    ADD_SHARED(stats->faults_minor, TAKE32(entry->faults_minor, minor));
    __u32 major = (__u32)K(task, maj_flt);
    ADD_SHARED(stats->faults_major, TAKE32(entry->faults_major, major));
    __u32 voluntary = (__u32)K(task, nvcsw);
    ADD_SHARED(stats->switches_voluntary, TAKE32(entry->left_voluntary, voluntary));
    __u32 involuntary = (__u32)K(task, nivcsw);
    ADD_SHARED(stats->switches_involuntary, TAKE32(entry->left_involuntary, involuntary));
    if (!config.waits_in_tasks)
        return;
    __u64 waited = K(task, sched_info.run_delay);
    ADD_SHARED(stats->waited_ns, TAKE(entry->waited_ns, waited));
}

INLINE void alive_collect(struct task_struct *task)
{
    struct cpu_state *cpu = cpu_here();
    __u32 slot = cpu ? slot_of_task(cpu, task) : STATS_SLOT_NONE;
    struct task_entry *entry = slot < config.slots ? task_take(cpu, task) : (void *)0;
    if (entry)
        task_collect(slot, entry, task);
}
