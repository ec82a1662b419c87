/* SPDX-License-Identifier: Apache-2.0 */
/* What network/port_mapping tells tc, line by line of a batch, and what it reads from it. The
 * numbers are priorities: primary x 256 + secondary (isolators.md 12.1). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/isolators/network/port_mapping.h"

#define ARP 258
#define ICMP 514
#define IP_HIGH 769
#define IP_NORMAL 770
#define IP_LOW 771
#define INGRESS "parent ffff:"
#define SYSCTL "/proc/sys/net/ipv4/"
#define IPV6_OFF "d=/proc/sys/net/ipv6/conf/%s/disable_ipv6; if [ -e $d ]; then echo 1 >$d; fi\n"

char *port_range_match(const char *which, const struct resource_range *range)
{
    const int64_t size = range->end - range->begin + 1;

    return str_printf("match ip %s %" PRId64 " 0x%04x", which, range->begin,
        (unsigned)(~(size - 1) & 0xffff));
}

static void rule_add(struct strbuf *batch, const char *device, unsigned priority,
    const char *match, const char *target)
{
    strbuf_addf(batch, "filter add dev %s " INGRESS " protocol ip prio %u u32 %s", device,
        priority, match);
    if (target)
        strbuf_addf(batch, " action mirred egress redirect dev %s\n", target);
    else
        strbuf_add(batch, " flowid :1\n"); /* it stays where it is */
}

void port_filters_add(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container, const struct resource_range *range)
{
    _cleanup_free_ char *veth = str_printf(PORT_MAPPING_VETH "%d", (int)container->pid);
    _cleanup_free_ char *source = port_range_match("sport", range);
    _cleanup_free_ char *destination = port_range_match("dport", range);
    _cleanup_free_ char *to_host = str_printf("%s match ip dst %s/32", source, mapper->address);
    _cleanup_free_ char *to_lo = str_printf("%s match ip dst 127.0.0.1/32", source);
    _cleanup_free_ char *from_outside = str_printf(
        "match ether dst %s match ip dst %s/32 %s", mapper->mac, mapper->address, destination);

    /* The veth's first, so that a crash leaves no filters of the host without them. */
    rule_add(batch, veth, IP_LOW, source, mapper->eth0);
    rule_add(batch, veth, IP_NORMAL, to_host, mapper->lo);
    rule_add(batch, veth, IP_NORMAL, to_lo, mapper->lo);
    rule_add(batch, mapper->eth0, IP_NORMAL, from_outside, veth);
    rule_add(batch, mapper->lo, IP_NORMAL, destination, veth);
    port_flow_add(batch, mapper, container, range);
}

void port_filter_delete(struct strbuf *batch, const char *device, const char *parent,
    const struct port_filter *filter)
{
    strbuf_addf(batch, "filter del dev %s parent %s protocol ip prio %u handle %s u32\n", device,
        parent, filter->priority, filter->handle);
}

void port_veth_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container)
{
    strbuf_addf(batch,
        "filter add dev " PORT_MAPPING_VETH "%d " INGRESS " protocol ip prio %d u32 match ip "
        "protocol 1 0xff action mirred egress redirect dev %s\n"
        "filter add dev " PORT_MAPPING_VETH "%d " INGRESS " protocol arp prio %d u32 match u32 0 0 "
        "action mirred egress redirect dev %s\n",
        (int)container->pid, ICMP, mapper->eth0, (int)container->pid, ARP, mapper->eth0);
}

/* All containers that are isolated, but one; owned, NULL: there are none. */
static char *mirror_actions(const struct port_mapper *mapper, pid_t except)
{
    struct strbuf actions = STRBUF_INIT;
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(mapper->containers, &cursor, &id, &value)) {
        const struct port_container *container = value;

        if (container->pid > 0 && container->pid != except && !container->unmanaged)
            strbuf_addf(&actions, " action mirred egress mirror dev " PORT_MAPPING_VETH "%d",
                (int)container->pid);
    }
    return actions.text;
}

void port_mirrors_set(struct strbuf *batch, struct port_mapper *mapper, pid_t except)
{
    _cleanup_free_ char *actions = mirror_actions(mapper, except);

    if (mapper->mirrors)
        strbuf_addf(batch,
            "filter del dev %s " INGRESS " protocol ip prio %d\n"
            "filter del dev %s " INGRESS " protocol arp prio %d\n",
            mapper->eth0, ICMP, mapper->eth0, ARP);
    mapper->mirrors = actions;
    mapper->mirrors_known = true;
    if (actions)
        strbuf_addf(batch,
            "filter add dev %s " INGRESS " protocol ip prio %d u32 match ip protocol 1 0xff match "
            "ip dst %s/32%s\n"
            "filter add dev %s " INGRESS " protocol arp prio %d u32 match u32 0 0%s\n",
            mapper->eth0, ICMP, mapper->address, actions, mapper->eth0, ARP, actions);
}

void port_limit_set(
    struct strbuf *batch, const char *device, const struct port_rate *rate, bool had)
{
    if (had)
        strbuf_addf(batch, "qdisc del dev %s root\n", device);
    if (rate->rate == 0)
        return;
    strbuf_addf(batch,
        "qdisc add dev %s root handle 1: htb default 1\n"
        "class add dev %s parent 1: classid 1:1 htb rate %" PRIu64 "bps",
        device, device, rate->rate);
    if (rate->ceil)
        strbuf_addf(batch, " ceil %" PRIu64 "bps", rate->ceil);
    if (rate->burst)
        strbuf_addf(batch, " burst %" PRIu64, rate->burst);
    strbuf_addf(batch, "\nqdisc add dev %s parent 1:1 fq_codel\n", device);
}

char *port_link_script(const struct port_mapper *mapper, pid_t pid)
{
    _cleanup_free_ char *veth = str_printf(PORT_MAPPING_VETH "%d", (int)pid);

    return str_printf("ip -batch - <<'END'\n"
                      "link add name %s address %s type veth peer name %s address %s netns %d\n"
                      "END\n" IPV6_OFF,
        veth, mapper->mac, mapper->eth0, mapper->mac, (int)pid, veth);
}

/* --- inside --- */

void port_inner_rules(struct strbuf *batch, const struct port_mapper *mapper,
    const struct resource_range *range)
{
    _cleanup_free_ char *ports = port_range_match("dport", range);
    _cleanup_free_ char *to_lo = str_printf("match ip dst 127.0.0.1/32 %s", ports);

    rule_add(batch, mapper->lo, IP_HIGH, ports, NULL);
    rule_add(batch, mapper->eth0, IP_NORMAL, to_lo, mapper->lo);
}

static void inner_batch(struct strbuf *batch, const struct port_mapper *mapper,
    const struct port_container *container)
{
    const char *const hosts[] = {mapper->address, "127.0.0.1"};
    struct ranges own = {0};

    strbuf_addf(batch, "qdisc add dev %s ingress\nqdisc add dev %s ingress\n", mapper->lo,
        mapper->eth0);
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        _cleanup_free_ char *to = str_printf("match ip dst %s/32", hosts[i]);
        _cleanup_free_ char *ping = str_printf("match ip protocol 1 0xff %s", to);

        rule_add(batch, mapper->lo, ICMP, ping, NULL);
        rule_add(batch, mapper->lo, IP_NORMAL, to, mapper->eth0);
    }
    port_ranges_own(container, &own);
    for (size_t i = 0; i < own.count; i++)
        port_inner_rules(batch, mapper, &own.items[i]);
    port_limit_set(batch, mapper->eth0, &container->egress, false);
    ranges_release(&own);
}

/* Some are there for the host alone, others can only be read: then the value must be the same. */
static void sysctls_set(struct strbuf *script, const struct port_mapper *mapper)
{
    for (char *const *sysctl = mapper->sysctls; sysctl && *sysctl; sysctl++) {
        const char *value = strchr(*sysctl, '=') + 1;
        const int length = (int)(value - *sysctl) - 1;

        strbuf_addf(script,
            "f=%.*s; if [ -e $f ]; then echo '%s' 2>/dev/null >$f || [ \"$(cat $f)\" = '%s' ]; "
            "fi\n",
            length, *sysctl, value, value);
    }
}

char *port_container_script(
    const struct port_mapper *mapper, const struct port_container *container)
{
    struct strbuf script = STRBUF_INIT;

    strbuf_addf(&script, "mount --make-rslave " PORT_MAPPING_HANDLES "\n" IPV6_OFF, "all");
    strbuf_addf(&script,
        "ip link set dev %s address %s mtu %u up\n"
        "ethtool -K %s rx off\n"
        "ip link set dev %s mtu %u up\n"
        "ip addr add %s/%u dev %s\n"
        "ip route add default via %s\n"
        "echo %" PRId64 " %" PRId64 " >" SYSCTL "ip_local_port_range\n"
        "echo 1 >" SYSCTL "conf/%s/accept_local\n"
        "echo 1 >" SYSCTL "conf/%s/accept_local\n"
        "echo 1 >" SYSCTL "conf/%s/route_localnet\n",
        mapper->lo, mapper->mac, mapper->mtu, mapper->eth0, mapper->eth0, mapper->mtu,
        mapper->address, mapper->prefix, mapper->eth0, mapper->gateway, container->block.begin,
        container->block.end, mapper->eth0, mapper->lo, mapper->lo);
    sysctls_set(&script, mapper);
    strbuf_add(&script, "tc -batch - <<'END'\n");
    inner_batch(&script, mapper, container);
    strbuf_add(&script, "END\n");
    return strbuf_take(&script);
}

/* A second mount over the first would hide the handles that are there. Not every mountpoint(1) sees
 * that a directory is mounted on itself. */
static bool handles_mounted(struct host *host)
{
    _cleanup_free_ char *real = NULL;

    return host_real_path(host, PORT_MAPPING_HANDLES, &real, NULL) == 0 &&
           host_is_mounted(host, real);
}

char *port_host_script(const struct port_mapper *mapper)
{
    struct strbuf script = STRBUF_INIT;

    strbuf_add(&script, "mkdir -p " PORT_MAPPING_HANDLES " " PORT_MAPPING_LINKS "\n");
    if (!handles_mounted(mapper->base.host))
        strbuf_add(
            &script, "mount --bind " PORT_MAPPING_HANDLES " " PORT_MAPPING_HANDLES "\n");
    strbuf_addf(&script,
        "mount --make-slave " PORT_MAPPING_HANDLES "\n"
        "mount --make-shared " PORT_MAPPING_HANDLES "\n"
        "ip link set dev %s address %s mtu %u\n"
        "for d in %s %s; do\n"
        "    tc qdisc show dev $d | grep -q '^qdisc ingress' || tc qdisc add dev $d ingress\n"
        "done\n"
        "echo 1 >" SYSCTL "conf/%s/route_localnet\n"
        "for d in all %s; do\n"
        "    echo 0 >" SYSCTL "conf/$d/rp_filter\n"
        "    echo 0 >" SYSCTL "conf/$d/send_redirects\n"
        "done\n"
        "echo 1 >" SYSCTL "conf/%s/accept_local\n",
        mapper->lo, mapper->mac, mapper->mtu, mapper->eth0, mapper->lo, mapper->lo,
        mapper->lo, mapper->lo);
    port_flows_host(&script, mapper);
    return strbuf_take(&script);
}

/* --- what tc says --- */

/* "filter protocol ip pref 771 u32 chain 0 fh 800::800 order …": the line of one filter, not of its
 * table. */
static bool head_parse(const char *line, struct port_filter *filter)
{
    const char *handle = strstr(line, " fh ");
    const char *flow = strstr(line, " flowid ");

    *filter = (struct port_filter){0};
    if (flow)
        sscanf(flow, " flowid %*x:%x", &filter->flow);
    return handle && sscanf(line, "filter protocol ip pref %u", &filter->priority) == 1 &&
           sscanf(handle, " fh %23s", filter->handle) == 1 && strstr(filter->handle, "::");
}

/* "  match 79180000/fff80000 at 20": the ports of TCP and UDP behind a header without options. */
static void match_parse(const char *line, struct port_filter *filter)
{
    unsigned value;
    unsigned mask;
    int at;

    if (sscanf(line, " match %x/%x at %d", &value, &mask, &at) != 3 || at != 20)
        return;
    filter->has_source = mask & 0xffff0000u;
    filter->has_destination = mask & 0xffffu;
    if (filter->has_source) {
        value >>= 16;
        mask >>= 16;
    }
    filter->ports.begin = value & mask & 0xffffu;
    filter->ports.end = filter->ports.begin + (~mask & 0xffffu);
}

size_t port_filters_parse(const char *text, struct port_filter **ret_filters)
{
    static const char redirect[] = "(Egress Redirect to device ";
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    size_t capacity = 0;
    size_t count = 0;
    bool inside = false;

    *ret_filters = NULL;
    for (size_t i = 0; lines && lines[i]; i++) {
        const char *device = strstr(lines[i], redirect);
        struct port_filter filter;

        if (str_starts(lines[i], "filter ")) {
            inside = head_parse(lines[i], &filter);
            if (!inside)
                continue;
            *ret_filters = mem_grow(*ret_filters, &capacity, count + 1, sizeof(**ret_filters));
            (*ret_filters)[count++] = filter;
        } else if (inside && device) {
            sscanf(device + sizeof(redirect) - 1, "%15[^)]", (*ret_filters)[count - 1].device);
        } else if (inside) {
            match_parse(lines[i], &(*ret_filters)[count - 1]);
        }
    }
    return count;
}

/* "16Kbit": bits a second by thousands, to bytes. "5000b", "15Kb": bytes by 1024. */
static uint64_t amount_parse(const char *text, bool bits)
{
    static const char units[] = "KMGT";
    char *unit;
    double amount = strtod(text, &unit);
    const char *found = *unit ? strchr(units, *unit) : NULL;

    for (const char *at = units; found && at <= found; at++)
        amount *= bits ? 1000 : 1024;
    return (uint64_t)(bits ? amount / 8 : amount);
}

/* "class htb 1:1 root leaf 8001: prio 0 rate 16Kbit ceil 2400Kbit burst 5000b cburst 1599b":
 * without a ceiling of its own a class has its rate for that. */
bool port_limit_parse(const char *text, struct port_rate *ret_rate)
{
    const char *line = strstr(text, "class htb 1:1 ");
    const char *rate = line ? strstr(line, " rate ") : NULL;
    const char *ceil = rate ? strstr(rate, " ceil ") : NULL;
    const char *burst = ceil ? strstr(ceil, " burst ") : NULL;

    if (!burst)
        return false;
    *ret_rate = (struct port_rate){.rate = amount_parse(rate + strlen(" rate "), true),
        .ceil = amount_parse(ceil + strlen(" ceil "), true)};
    if (ret_rate->ceil == ret_rate->rate)
        ret_rate->ceil = 0;
    if (ret_rate->ceil)
        ret_rate->burst = amount_parse(burst + strlen(" burst "), false);
    return true;
}
