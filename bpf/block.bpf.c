// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Block I/O: bytes, requests, and from issue to completion. A request belongs to the cgroup that
 * its first bio is charged to, which holds for writeback too. A container without a cgroup of the
 * io or blkio controller has the requests that its tasks issue: nearly its own, as a task may issue
 * what others have queued.
 */
#include "bpf/probe.h"

#define OPERATION_MASK 0xff /* REQ_OP_MASK */
enum { OPERATION_READ, OPERATION_WRITE };

MAP(block, PERCPU_ARRAY, __u32, struct block_stats, 1, 0);
/* Requests in flight, by their address; those that never complete are forgotten in time. */
MAP(requests, LRU_HASH, __u64, struct request_entry, 16384, 0);

INLINE __u32 slot_of_request(struct cpu_state *cpu, struct request *request)
{
    struct bio *bio = K(request, bio);
    struct blkcg_gq *group = bio ? K(bio, bi_blkg) : (void *)0;
    struct cgroup *cgroup = group ? K(group, blkcg, css.cgroup) : (void *)0;
    __u32 slot = STATS_SLOT_NONE;
    if (cgroup)
        slot = slot_of_cgroup(cpu, cgroup, (__u32)K(cgroup, root, hierarchy_id));
    if (slot < config.slots)
        return slot;
    struct task_struct *task = CURRENT();
    if (K(task, flags) & KERNEL_PF_KTHREAD)
        return STATS_SLOT_NONE;
    slot = slot_of_task(cpu, task);
    struct gauge *gauge = slot < config.slots ? bpf_map_lookup_elem(&gauges, &slot) : (void *)0;
    return gauge && !gauge->block_cgroup ? slot : STATS_SLOT_NONE;
}

PROBE(block_rq_issue)
int BPF_PROG(on_issue, struct request *request)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 0;
    struct request_entry entry = {0, slot_of_request(cpu, request), 0};
    if (entry.slot >= config.slots)
        return 0;
    entry.issued_ns = bpf_ktime_get_ns();
    __u64 key = (__u64)request;
    bpf_map_update_elem(&requests, &key, &entry, BPF_ANY);
    return 0;
}

INLINE void complete(struct block_stats *stats, unsigned int operation, __u64 bytes, __u64 waited,
    bool last)
{
    if (operation == OPERATION_READ)
        stats->read_bytes += bytes;
    else if (operation == OPERATION_WRITE)
        stats->write_bytes += bytes;
    if (!last)
        return;
    if (operation == OPERATION_READ)
        stats->read_operations++;
    else if (operation == OPERATION_WRITE)
        stats->write_operations++;
    else
        stats->other_operations++;
    stats->latency_ns += waited;
    COUNT_AT(stats->latency_buckets, bucket_of(waited), STATS_BUCKETS);
}

/* A request may complete in parts; __data_len is what was left before this one. */
PROBE(block_rq_complete)
int BPF_PROG(on_complete, struct request *request, int error, unsigned int bytes)
{
    __u64 key = (__u64)request;
    struct request_entry *entry = bpf_map_lookup_elem(&requests, &key);
    if (!entry)
        return 0;
    __u32 slot = entry->slot;
    struct block_stats *stats = bpf_map_lookup_elem(&block, &slot);
    if (!stats)
        return 0;
    bool last = K(request, __data_len) <= bytes;
    __u64 waited = bpf_ktime_get_ns() - entry->issued_ns;
    complete(stats, K(request, cmd_flags) & OPERATION_MASK, bytes, waited, last);
    if (last)
        bpf_map_delete_elem(&requests, &key);
    return 0;
}
