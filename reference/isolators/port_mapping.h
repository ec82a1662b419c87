/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of network/port_mapping (isolators.md 12.1 to 12.7). */
#pragma once

#include "reference/base/strbuf.h"
#include "reference/isolators/isolator.h"
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

struct port_mapper {
    struct isolator base;
    char *eth0;
    char *lo;
    char *mac;
    char *gateway;
    char *address; /* of the host; NULL before recover has asked for it */
    unsigned prefix;
    unsigned mtu;
    unsigned lo_mtu;
    struct ranges managed; /* ports that may be given to containers */
    struct ranges pool;    /* of ephemeral ports */
    int64_t block_size;
    struct port_rate_settings egress;
    struct port_rate_settings ingress;
    bool mirrors; /* ICMP and ARP are mirrored to the containers */
    bool ingress_existing; /* limits begin for running containers too */
    struct strmap *containers; /* id -> struct port_container * */
    struct list calls;
};

struct port_container {
    char *id;
    pid_t pid; /* 0: not isolated yet */
    bool unmanaged; /* started without this isolator, or gone already: left alone */
    struct ranges ports;
    struct resource_range block; /* ephemeral ports; begin 0: unknown */
    struct port_rate egress;
    struct port_rate ingress;
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
struct port_filter {
    char handle[24];
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
void port_filter_delete(
    struct strbuf *batch, const char *device, const struct port_filter *filter);
/* ICMP and ARP from eth0 to every container but `except`, in place of what there was. */
void port_mirrors_set(struct strbuf *batch, struct port_mapper *mapper, pid_t except);
void port_veth_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container);
/* The limit at the root of the device; a rate of 0 with `had` removes it. */
void port_limit_set(
    struct strbuf *batch, const char *device, const struct port_rate *rate, bool had);
/* What the container's init runs in its namespaces; owned. */
char *port_container_script(
    const struct port_mapper *mapper, const struct port_container *container);
/* The filters inside, which an update writes anew. */
void port_inner_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct ranges *own, bool had);
/* What changes the host once; owned. */
char *port_host_script(const struct port_mapper *mapper);

/* port_mapping_create.c: checks of flags and of the machine. */
int port_mapping_settings(struct port_mapper *mapper, const struct flags *flags, struct err *err);
