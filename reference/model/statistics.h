/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceStatistics (statistics.md 2). JSON names equal field names. Absent means that no producer
 * answered, never 0. Counters are cumulative since the creation of the cgroup unless noted.
 */
#pragma once

#include "reference/base/json.h"

struct disk_statistics {
    json_t *source;
    json_t *persistence;
    struct opt_u64 limit_bytes;
    struct opt_u64 used_bytes;
};
struct statistics {
    double timestamp; /* seconds since the epoch */
    struct opt_u64 processes;
    struct opt_u64 threads;
    struct opt_double cpus_user_time_secs;
    struct opt_double cpus_system_time_secs;
    struct opt_double cpus_limit;
    struct opt_double cpus_soft_limit;
    struct opt_u64 cpus_nr_periods;
    struct opt_u64 cpus_nr_throttled;
    struct opt_double cpus_throttled_time_secs;
    struct opt_u64 mem_total_bytes;
    struct opt_u64 mem_total_memsw_bytes;
    struct opt_u64 mem_kmem_usage_bytes;
    struct opt_u64 mem_kmem_tcp_usage_bytes;
    struct opt_u64 mem_limit_bytes;
    struct opt_u64 mem_soft_limit_bytes;
    struct opt_u64 mem_file_bytes;
    struct opt_u64 mem_cache_bytes;
    struct opt_u64 mem_anon_bytes;
    struct opt_u64 mem_rss_bytes;
    struct opt_u64 mem_mapped_file_bytes;
    struct opt_u64 mem_swap_bytes;
    struct opt_u64 mem_unevictable_bytes;
    struct opt_u64 mem_low_pressure_counter;
    struct opt_u64 mem_medium_pressure_counter;
    struct opt_u64 mem_critical_pressure_counter;
    struct opt_u64 disk_limit_bytes;
    struct opt_u64 disk_used_bytes;
    struct disk_statistics *disk_statistics;
    size_t disk_statistics_count;
    struct opt_u64 net_rx_packets;
    struct opt_u64 net_rx_bytes;
    struct opt_u64 net_rx_errors;
    struct opt_u64 net_rx_dropped;
    struct opt_u64 net_tx_packets;
    struct opt_u64 net_tx_bytes;
    struct opt_u64 net_tx_errors;
    struct opt_u64 net_tx_dropped;
    json_t *blkio_statistics; /* statistics.md 2.4 */
    json_t *perf;             /* statistics.md 2.5 */
    /* bytes a second and bytes, as configured (statistics.md 2.6) */
    struct opt_u64 net_rx_rate_limit;
    struct opt_u64 net_rx_burst_rate_limit;
    struct opt_u64 net_rx_burst_size;
    struct opt_u64 net_tx_rate_limit;
    struct opt_u64 net_tx_burst_rate_limit;
    struct opt_u64 net_tx_burst_size;
    struct opt_double net_tcp_rtt_microsecs_p50;
    struct opt_double net_tcp_rtt_microsecs_p90;
    struct opt_double net_tcp_rtt_microsecs_p95;
    struct opt_double net_tcp_rtt_microsecs_p99;
    struct opt_double net_tcp_active_connections;
    struct opt_double net_tcp_time_wait_connections;
    json_t *net_ephemeral_ports;
    json_t *net_rate_statistics;
    json_t *net_traffic_control_statistics;
    json_t *net_snmp_statistics;
    json_t *bpf;              /* of a statistics source: figure -> value, unit, source */
};
extern const struct json_type statistics_json;
