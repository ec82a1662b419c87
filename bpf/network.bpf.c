// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Network: IP packets of the container's sockets, on the hooks of the root of cgroup2, so that a
 * container costs nothing to attach to. A socket belongs to whom made it, as in the kernel; an
 * accepted one to whom its listener belongs to. On v1 the socket's own cgroup says nothing, so the
 * slot is kept with the socket, from the hook where a task makes it.
 */
/* These programs may not follow the kernel's pointers. */
#define PROBE_RAW
#include "bpf/probe.h"

MAP(network, PERCPU_ARRAY, __u32, struct network_stats, 1, 0);
MAP_SOCKETS(sockets, struct socket_entry);

SEC("cgroup/sock_create")
int on_socket(struct bpf_sock *socket)
{
    struct cpu_state *cpu = cpu_here();
    if (!cpu)
        return 1;
    struct socket_entry made = {
        slot_of_task(cpu, (struct task_struct *)bpf_get_current_task()), generation_now()};
    if (made.slot < config.slots)
        bpf_sk_storage_get(&sockets, socket, &made, BPF_SK_STORAGE_GET_F_CREATE);
    return 1;
}

/* Sockets older than the probes have no slot with them; on v2 their cgroup says it. */
INLINE __u32 slot_of_socket(struct bpf_sock *socket)
{
    struct socket_entry *entry = bpf_sk_storage_get(&sockets, socket, (void *)0, 0);
    if (entry)
        return entry->slot;
    if (config.identity_css >= 0)
        return STATS_SLOT_NONE;
    struct cgroup_key key = {bpf_sk_cgroup_id(socket), 0, 0};
    __u32 *slot = bpf_map_lookup_elem(&containers, &key);
    return slot ? *slot : STATS_SLOT_NONE;
}

/* Softirqs come between: these sums are atomic, on memory of this CPU alone. */
INLINE struct network_stats *network_of(struct __sk_buff *packet)
{
    struct bpf_sock *socket = packet->sk;
    if (!socket)
        return (void *)0;
    socket = bpf_sk_fullsock(socket);
    if (!socket)
        return (void *)0;
    __u32 slot = slot_of_socket(socket);
    return slot < config.slots ? bpf_map_lookup_elem(&network, &slot) : (void *)0;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *packet)
{
    struct network_stats *stats = network_of(packet);
    if (stats) {
        ADD_SHARED(stats->receive_packets, 1);
        ADD_SHARED(stats->receive_bytes, packet->len);
    }
    return 1;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *packet)
{
    struct network_stats *stats = network_of(packet);
    if (stats) {
        ADD_SHARED(stats->transmit_packets, 1);
        ADD_SHARED(stats->transmit_bytes, packet->len);
    }
    return 1;
}
