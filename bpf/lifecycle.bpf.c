// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The life of cgroups: when they were made, became empty and were removed. */
#include "bpf/probe.h"

MAP(timelines, ARRAY, __u32, struct timeline, 1, 0);
/* Cgroups that were made and are not published yet. */
MAP(newborn, LRU_HASH, struct cgroup_key, struct newborn_entry, 1, 0);

/* The timeline of the container whose own cgroup this is. */
INLINE struct timeline *timeline_of(struct cgroup *cgroup)
{
    struct cgroup_key key = {K(cgroup, kn, id), (__u32)K(cgroup, root, hierarchy_id), 0};
    if (key.hierarchy != config.identity_hierarchy)
        return (void *)0;
    __u32 *slot = bpf_map_lookup_elem(&containers, &key);
    return slot ? bpf_map_lookup_elem(&timelines, slot) : (void *)0;
}

PROBE(cgroup_mkdir)
int BPF_PROG(on_mkdir, struct cgroup *cgroup)
{
    struct cgroup_key key = {K(cgroup, kn, id), (__u32)K(cgroup, root, hierarchy_id), 0};
    if (key.hierarchy != config.identity_hierarchy)
        return 0;
    struct newborn_entry entry = {bpf_ktime_get_ns(), 0, 0};
    bpf_map_update_elem(&newborn, &key, &entry, BPF_ANY);
    return 0;
}

PROBE(cgroup_notify_populated)
int BPF_PROG(on_populated, struct cgroup *cgroup, const char *path, int populated)
{
    if (populated) {
        struct cgroup_key key = {K(cgroup, kn, id), (__u32)K(cgroup, root, hierarchy_id), 0};
        struct newborn_entry *entry = bpf_map_lookup_elem(&newborn, &key);
        if (entry)
            entry->populated = 1;
        return 0;
    }
    struct timeline *line = timeline_of(cgroup);
    if (line)
        line->empty_ns = bpf_ktime_get_ns();
    return 0;
}

PROBE(cgroup_rmdir)
int BPF_PROG(on_rmdir, struct cgroup *cgroup)
{
    struct timeline *line = timeline_of(cgroup);
    if (line)
        line->removed_ns = bpf_ktime_get_ns();
    return 0;
}
