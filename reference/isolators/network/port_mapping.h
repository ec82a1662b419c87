/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of network/port_mapping (isolators.md 12.1 to 12.7). */
#pragma once

#include "reference/base/strbuf.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/network/port_mapping_statistics.h"
#include "reference/isolators/ranges.h"

#define PORT_MAPPING_VETH "mesos"                 /* and the pid: the host's end of a pair */
#define PORT_MAPPING_DEVICE_BYTES 24              /* that, or another name of IFNAMSIZ at most */
#define PORT_MAPPING_HANDLES "/var/run/netns"     /* <pid>: a bind mount of its namespace */
#define PORT_MAPPING_LINKS "/var/run/mesos/netns" /* <container>: a link to its handle */

/* Bytes a second; rate 0: no limit. */
struct port_rate {
    uint64_t rate;
    uint64_t ceil;  /* 0: none */
    uint64_t burst; /* bytes */
};
struct port_rate_settings {
    bool limits;
    uint64_t fixed;   /* 0: by the CPUs */
    uint64_t per_cpu;
    uint64_t least;
    uint64_t most; /* UINT64_MAX: none */
    uint64_t ceil;
    uint64_t burst;
};

/* fq_codel's flows of what leaves the host by eth0. */
struct port_flows {
    unsigned handle; /* 0: containers get none */
    char *parent;    /* "root", or the class below which it is */
    bool known;      /* the rest was looked for in this life */
    bool control;    /* ICMP and ARP are classified */
    bool anything;   /* so is all that nothing else is said of */
};

#define PORT_METRICS 35
#define PORT_METRIC_INSIDE "updating_container_ip_filters_errors"

struct port_mapper {
    struct isolator base;
    char *eth0;
    char *lo;
    char *mac;
    char *gateway;
    char *address; /* of the host; NULL before recover has asked for it */
    unsigned prefix;
    unsigned mtu; /* of eth0, and then of lo too: what goes there may leave by eth0 */
    struct ranges managed; /* ports that may be given to containers */
    struct ranges pool;    /* of ephemeral ports */
    int64_t block_size;
    struct port_rate_settings egress;
    struct port_rate_settings ingress;
    struct port_flows flows;
    char **sysctls; /* "FILE=VALUE" of the host, for containers */
    bool socket_summary, socket_details, snmp; /* what statistics tell beside traffic */
    uint64_t rate_window_ns;
    uint64_t rate_interval_ns; /* 0: no rates are collected */
    struct host_request *rate_timer;
    uint64_t metrics[PORT_METRICS];
    bool mirrors; /* ICMP and ARP are mirrored to the containers */
    bool mirrors_known; /* whether they are has been looked for in this life */
    bool ingress_existing; /* limits begin for running containers too */
    struct strmap *containers; /* id -> struct port_container * */
    struct list calls;
    struct port_call *filtering; /* whose batch of tc runs; one after the other, as they share */
    struct list waiting;         /* filters of eth0: calls by their `turn` */
    bool ending;
};

struct port_container {
    char *id;
    pid_t pid; /* 0: not isolated yet */
    bool unmanaged; /* started without this isolator, or gone already: left alone */
    struct ranges ports;
    struct resource_range block; /* ephemeral ports; begin 0: unknown */
    struct port_rate egress;
    struct port_rate ingress;
    unsigned flow; /* 0: none */
    struct port_rates rates;
};

/* port_mapping_rules.c: arithmetic. */
/* The set as aligned ranges of a power of two each, from the lowest port the largest that fits. */
void port_ranges_split(const struct ranges *ports, struct ranges *ret_split);
/* The sorted and merged union of the ports and the block. */
void port_ranges_union(
    const struct ranges *ports, const struct resource_range *block, struct ranges *ret_union);
/* What filters are for: the ports and the block, split; the caller releases it. */
void port_ranges_own(const struct port_container *container, struct ranges *ret_own);
bool port_range_same(const struct resource_range *a, const struct resource_range *b);
bool port_ranges_within(const struct ranges *inner, const struct ranges *outer);
bool port_ranges_overlap(const struct ranges *ranges, const struct resource_range *range);
/* The first block of that size, aligned to it, within the pool and beside all that are taken. */
bool port_block_allocate(const struct ranges *pool, int64_t size, const struct ranges *taken,
    struct resource_range *ret_block);
struct port_rate port_rate_of(
    const struct port_rate_settings *settings, const struct resources *resources);

/* port_mapping_tc.c: what tc is told, and what it says. */
/* "match sport 31000 0xfff8" and so on: a range of a power of two; owned. */
char *port_range_match(const char *which, const struct resource_range *range);
struct port_filter {
    char handle[24];
    unsigned flow; /* of a classifier; 0: it is none */
    unsigned priority;
    bool has_source;
    bool has_destination;
    struct resource_range ports;
    char device[PORT_MAPPING_DEVICE_BYTES]; /* redirected to; "" nowhere */
};
/* All u32 filters for IP of `tc filter show`; caller frees. */
size_t port_filters_parse(const char *text, struct port_filter **ret_filters);
/* The host's filters for one range of a container. */
void port_filters_add(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container, const struct resource_range *range);
/* parent: the handle of the qdisc, "ffff:" for what comes in. */
void port_filter_delete(struct strbuf *batch, const char *device, const char *parent,
    const struct port_filter *filter);
/* ICMP and ARP from eth0 to every container but `except`, in place of what there was. */
void port_mirrors_set(struct strbuf *batch, struct port_mapper *mapper, pid_t except);
void port_veth_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container);
/* The limit at the root of the device; a rate of 0 with `had` removes it. */
void port_limit_set(
    struct strbuf *batch, const char *device, const struct port_rate *rate, bool had);
/* `tc class show`: the limit that is there; false: none. */
bool port_limit_parse(const char *text, struct port_rate *ret_rate);
/* What the container's init runs in its namespaces; owned. */
char *port_container_script(
    const struct port_mapper *mapper, const struct port_container *container);
/* The filters inside for one range of its own: what goes there stays, or goes to lo. */
void port_inner_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct resource_range *range);
/* What makes the pair of links, with IPv6 off at the host's end; owned. */
char *port_link_script(const struct port_mapper *mapper, pid_t pid);
/* What changes the host once; owned. */
char *port_host_script(const struct port_mapper *mapper);

/* port_mapping_create.c: checks of flags and of the machine. */
int port_mapping_settings(struct port_mapper *mapper, const struct flags *flags, struct err *err);

/* port_mapping_flows.c */
int port_flows_settings(struct port_mapper *mapper, const struct flags *flags, struct err *err);
void port_flows_host(struct strbuf *script, const struct port_mapper *mapper);
/* The lowest free one, when containers get flows. -ENOSPC. */
int port_flow_take(struct port_mapper *mapper, struct port_container *container, struct err *err);
void port_flow_add(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container, const struct resource_range *range);
/* Those that are no container's, as far as they are missing; and away with those of ICMP and ARP,
 * while what classifies the rest stays. */
void port_flows_classify(struct strbuf *batch, struct port_mapper *mapper);
void port_flows_end(struct strbuf *batch, struct port_mapper *mapper);
void port_flows_found(struct port_mapper *mapper, const char *text);

/* port_mapping_rates.c: reads the counters of all now and then, as long as there are any. */
void port_rates_collect(struct port_mapper *mapper);

/* port_mapping_metrics.c */
void port_metric_count(struct port_mapper *mapper, const char *name);
/* A batch of tc that failed, and what it said. */
void port_metrics_note(
    struct port_mapper *mapper, const char *batch, const char *said, bool updates_mirrors);
void port_mapping_metrics(struct isolator *isolator, json_t *into);
