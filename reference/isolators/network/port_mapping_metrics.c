/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics of network/port_mapping (isolators.md 12.6): what became of filters, by who has them.
 * tc tells the line of a batch at which it stopped; that line tells the rest.
 */
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/isolators/network/port_mapping.h"

#define PREFIX "port_mapping/"
#define ARP 258
#define ICMP 514

/* As upstream spells them. */
static const char *const names[PORT_METRICS] = {
    "adding_eth0_ip_filters_errors", "adding_eth0_ip_filters_already_exist",
    "adding_eth0_egress_filters_errors", "adding_eth0_egress_filters_already_exist",
    "adding_lo_ip_filters_errors", "adding_lo_ip_filters_already_exist",
    "adding_veth_ip_filters_errors", "adding_veth_ip_filters_already_exist",
    "adding_veth_icmp_filters_errors", "adding_veth_icmp_filters_already_exist",
    "adding_veth_arp_filters_errors", "adding_veth_arp_filters_already_exist",
    "adding_eth0_icmp_filters_errors", "adding_eth0_icmp_filters_already_exist",
    "adding_eth0_arp_filters_errors", "adding_eth0_arp_filters_already_exist",
    "removing_eth0_ip_filters_errors", "removing_eth0_ip_filters_do_not_exist",
    "removing_eth0_egress_filters_errors", "removinging_eth0_egress_filters_do_not_exist",
    "removing_lo_ip_filters_errors", "removing_lo_ip_filters_do_not_exist",
    "removing_veth_ip_filters_errors", "removing_veth_ip_filters_do_not_exist",
    "removing_eth0_icmp_filters_errors", "removing_eth0_icmp_filters_do_not_exist",
    "removing_eth0_arp_filters_errors", "removing_eth0_arp_filters_do_not_exist",
    "updating_eth0_icmp_filters_errors", "updating_eth0_icmp_filters_already_exist",
    "updating_eth0_icmp_filters_do_not_exist", "updating_eth0_arp_filters_errors",
    "updating_eth0_arp_filters_already_exist", "updating_eth0_arp_filters_do_not_exist",
    PORT_METRIC_INSIDE};

void port_metric_count(struct port_mapper *mapper, const char *name)
{
    for (size_t i = 0; i < PORT_METRICS; i++) {
        if (str_equal(names[i], name))
            mapper->metrics[i]++;
    }
}

static const char *what_became(const char *said)
{
    if (strstr(said, "File exists"))
        return "already_exist";
    return strstr(said, "No such file") || strstr(said, "not found") ? "do_not_exist" : "errors";
}

/* "filter add dev eth0 parent ffff: protocol ip prio 770 …" */
static void line_note(
    struct port_mapper *mapper, const char *line, const char *said, bool updates_mirrors)
{
    char action[8];
    char device[PORT_MAPPING_DEVICE_BYTES];
    char parent[16];
    unsigned priority;
    const char *became = what_became(said);
    const char *place;

    if (sscanf(line, "filter %7s dev %23s parent %15s protocol %*s prio %u", action, device, parent,
            &priority) != 4)
        return;
    const bool egress = !str_equal(parent, "ffff:");
    const bool adds = str_equal(action, "add");
    const bool mirrors = !egress && str_equal(device, mapper->eth0) &&
                         (priority == ICMP || priority == ARP);
    place = str_equal(device, mapper->eth0) ? "eth0"
            : str_equal(device, mapper->lo) ? "lo"
                                            : "veth";
    _cleanup_free_ char *name =
        egress ? str_printf("%s_eth0_egress_filters_%s",
                     adds                                 ? "adding"
                     : str_equal(became, "do_not_exist") ? "removinging"
                                                          : "removing",
                     became)
               : str_printf("%s_%s_%s_filters_%s",
                     mirrors && updates_mirrors ? "updating"
                     : adds                     ? "adding"
                                                : "removing",
                     place, priority == ICMP ? "icmp" : priority == ARP ? "arp" : "ip", became);
    port_metric_count(mapper, name);
}

void port_metrics_note(
    struct port_mapper *mapper, const char *batch, const char *said, bool updates_mirrors)
{
    static const char mark[] = "Command failed -:";
    const char *failed = strstr(said, mark);
    _cleanup_strv_ char **lines = strv_split(batch, "\n");
    size_t number;

    if (failed && sscanf(failed + strlen(mark), "%zu", &number) == 1 && number > 0 &&
        number <= strv_length(lines))
        line_note(mapper, lines[number - 1], said, updates_mirrors);
}

void port_mapping_metrics(struct isolator *isolator, json_t *into)
{
    const struct port_mapper *mapper = container_of(isolator, struct port_mapper, base);
    const struct {
        const char *name;
        uint64_t per_cpu;
    } rates[] = {{PREFIX "per_cpu_egress_rate_limit", mapper->egress.per_cpu},
        {PREFIX "per_cpu_ingress_rate_limit", mapper->ingress.per_cpu}};

    for (size_t i = 0; i < PORT_METRICS; i++) {
        _cleanup_free_ char *name = str_printf(PREFIX "%s", names[i]);

        json_object_set_new(into, name, json_integer((json_int_t)mapper->metrics[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        if (rates[i].per_cpu)
            json_object_set_new(into, rates[i].name, json_integer((json_int_t)rates[i].per_cpu));
    }
}
