/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Plain tracepoints, the rung of kernels without BTF: they look into nothing but the event's own
 * fields, whose places the tracepoints' format files tell (/sys/kernel/tracing/events). They know
 * the cgroup of the task that runs, of the unified hierarchy, which is the one that the event is
 * about in all that is counted here; where it is another one (a wakeup), the figure waits in that
 * task's line until it runs itself.
 */
#pragma once

#define PROBE_RAW
#include "bpf/probe.h"

#define PLAIN(event) SEC("tracepoint/" event)

/* The nearest published cgroup from that of the running task up. Levels beyond it are 0. */
INLINE __u32 slot_search_current(__u64 id)
{
    struct cgroup_key key = {id, 0, 0};
    __u32 *slot = bpf_map_lookup_elem(&containers, &key);
    if (slot)
        return *slot;
    for (int level = STATS_DEPTH_MAX; level > 0; level--) {
        key.id = bpf_get_current_ancestor_cgroup_id(level);
        slot = key.id && key.id != id ? bpf_map_lookup_elem(&containers, &key) : (void *)0;
        if (slot)
            return *slot;
    }
    return STATS_SLOT_NONE;
}

INLINE __u32 slot_of_current(struct cpu_state *cpu)
{
    __u64 id = bpf_get_current_cgroup_id();
    __u32 generation = generation_now();
    struct cache_entry *entry = &cpu->cache[id & (STATS_CACHE - 1)];
    volatile __u64 *tag = &entry->cgroup;
    if (*tag == id && entry->generation == generation) {
        __u32 slot = entry->slot;
        if (*tag == id)
            return slot;
    }
    __u32 slot = slot_search_current(id);
    *tag = 0;
    entry->generation = generation;
    entry->slot = slot;
    *tag = id;
    return slot;
}

INLINE struct task_entry *line_take(__u32 pid)
{
    __u32 index = pid & config.task_mask;
    struct task_entry *entry = bpf_map_lookup_elem(&tasks, &index);
    if (!entry || entry->pid == pid)
        return entry;
    __builtin_memset(entry, 0, sizeof(*entry));
    entry->slot = STATS_SLOT_NONE;
    entry->pid = pid;
    return entry;
}
