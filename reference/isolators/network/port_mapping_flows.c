/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of what leaves the host (--egress_unique_flow_per_container, isolators.md 12.1, 12.4): 1 is
 * the host's, 2 for ICMP and ARP, each container has one of its own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/network/port_mapping.h"

#define FLOW_HOST 1u
#define FLOW_CONTROL 2u
#define FLOW_FIRST 3u
#define FLOW_LAST 1023u
#define ANYTHING 1026
#define ARP 258
#define ICMP 514
#define IP_LOW 771
#define CONTROL_ICMP "protocol ip prio 514"
#define CONTROL_ARP "protocol arp prio 258"

int port_flows_settings(struct port_mapper *mapper, const struct flags *flags, struct err *err)
{
    const char *parent = flags_other(flags, "egress_flow_classifier_parent");
    unsigned primary;
    unsigned secondary;
    char end;

    if (!flags_other_bool(flags, "egress_unique_flow_per_container"))
        return 0;
    if (str_equal(parent, "root")) {
        mapper->flows.handle = 1;
    } else if (sscanf(parent, "%4x:%4x%c", &primary, &secondary, &end) == 2 && primary < 0xfffe) {
        mapper->flows.handle = primary + 1;
    } else {
        return err_set(err, -EINVAL,
            "--egress_flow_classifier_parent: expected \"root\" or a handle such as 1:1, got "
            "\"%s\"",
            parent);
    }
    mapper->flows.parent = str_dup(parent);
    return 0;
}

void port_flows_host(struct strbuf *script, const struct port_mapper *mapper)
{
    const struct port_flows *flows = &mapper->flows;
    const bool root = str_equal(flows->parent, "root");

    if (flows->handle)
        strbuf_addf(script,
            "tc qdisc show dev %s | grep -q '^qdisc fq_codel %x:' || "
            "tc qdisc add dev %s %s%s handle %x: fq_codel\n",
            mapper->eth0, flows->handle, mapper->eth0, root ? "" : "parent ", flows->parent,
            flows->handle);
}

static bool flow_taken(const struct port_mapper *mapper, unsigned flow)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(mapper->containers, &cursor, &id, &value)) {
        if (((const struct port_container *)value)->flow == flow)
            return true;
    }
    return false;
}

int port_flow_take(struct port_mapper *mapper, struct port_container *container, struct err *err)
{
    for (unsigned flow = FLOW_FIRST; mapper->flows.handle && flow <= FLOW_LAST; flow++) {
        if (flow_taken(mapper, flow))
            continue;
        container->flow = flow;
        return 0;
    }
    return mapper->flows.handle ? err_set(err, -ENOSPC, "no flow of %u is free", FLOW_LAST) : 0;
}

static void classifier_add(struct strbuf *batch, const struct port_mapper *mapper,
    const char *which, const char *match, unsigned flow)
{
    strbuf_addf(batch, "filter add dev %s parent %x: %s u32 match %s flowid %x:%x\n", mapper->eth0,
        mapper->flows.handle, which, match, mapper->flows.handle, flow);
}

void port_flow_add(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container, const struct resource_range *range)
{
    _cleanup_free_ char *match = port_range_match("sport", range);
    _cleanup_free_ char *which = str_printf("protocol ip prio %d", IP_LOW);

    if (container->flow)
        classifier_add(batch, mapper, which, match + strlen("match "), container->flow);
}

void port_flows_classify(struct strbuf *batch, struct port_mapper *mapper)
{
    struct port_flows *flows = &mapper->flows;
    _cleanup_free_ char *anything = str_printf("protocol all prio %d", ANYTHING);

    if (!flows->handle)
        return;
    if (!flows->control) {
        classifier_add(batch, mapper, CONTROL_ICMP, "ip protocol 1 0xff", FLOW_CONTROL);
        classifier_add(batch, mapper, CONTROL_ARP, "u32 0 0", FLOW_CONTROL);
    }
    if (!flows->anything)
        classifier_add(batch, mapper, anything, "u32 0 0", FLOW_HOST);
    flows->control = flows->anything = flows->known = true;
}

void port_flows_end(struct strbuf *batch, struct port_mapper *mapper)
{
    struct port_flows *flows = &mapper->flows;

    if (flows->control)
        strbuf_addf(batch,
            "filter del dev %s parent %x: " CONTROL_ICMP "\n"
            "filter del dev %s parent %x: " CONTROL_ARP "\n",
            mapper->eth0, flows->handle, mapper->eth0, flows->handle);
    flows->control = false;
}

/* "filter … pref 514 …" */
void port_flows_found(struct port_mapper *mapper, const char *text)
{
    if (mapper->flows.known)
        return;
    mapper->flows.known = true;
    mapper->flows.control = strstr(text, "pref 514 ");
    mapper->flows.anything = strstr(text, "pref 1026 ");
}
