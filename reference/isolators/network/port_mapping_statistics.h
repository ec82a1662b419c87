/* SPDX-License-Identifier: Apache-2.0 */
/* What network/port_mapping tells of a container (isolators.md 12.6, statistics.md 2.6). */
#pragma once

#include "reference/host.h"
#include "reference/model/statistics.h"

enum port_counted { PORT_BYTES, PORT_PACKETS, PORT_DROPPED, PORT_ERRORS, PORT_COUNTED };
extern const char *const port_counted_names[PORT_COUNTED]; /* "bytes", … as the kernel has them */

/* What the container has got and sent: the two ways of the host's end of its link, swapped. */
struct port_traffic {
    uint64_t rx[PORT_COUNTED];
    uint64_t tx[PORT_COUNTED];
};
/* -ENODEV when the link is gone. */
int port_traffic_read(
    struct host *host, pid_t pid, struct port_traffic *ret_traffic, struct err *err);

/* For qsort. */
int port_double_compare(const void *a, const void *b);

/* port_mapping_statistics.c: texts of the kernel and of tools into statistics. */
/* `tc -s -j qdisc show`: entries "<prefix>bw_limit" of HTB, "<prefix>bloat_reduction" of
 * fq_codel. */
void port_statistics_qdiscs(struct statistics *statistics, const char *prefix, const char *text);
/* /proc/PID/net/sockstat: connections that are there, and that wait for late packets. */
void port_statistics_sockets(struct statistics *statistics, const char *text);
/* /proc/PID/net/snmp: {ip_stats, icmp_stats, tcp_stats, udp_stats}. */
void port_statistics_snmp(struct statistics *statistics, const char *text);
/* `ss -i`: the percentiles of round trip times that are not 0. */
void port_statistics_rtt(struct statistics *statistics, const char *text);

/* port_mapping_rates.c: rates over a window (--network_enable_rate_statistics). */
struct port_rate_sample;
struct port_rates {
    struct port_traffic last;
    uint64_t last_ns; /* 0: nothing has been read yet */
    struct port_rate_sample *samples;
    size_t count;
    size_t capacity;
};
/* The rates since the last time; those older than the window are dropped. */
void port_rates_add(struct port_rates *rates, const struct port_traffic *traffic, uint64_t now_ns,
    uint64_t window_ns);
/* {rx_rate: {min, max, p50, …, samples}, …, sampling_window_secs, sampling_interval_secs}; NULL:
 * there is no rate yet. Owned. */
json_t *port_rates_json(
    const struct port_rates *rates, uint64_t window_ns, uint64_t interval_ns);
void port_rates_release(struct port_rates *rates);
