/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/network/port_mapping_statistics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/network/port_mapping.h"
#include "reference/isolators/network/port_mapping_calls.h"

const char *const port_counted_names[PORT_COUNTED] = {"bytes", "packets", "dropped", "errors"};

static bool counter_read(
    struct host *host, pid_t pid, const char *way, const char *name, uint64_t *ret_value)
{
    _cleanup_free_ char *path = str_printf(
        "/sys/class/net/" PORT_MAPPING_VETH "%d/statistics/%s_%s", (int)pid, way, name);
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (host_file_read(host, path, &text, &length, NULL) < 0)
        return false;
    *ret_value = strtoull(text, NULL, 10);
    return true;
}

int port_traffic_read(
    struct host *host, pid_t pid, struct port_traffic *ret_traffic, struct err *err)
{
    for (size_t i = 0; i < PORT_COUNTED; i++) {
        if (!counter_read(host, pid, "tx", port_counted_names[i], &ret_traffic->rx[i]) ||
            !counter_read(host, pid, "rx", port_counted_names[i], &ret_traffic->tx[i]))
            return err_set(
                err, -ENODEV, "the link " PORT_MAPPING_VETH "%d is gone", (int)pid);
    }
    return 0;
}

/* --- texts --- */

/* tc leaves out what nobody estimates: 0 then, as netlink says. */
static void qdisc_add(json_t *list, const char *id, const json_t *qdisc)
{
    static const struct {
        const char *name;
        const char *of_tc;
    } rows[] = {{"backlog", "backlog"}, {"bytes", "bytes"}, {"drops", "drops"},
        {"overlimits", "overlimits"}, {"packets", "packets"}, {"qlen", "qlen"},
        {"ratebps", "rate"}, {"ratepps", "pps"}, {"requeues", "requeues"}};
    json_t *entry = json_pack("{s:s}", "id", id);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        json_object_set_new(entry, rows[i].name,
            json_integer(json_integer_value(json_object_get(qdisc, rows[i].of_tc))));
    json_array_append_new(list, entry);
}

void port_statistics_qdiscs(struct statistics *statistics, const char *prefix, const char *text)
{
    static const struct {
        const char *kind;
        const char *id;
    } rows[] = {{"htb", "bw_limit"}, {"fq_codel", "bloat_reduction"}};
    json_t *qdiscs = json_loads(text, 0, NULL);
    const json_t *qdisc;
    size_t i;

    json_array_foreach(qdiscs, i, qdisc)
    {
        const char *kind = json_string_value(json_object_get(qdisc, "kind"));

        for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
            _cleanup_free_ char *id = str_printf("%s%s", prefix, rows[k].id);

            if (!str_equal(kind, rows[k].kind))
                continue;
            if (!statistics->net_traffic_control_statistics)
                statistics->net_traffic_control_statistics = json_array();
            qdisc_add(statistics->net_traffic_control_statistics, id, qdisc);
        }
    }
    json_decref(qdiscs);
}

/* "TCP: inuse 5 orphan 0 tw 1 alloc 6 mem 1" */
void port_statistics_sockets(struct statistics *statistics, const char *text)
{
    const char *line = strstr(text, "TCP: ");
    unsigned long active;
    unsigned long waiting;

    if (!line || sscanf(line, "TCP: inuse %lu orphan %*u tw %lu", &active, &waiting) != 2)
        return;
    statistics->net_tcp_active_connections = (struct opt_double){true, (double)active};
    statistics->net_tcp_time_wait_connections = (struct opt_double){true, (double)waiting};
}

/* The names in one line, the values in the next. */
static json_t *snmp_group(const char *names, const char *values)
{
    _cleanup_strv_ char **keys = strv_split(names, " ");
    _cleanup_strv_ char **numbers = strv_split(values, " ");
    json_t *group = json_object();

    for (size_t i = 1; keys[i] && numbers && numbers[i]; i++)
        json_object_set_new(group, keys[i], json_integer(strtoll(numbers[i], NULL, 10)));
    return group;
}

void port_statistics_snmp(struct statistics *statistics, const char *text)
{
    static const struct {
        const char *start;
        const char *group;
    } rows[] = {{"Ip: ", "ip_stats"}, {"Icmp: ", "icmp_stats"}, {"Tcp: ", "tcp_stats"},
        {"Udp: ", "udp_stats"}};
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    json_t *groups = json_object();

    for (size_t i = 0; lines && lines[i] && lines[i + 1]; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
            if (str_starts(lines[i], rows[k].start) && str_starts(lines[i + 1], rows[k].start) &&
                !json_object_get(groups, rows[k].group))
                json_object_set_new(groups, rows[k].group, snmp_group(lines[i], lines[i + 1]));
        }
    }
    statistics->net_snmp_statistics = groups;
}

int port_double_compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* "… rtt:0.123/0.061 …", milliseconds: the element at n x percent / 100 of the sorted ones. */
void port_statistics_rtt(struct statistics *statistics, const char *text)
{
    static const char mark[] = " rtt:";
    const struct {
        unsigned percent;
        struct opt_double *into;
    } rows[] = {{50, &statistics->net_tcp_rtt_microsecs_p50},
        {90, &statistics->net_tcp_rtt_microsecs_p90}, {95, &statistics->net_tcp_rtt_microsecs_p95},
        {99, &statistics->net_tcp_rtt_microsecs_p99}};
    _cleanup_free_ double *times = NULL;
    size_t capacity = 0;
    size_t count = 0;

    for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark)) {
        const double ms = strtod(at + strlen(mark), NULL);

        if (!(ms > 0))
            continue;
        times = mem_grow(times, &capacity, count + 1, sizeof(*times));
        times[count++] = round(ms * 1000);
    }
    if (count == 0)
        return;
    qsort(times, count, sizeof(*times), port_double_compare);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        *rows[i].into = (struct opt_double){true, times[count * rows[i].percent / 100]};
}

/* --- usage: what can be read at once, then one tool after the other --- */

static void traffic_tell(struct statistics *statistics, const struct port_traffic *traffic)
{
    const struct {
        struct opt_u64 *into;
        uint64_t value;
    } rows[] = {{&statistics->net_rx_packets, traffic->rx[PORT_PACKETS]},
        {&statistics->net_rx_bytes, traffic->rx[PORT_BYTES]},
        {&statistics->net_rx_errors, traffic->rx[PORT_ERRORS]},
        {&statistics->net_rx_dropped, traffic->rx[PORT_DROPPED]},
        {&statistics->net_tx_packets, traffic->tx[PORT_PACKETS]},
        {&statistics->net_tx_bytes, traffic->tx[PORT_BYTES]},
        {&statistics->net_tx_errors, traffic->tx[PORT_ERRORS]},
        {&statistics->net_tx_dropped, traffic->tx[PORT_DROPPED]}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        *rows[i].into = (struct opt_u64)OPT(rows[i].value);
}

static void limits_tell(struct statistics *statistics, const struct port_container *container)
{
    const struct {
        struct opt_u64 *into;
        uint64_t value;
    } rows[] = {{&statistics->net_rx_rate_limit, container->ingress.rate},
        {&statistics->net_rx_burst_rate_limit, container->ingress.ceil},
        {&statistics->net_rx_burst_size, container->ingress.burst},
        {&statistics->net_tx_rate_limit, container->egress.rate},
        {&statistics->net_tx_burst_rate_limit, container->egress.ceil},
        {&statistics->net_tx_burst_size, container->egress.burst}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].value)
            *rows[i].into = (struct opt_u64)OPT(rows[i].value);
    }
}

/* A file that tells of the network of the container's init, into its part of the statistics. */
static int inside_read(struct port_call *call, const char *file,
    void (*tell)(struct statistics *, const char *), struct err *err)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/net/%s", (int)call->pid, file);
    _cleanup_free_ char *text = NULL;
    size_t length;
    int r = host_file_read(call->mapper->base.host, path, &text, &length, err);

    if (r == 0)
        tell(call->statistics, text);
    return r;
}

static int known_tell(
    struct port_call *call, const struct port_container *container, struct err *err)
{
    const struct port_mapper *mapper = call->mapper;
    struct statistics *statistics = call->statistics;
    struct port_traffic traffic;
    int r = port_traffic_read(mapper->base.host, call->pid, &traffic, err);

    if (r < 0)
        return r;
    traffic_tell(statistics, &traffic);
    limits_tell(statistics, container);
    statistics->net_rate_statistics = port_rates_json(
        &container->rates, mapper->rate_window_ns, mapper->rate_interval_ns);
    if (container->block.begin)
        statistics->net_ephemeral_ports =
            json_pack("{s:I,s:I}", "begin", (json_int_t)container->block.begin, "end",
                (json_int_t)container->block.end);
    if (mapper->socket_summary)
        r = inside_read(call, "sockstat", port_statistics_sockets, err);
    if (r == 0 && mapper->snmp)
        r = inside_read(call, "snmp", port_statistics_snmp, err);
    return r;
}

static void usage_end(struct port_call *call)
{
    struct done done = call->done;
    struct statistics statistics = *call->statistics;

    *call->statistics = (struct statistics){0};
    call->done = DONE_NONE;
    port_call_end(call, 0, NULL);
    done_ok(done, &statistics);
    json_type_release(&statistics_json, &statistics);
}

static void details_known(struct port_call *call, const char *output)
{
    port_statistics_rtt(call->statistics, output);
    usage_end(call);
}

static void usage_details(struct port_call *call)
{
    const char *const argv[] = {"ss", "-H", "-O", "-4", "-t", "-a", "-n", "-i", NULL};

    if (call->mapper->socket_details)
        port_call_enter(call, argv, NULL, details_known);
    else
        usage_end(call);
}

static void inside_known(struct port_call *call, const char *output)
{
    port_statistics_qdiscs(call->statistics, "", output);
    usage_details(call);
}

static void usage_inside(struct port_call *call)
{
    const char *const argv[] = {
        "tc", "-s", "-j", "qdisc", "show", "dev", call->mapper->eth0, NULL};

    if (call->had_egress)
        port_call_enter(call, argv, NULL, inside_known);
    else
        usage_details(call);
}

static void outside_known(struct port_call *call, const char *output)
{
    port_statistics_qdiscs(call->statistics, "ingress_", output);
    usage_inside(call);
}

void port_mapping_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    const struct port_container *container = strmap_get(mapper->containers, id);
    const struct statistics nothing = {0};
    struct port_call *call;
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (!container || container->unmanaged || container->pid == 0) {
        done_ok(done, &nothing);
        return;
    }
    call = port_call_new(mapper, id, done);
    call->pid = container->pid;
    call->had_egress = container->egress.rate > 0;
    call->statistics = mem_alloc(sizeof(*call->statistics));
    r = known_tell(call, container, &err);
    if (r < 0) {
        port_call_end(call, r, &err);
        return;
    }
    _cleanup_free_ char *veth = str_printf(PORT_MAPPING_VETH "%d", (int)container->pid);
    const char *const argv[] = {"tc", "-s", "-j", "qdisc", "show", "dev", veth, NULL};
    if (container->ingress.rate)
        port_call_run(call, (char *const *)(uintptr_t)argv, NULL, outside_known);
    else
        usage_inside(call);
}
