/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/statistics.h"

#include "reference/base/mem.h"

static const struct json_field disk_statistics_fields[] = {
    JSON_FIELD(struct disk_statistics, source, JSON_KIND_RAW),
    JSON_FIELD(struct disk_statistics, persistence, JSON_KIND_RAW),
    JSON_FIELD(struct disk_statistics, limit_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct disk_statistics, used_bytes, JSON_KIND_OPT_U64),
};
static const struct json_type disk_statistics_json = {"disk_statistics",
    sizeof(struct disk_statistics),
    disk_statistics_fields, ARRAY_SIZE(disk_statistics_fields), NULL};

static const struct json_field statistics_fields[] = {
    JSON_FIELD(struct statistics, timestamp, JSON_KIND_DOUBLE, .required = true),
    JSON_FIELD(struct statistics, processes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, threads, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, cpus_user_time_secs, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct statistics, cpus_system_time_secs, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct statistics, cpus_limit, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct statistics, cpus_soft_limit, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct statistics, cpus_nr_periods, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, cpus_nr_throttled, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, cpus_throttled_time_secs, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct statistics, mem_total_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_total_memsw_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_kmem_usage_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_kmem_tcp_usage_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_limit_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_soft_limit_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_file_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_cache_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_anon_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_rss_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_mapped_file_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_swap_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_unevictable_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_low_pressure_counter, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_medium_pressure_counter, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, mem_critical_pressure_counter, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, disk_limit_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, disk_used_bytes, JSON_KIND_OPT_U64),
    JSON_ARRAY_FIELD(struct statistics, disk_statistics, disk_statistics_count,
        &disk_statistics_json),
    JSON_FIELD(struct statistics, net_rx_packets, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_rx_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_rx_errors, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_rx_dropped, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_tx_packets, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_tx_bytes, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_tx_errors, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, net_tx_dropped, JSON_KIND_OPT_U64),
    JSON_FIELD(struct statistics, blkio_statistics, JSON_KIND_RAW),
    JSON_FIELD(struct statistics, perf, JSON_KIND_RAW),
    JSON_FIELD(struct statistics, network, JSON_KIND_RAW),
    JSON_FIELD(struct statistics, bpf, JSON_KIND_RAW),
};
const struct json_type statistics_json = {"statistics", sizeof(struct statistics),
    statistics_fields, ARRAY_SIZE(statistics_fields), NULL};
