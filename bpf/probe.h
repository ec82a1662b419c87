/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The frame of the probes: how they attach, read the kernel and their maps, and find a task's
 * container. One source of a family is compiled for two rungs of the ladder, as programs on
 * tracepoints with BTF, which may follow the kernel's pointers, and, with PROBE_RAW, on raw ones,
 * which read through a helper. A third time the unit tests compile it for user space, over the
 * shim that stands for helpers and maps.
 *
 * The container is that of the task or cgroup which the tracepoint is about, its argument, never
 * that of whom happens to run, where they differ: a wakeup concerns the wakee.
 */
#pragma once

#include "bpf/layout.h"

#ifdef __bpf__
#include "bpf/kernel.h"

#ifdef PROBE_RAW
#define PROBE(tracepoint) SEC("raw_tp/" #tracepoint)
#define K(from, ...) BPF_CORE_READ(from, __VA_ARGS__)
#define CURRENT() ((struct task_struct *)bpf_get_current_task())
#else
#define PROBE(tracepoint) SEC("tp_btf/" #tracepoint)
#define K(from, ...) ___arrow(from, __VA_ARGS__)
#define CURRENT() bpf_get_current_task_btf()
#endif
/* What a tracepoint gives after the parameters that the program names, on kernels that do. */
#define ARGUMENT(index) (ctx[index])
#define READ_STRING(into, from, field)                                                             \
    bpf_core_read_str((into), sizeof(into), &(from)->field)
#define INLINE static __always_inline
#define OUTLINE static __noinline /* keeps what is rare from the registers of what is not */
#define ADD_SHARED(counter, by) __sync_fetch_and_add(&(counter), (by))

#define MAP(map_name, map_type, key_type, value_type, entries, flags)                              \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_##map_type);                                                     \
        __uint(max_entries, entries);                                                              \
        __uint(map_flags, flags);                                                                  \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } map_name SEC(".maps")

#define MAP_SOCKETS(map_name, value_type)                                                          \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);                                                     \
        __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);                                        \
        __type(key, int);                                                                          \
        __type(value, value_type);                                                                 \
    } map_name SEC(".maps")

const volatile struct probe_config config = {};
char licence_text[] SEC("license") = "Dual BSD/GPL";
#else
#include "bpf/tests/shim.h"
#endif

/* Counts array[index]; the verifier has to see the bound on the register that is used. */
#define COUNT_AT(array, index, bound)                                                              \
    do {                                                                                           \
        __u32 index_ = (index);                                                                    \
        barrier_var(index_);                                                                       \
        if (index_ < (bound))                                                                      \
            (array)[index_]++;                                                                     \
    } while (0)

/* Sizes are set from the limits before the load; `slots` is the number of containers. */
MAP(containers, HASH, struct cgroup_key, __u32, 1, 0);
MAP(cpus, PERCPU_ARRAY, __u32, struct cpu_state, 1, 0);
MAP(tasks, ARRAY, __u32, struct task_entry, 1, 0);
MAP(gauges, ARRAY, __u32, struct gauge, 1, 0);

INLINE struct cpu_state *cpu_here(void)
{
    __u32 zero = 0;
    return bpf_map_lookup_elem(&cpus, &zero);
}

/* Read at its address, without a look-up: a switch needs it. */
volatile struct control control SEC(STATS_CONTROL) = {0};

INLINE __u32 generation_now(void)
{
    return control.generation;
}

INLINE int cgroup_id_above(struct cgroup_key *key, struct cgroup *cgroup,
    struct cgroup_subsys_state **ret_above)
{
    if (!cgroup)
        return 0;
    key->id = K(cgroup, kn, id);
    *ret_above = K(cgroup, self.parent);
    return key->id != 0;
}

/* The slot of the nearest published cgroup from this one up. */
INLINE __u32 slot_search(struct cgroup *cgroup, __u32 hierarchy)
{
    struct cgroup_key key = {0, hierarchy, 0};
    for (int level = 0; level < STATS_DEPTH_MAX; level++) {
        struct cgroup_subsys_state *above = (void *)0;
        if (!cgroup_id_above(&key, cgroup, &above))
            break;
        __u32 *slot = bpf_map_lookup_elem(&containers, &key);
        if (slot)
            return *slot;
        if (!above)
            break;
        cgroup = K(above, cgroup);
    }
    return STATS_SLOT_NONE;
}

/*
 * The same through the cache of this CPU. An interrupt may take over the line between our looking
 * and our reading: the id is written last and read again. One that comes while we write would leave
 * our id beside its slot: it writes nothing.
 */
INLINE __u32 slot_of_cgroup(struct cpu_state *cpu, struct cgroup *cgroup, __u32 hierarchy)
{
    if (!cgroup)
        return STATS_SLOT_NONE;
    __u64 id = K(cgroup, kn, id);
    __u32 generation = generation_now();
    struct cache_entry *entry = &cpu->cache[id & (STATS_CACHE - 1)];
    volatile __u64 *tag = &entry->cgroup;
    if (*tag == id && entry->generation == generation && entry->hierarchy == hierarchy) {
        __u32 slot = entry->slot;
        if (*tag == id)
            return slot;
    }
    __u32 slot = slot_search(cgroup, hierarchy);
    volatile __u32 *filling = &cpu->filling;
    if (*filling)
        return slot;
    *filling = 1;
    *tag = 0;
    *(volatile __u32 *)&entry->generation = generation;
    *(volatile __u32 *)&entry->hierarchy = hierarchy;
    *(volatile __u32 *)&entry->slot = slot;
    *tag = id;
    *filling = 0;
    return slot;
}

/* The task's cgroup in the hierarchy that containers are known by. */
INLINE struct cgroup *cgroup_of_task(struct task_struct *task)
{
    if (config.identity_css < 0)
        return K(task, cgroups, dfl_cgrp);
    struct css_set *set = K(task, cgroups);
    struct cgroup_subsys_state *css = (void *)0;
#if defined(__bpf__) && !defined(PROBE_RAW)
    css = set->subsys[config.identity_css & 15];
#else
    int index = config.identity_css & 15;
    bpf_core_read(&css, sizeof(css), &set->subsys[index]);
#endif
    return css ? K(css, cgroup) : (void *)0;
}

INLINE __u32 slot_of_task(struct cpu_state *cpu, struct task_struct *task)
{
    return slot_of_cgroup(cpu, cgroup_of_task(task), config.identity_hierarchy);
}

/* The task's line, NULL when another one has it. */
INLINE struct task_entry *task_find(__u32 pid)
{
    __u32 index = pid & config.task_mask;
    struct task_entry *entry = bpf_map_lookup_elem(&tasks, &index);
    return entry && entry->pid == pid ? entry : (void *)0;
}

/* What the task has counted before now is not to be collected. */
INLINE void task_skip(struct task_entry *entry, struct task_struct *task)
{
    entry->watch = control.watch - 1;
    entry->ran_ns = K(task, se.sum_exec_runtime);
    if (config.waits_in_tasks)
        entry->waited_ns = K(task, sched_info.run_delay);
    entry->faults_minor = (__u32)K(task, min_flt);
    entry->faults_major = (__u32)K(task, maj_flt);
    entry->left_voluntary = (__u32)K(task, nvcsw);
    entry->left_involuntary = (__u32)K(task, nivcsw);
}

INLINE void task_reset(struct task_entry *entry, struct task_struct *task)
{
    entry->pid = K(task, pid);
    entry->known_set = 0;
    entry->fresh = 0;
    entry->slot = STATS_SLOT_NONE;
    entry->runnable_ns = 0;
    entry->clone_ns = 0;
    entry->first_run_ns = 0;
    entry->reclaim_ns = 0;
    entry->ended = 0;
    task_skip(entry, task);
}

/* The task's line; taken over from another one if need be. */
INLINE struct task_entry *task_take(struct cpu_state *cpu, struct task_struct *task)
{
    __u32 pid = K(task, pid);
    __u32 index = pid & config.task_mask;
    struct task_entry *entry = bpf_map_lookup_elem(&tasks, &index);
    if (!entry || entry->pid == pid)
        return entry;
    if (entry->runnable_ns)
        cpu->lost++;
    task_reset(entry, task);
    return entry;
}

INLINE __u32 bucket_of(__u64 ns)
{
    __u32 bucket = 0;
    __u64 left = ns >> (STATS_BUCKET_SHIFT + 1);
    if (left >> 32) {
        bucket += 32;
        left >>= 32;
    }
    if (left >> 16) {
        bucket += 16;
        left >>= 16;
    }
    if (left >> 8) {
        bucket += 8;
        left >>= 8;
    }
    if (left >> 4) {
        bucket += 4;
        left >>= 4;
    }
    if (left >> 2) {
        bucket += 2;
        left >>= 2;
    }
    if (left >> 1) {
        bucket += 1;
        left >>= 1;
    }
    bucket += (__u32)left;
    return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}
