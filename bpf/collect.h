/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel counts run time, waits, faults and switches in each task anyway. What a task's
 * counters have grown by since they were last looked at goes to its container: here for all who
 * look seldom (when it moves, when it is freed, when somebody reads), maybe on another CPU than the
 * task, and in sched.bpf.c for the switch.
 */
#pragma once

#include "bpf/probe.h"

MAP(sched, PERCPU_ARRAY, __u32, struct sched_stats, 1, 0);

/* The growth of a counter, which nobody else gets then. */
#define TAKE(last, now) ((now) - __sync_lock_test_and_set(&(last), (now)))

INLINE void task_collect(__u32 slot, struct task_entry *entry, struct task_struct *task)
{
    struct sched_stats *stats =
        slot < config.slots ? bpf_map_lookup_elem(&sched, &slot) : (void *)0;
    if (!stats || !control.collects)
        return;
    __u64 ran = K(task, se.sum_exec_runtime);
    ADD_SHARED(stats->cpu_ns, TAKE(entry->ran_ns, ran));
    __u32 minor = (__u32)K(task, min_flt);
    ADD_SHARED(stats->faults_minor, TAKE(entry->faults_minor, minor));
    __u32 major = (__u32)K(task, maj_flt);
    ADD_SHARED(stats->faults_major, TAKE(entry->faults_major, major));
}
