/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define TOOL_NS (3 * NS_PER_MS)
#define EXIT_1 (1 << 8)
#define LINKS "/sys/class/net"
#define FIRST_HANDLE 0x800u
#define ANYTHING 1026 /* the priority of the classifier for what nothing else is said of */

struct net_filter {
    struct list node;
    char *device;
    char *parent; /* "ffff:", or the handle of a qdisc of what leaves */
    char *protocol;
    unsigned priority;
    unsigned table;
    unsigned item;
    char *text; /* matches and actions, as they were given */
};
struct sim_net {
    struct sim_world *world;
    struct list filters;
    char **qdiscs; /* "DEVICE KIND PARENT" */
    char **inner;  /* "PID:eth0 KIND PARENT", in containers */
    unsigned tables;
    char *output;
};

static struct vfs *vfs_of(const struct sim_net *net)
{
    return net->world->kernel->vfs;
}

/* "PID:DEVICE": in a container. */
static bool is_inner(const char *device)
{
    return strchr(device, ':') != NULL;
}

static void filter_free(struct net_filter *filter)
{
    list_remove(&filter->node);
    free(filter->device);
    free(filter->parent);
    free(filter->protocol);
    free(filter->text);
    free(filter);
}

void sim_net_free(struct sim_net *net)
{
    if (!net)
        return;
    list_for_each_safe(node, following, &net->filters)
        filter_free(list_entry(node, struct net_filter, node));
    strv_free(net->qdiscs);
    strv_free(net->inner);
    free(net->output);
    free(net);
}

char **sim_net_left(const struct sim_net *net)
{
    char **lines = mem_alloc(sizeof(*lines));
    _cleanup_strv_ char **names = NULL;
    if (!net)
        return lines;
    for (struct list *node = net->filters.next; node != &net->filters; node = node->next) {
        const struct net_filter *filter = list_entry(node, struct net_filter, node);
        /* The one for anything stays, by the contract; those inside go with the namespace. */
        if (filter->priority != ANYTHING && !is_inner(filter->device))
            strv_add_owned(&lines, str_printf("filter of %s", filter->device));
    }
    vfs_list(vfs_of(net), LINKS, &names);
    for (size_t i = 0; names && names[i]; i++) {
        if (str_starts(names[i], "mesos"))
            strv_add_owned(&lines, str_printf("link %s", names[i]));
    }
    return lines;
}

/* --- what can be seen --- */

static void file_put(struct sim_net *net, const char *folder, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", folder, name);
    vfs_mkdir(vfs_of(net), folder, 0755, true);
    vfs_write(vfs_of(net), path, text, strlen(text), 0644, false);
}

static void show(struct sim_net *net)
{
    struct strbuf filters = STRBUF_INIT;
    struct strbuf qdiscs = STRBUF_INIT;
    list_for_each(node, &net->filters)
    {
        const struct net_filter *filter = list_entry(node, struct net_filter, node);
        if (!is_inner(filter->device))
            strbuf_addf(&filters, "%s %s %u %s\n", filter->device, filter->protocol,
                filter->priority, filter->text);
    }
    for (size_t i = 0; net->qdiscs && net->qdiscs[i]; i++)
        strbuf_addf(&qdiscs, "%s\n", net->qdiscs[i]);
    file_put(net, SIM_NET, "filters", strbuf_text(&filters));
    file_put(net, SIM_NET, "qdiscs", strbuf_text(&qdiscs));
    strbuf_release(&filters);
    strbuf_release(&qdiscs);
}

/* --- links --- */

static bool link_exists(struct sim_net *net, const char *device)
{
    _cleanup_free_ char *path = str_printf(LINKS "/%s", device);
    return vfs_info(vfs_of(net), path, false, NULL) == 0;
}

static void link_make(struct sim_net *net, const char *device)
{
    static const char *const ways[] = {"rx", "tx"};
    static const char *const counters[] = {"packets", "bytes", "errors", "dropped"};
    _cleanup_free_ char *folder = str_printf(LINKS "/%s", device);
    _cleanup_free_ char *statistics = str_printf("%s/statistics", folder);
    file_put(net, folder, "address", "52:54:00:12:34:56\n");
    file_put(net, folder, "mtu", str_equal(device, "lo") ? "65536\n" : "1500\n");
    file_put(net, folder, "speed", "10000\n");
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(counters); k++) {
            _cleanup_free_ char *name = str_printf("%s_%s", ways[i], counters[k]);
            /* What the veth got is more than what it sent, to tell one from the other. */
            file_put(net, statistics, name, k > 1 ? "0\n" : i == 0 ? "70\n" : "30\n");
        }
    }
}

static bool ip_line(struct sim_net *net, const char *line)
{
    char device[32];
    int pid;
    if (sscanf(line,
            "link add name %31s address %*s type veth peer name %*s address %*s netns %d", device,
            &pid) == 2) {
        if (link_exists(net, device) || !process_find(net->world->kernel, (pid_t)pid))
            return false;
        link_make(net, device);
        return true;
    }
    if (sscanf(line, "link del dev %31s", device) == 1) {
        _cleanup_free_ char *path = str_printf(LINKS "/%s", device);
        bool there = link_exists(net, device);
        vfs_remove_tree(vfs_of(net), path);
        list_for_each_safe(node, following, &net->filters) {
            if (str_equal(list_entry(node, struct net_filter, node)->device, device))
                filter_free(list_entry(node, struct net_filter, node));
        }
        return there;
    }
    return sscanf(line, "link set dev %31s up", device) == 1 && link_exists(net, device);
}

/* --- qdiscs and filters --- */

/* The first of the device with that in it; NULL: there is none. */
static const char *qdisc_find(char *const *qdiscs, const char *device, const char *part)
{
    _cleanup_free_ char *start = str_printf("%s ", device);
    for (; qdiscs && *qdiscs; qdiscs++) {
        if (str_starts(*qdiscs, start) && strstr(*qdiscs, part))
            return *qdiscs;
    }
    return NULL;
}

static bool root_delete(char ***qdiscs, const char *device)
{
    _cleanup_strv_ char **old = *qdiscs;
    _cleanup_free_ char *start = str_printf("%s ", device);
    bool there = qdisc_find(old, device, "") != NULL;
    *qdiscs = NULL;
    for (size_t i = 0; old && old[i]; i++) {
        if (!str_starts(old[i], start) || str_ends(old[i], " ingress"))
            strv_add(qdiscs, old[i]);
    }
    return there;
}

static bool qdisc_line(struct sim_net *net, const char *line)
{
    char device[32];
    char rest[200];
    if (sscanf(line, "qdisc del dev %31s root", device) == 1)
        return root_delete(&net->qdiscs, device);
    if (sscanf(line, "%*s add dev %31s %199[^\n]", device, rest) != 2)
        return false;
    _cleanup_free_ char *qdisc = str_printf("%s %s", device, rest);
    if (strv_contains(net->qdiscs, qdisc) || !link_exists(net, device))
        return false;
    strv_add(&net->qdiscs, qdisc);
    return true;
}

static bool filter_add(struct sim_net *net, const char *line)
{
    char device[32], parent[16], protocol[8], text[900];
    unsigned priority;
    if (sscanf(line, "filter add dev %31s parent %15s protocol %7s prio %u u32 %899[^\n]", device,
            parent, protocol, &priority, text) != 5)
        return false;
    _cleanup_free_ char *qdisc =
        str_equal(parent, "ffff:") ? str_dup(" ingress") : str_printf(" handle %s ", parent);
    if (!is_inner(device) &&
        (!link_exists(net, device) || !qdisc_find(net->qdiscs, device, qdisc)))
        return false;
    struct net_filter *filter = mem_alloc(sizeof(*filter));
    filter->table = FIRST_HANDLE + net->tables;
    filter->item = FIRST_HANDLE;
    list_for_each(node, &net->filters)
    {
        const struct net_filter *other = list_entry(node, struct net_filter, node);
        if (str_equal(other->device, device) && other->priority == priority &&
            str_equal(other->parent, parent) && str_equal(other->protocol, protocol)) {
            filter->table = other->table;
            filter->item = other->item + 1;
        }
    }
    net->tables += filter->item == FIRST_HANDLE;
    filter->device = str_dup(device);
    filter->parent = str_dup(parent);
    filter->protocol = str_dup(protocol);
    filter->priority = priority;
    filter->text = str_dup(text);
    list_append(&net->filters, &filter->node);
    return true;
}

static bool filter_delete(struct sim_net *net, const char *line)
{
    char device[32], parent[16], protocol[8];
    unsigned priority, table = 0, item = 0;
    int fields = sscanf(line,
        "filter del dev %31s parent %15s protocol %7s prio %u handle %x::%x u32", device, parent,
        protocol, &priority, &table, &item);
    bool found = false;
    list_for_each_safe(node, following, &net->filters) {
        struct net_filter *filter = list_entry(node, struct net_filter, node);
        if (!str_equal(filter->device, device) || !str_equal(filter->protocol, protocol) ||
            !str_equal(filter->parent, parent) || filter->priority != priority ||
            (fields == 6 && (filter->table != table || filter->item != item)))
            continue;
        filter_free(filter);
        found = true;
    }
    return fields >= 4 && found;
}

static bool tc_line(struct sim_net *net, const char *line)
{
    if (str_starts(line, "filter add"))
        return filter_add(net, line);
    return str_starts(line, "filter del") ? filter_delete(net, line) : qdisc_line(net, line);
}

/* The ports as the kernel keeps them, and where packets go, as tc prints it. */
static void filter_print(struct strbuf *text, const struct net_filter *filter)
{
    static const char mirred[] = "mirred egress ";
    const char *sport = strstr(filter->text, "sport ");
    const char *dport = strstr(filter->text, "dport ");
    const char *flow = strstr(filter->text, "flowid ");
    unsigned port = 0, mask = 0;
    strbuf_addf(text,
        "filter protocol %s pref %u u32 chain 0 fh %x::%x order 2048 key ht %x bkt 0 %s\n",
        filter->protocol, filter->priority, filter->table, filter->item, filter->table,
        flow ? flow : "terminal");
    if (sport && sscanf(sport, "sport %u %x", &port, &mask) == 2)
        strbuf_addf(text, "  match %08x/%08x at 20\n", port << 16, mask << 16);
    if (dport && sscanf(dport, "dport %u %x", &port, &mask) == 2)
        strbuf_addf(text, "  match %08x/%08x at 20\n", port, mask);
    for (const char *at = strstr(filter->text, mirred); at; at = strstr(at + 1, mirred)) {
        char way[16], device[32];
        if (sscanf(at, "mirred egress %15s dev %31s", way, device) == 2)
            strbuf_addf(text, "\taction order 1: mirred (Egress %s to device %s) stolen\n",
                str_equal(way, "redirect") ? "Redirect" : "Mirror", device);
    }
}

static void filters_print(
    struct strbuf *text, const struct sim_net *net, const char *device, const char *parent)
{
    for (struct list *node = net->filters.next; node != &net->filters; node = node->next) {
        const struct net_filter *filter = list_entry(node, struct net_filter, node);
        if (str_equal(filter->device, device) && str_equal(filter->parent, parent))
            filter_print(text, filter);
    }
}

/* --- what tc prints of qdiscs --- */

/* "parent 1: classid 1:1 htb rate 2000bps [ceil 3000bps] [burst 10]", bytes a second; printed as
 * bits. */
static void class_print(struct strbuf *text, const char *class)
{
    unsigned long long rate = 0, ceil = 0, burst = 1600;
    const char *at = strstr(class, " rate ");
    if (!at || sscanf(at, " rate %llubps ceil %llubps burst %llu", &rate, &ceil, &burst) < 1)
        return;
    strbuf_addf(text,
        "class htb 1:1 root leaf 8001: prio 0 rate %llubit ceil %llubit burst %llub cburst 1600b\n",
        rate * 8, (ceil ? ceil : rate) * 8, burst);
}

/* Of a limit, after three packets, one of which had to wait. */
static void qdiscs_print(struct strbuf *text)
{
    static const char *const kinds[] = {"htb", "fq_codel"};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        strbuf_addf(text,
            "%s{\"kind\":\"%s\",\"handle\":\"1:\",\"bytes\":4200,\"packets\":3,\"drops\":0,"
            "\"overlimits\":%d,\"requeues\":0,\"backlog\":0,\"qlen\":0}",
            i ? "," : "[", kinds[i], i == 0);
    strbuf_add(text, "]");
}

/* `tc … class show …`, `tc -s -j qdisc show …`: of the limit that these have; false: neither. */
static bool limit_print(
    struct strbuf *text, char *const *qdiscs, const char *device, char *const *argv)
{
    const char *class = qdisc_find(qdiscs, device, " htb rate ");
    if (strv_contains(argv, "class") && class)
        class_print(text, class);
    else if (strv_contains(argv, "qdisc") && class)
        qdiscs_print(text);
    return strv_contains(argv, "class") || strv_contains(argv, "qdisc");
}

/* --- programs --- */

static void play_batch(struct sim_net *net, const struct run_request *request,
    bool (*play)(struct sim_net *, const char *), struct sim_program_result *result)
{
    _cleanup_strv_ char **lines = strv_split(request->input ? request->input : "", "\n");
    for (size_t i = 0; lines && lines[i] && result->status == 0; i++) {
        if (play(net, lines[i]))
            continue;
        free(net->output);
        net->output = str_printf("Command failed -:%zu: %s", i + 1, lines[i]);
        result->status = EXIT_1;
        result->errors = net->output;
    }
    show(net);
}

static void play_ip(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_net *net = arg;
    result->duration_ns = TOOL_NS;
    if (str_equal(request->argv[1], "-batch"))
        play_batch(net, request, ip_line, result);
    else
        result->output =
            "[{\"addr_info\":[{\"family\":\"inet\",\"local\":\"10.0.2.15\",\"prefixlen\":24}]}]";
}

static void play_tc(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_net *net = arg;
    const bool filters = strv_contains(request->argv, "filter");
    const size_t last = strv_length(request->argv) - 1;
    const char *parent = request->argv[last];
    const char *device = request->argv[filters && last > 2 ? last - 2 : last];
    struct strbuf text = STRBUF_INIT;
    result->duration_ns = TOOL_NS;
    if (str_equal(request->argv[1], "-batch")) {
        play_batch(net, request, tc_line, result);
        return;
    }
    if (!link_exists(net, device)) {
        result->status = EXIT_1;
        result->errors = "Cannot find device";
        return;
    }
    if (filters)
        filters_print(&text, net, device, parent);
    limit_print(&text, net->qdiscs, device, request->argv);
    free(net->output);
    net->output = strbuf_take(&text);
    result->output = net->output;
}

/* "filter add dev lo …", said in the container. */
static bool inner_filter(struct sim_net *net, long pid, const char *line)
{
    static const char add[] = "filter add dev ";
    const bool adds = str_starts(line, add);
    _cleanup_free_ char *whole =
        str_printf("%.*s%ld:%s", (int)strlen(add), line, pid, line + strlen(add));
    return adds ? filter_add(net, whole) : filter_delete(net, whole);
}

/* Of the lines of tc in a container its filters, and what makes its limit and unmakes it. */
static bool inner_play(struct sim_net *net, long pid, const char *lines)
{
    static const char mark[] = "add dev eth0 parent 1: ";
    bool good = true;
    _cleanup_strv_ char **all = strv_split(lines, "\n");
    _cleanup_free_ char *device = str_printf("%ld:eth0", pid);
    for (size_t i = 0; all && all[i]; i++) {
        const char *class = str_starts(all[i], "class ") ? strstr(all[i], mark) : NULL;
        if (str_starts(all[i], "filter "))
            good = inner_filter(net, pid, all[i]) && good;
        if (str_starts(all[i], "qdisc del dev eth0 root"))
            root_delete(&net->inner, device);
        if (class)
            strv_add_owned(&net->inner,
                str_printf("%s parent 1: %s", device, class + strlen(mark)));
    }
    return good;
}

/* `ss -i` of a connection that is there and one that only listens, whose time is not known. */
static const char sockets[] =
    "ESTAB 0 0 10.0.2.15:30016 10.0.2.2:80 cubic rto:204 rtt:0.25/0.125 mss:1448\n"
    "ESTAB 0 0 10.0.2.15:30017 10.0.2.2:80 cubic rto:204 rtt:1.5/0.75 mss:1448\n"
    "LISTEN 0 8 0.0.0.0:31001 0.0.0.0:* cubic rto:1000\n";

static void play_inside(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static const char option[] = "--net=/proc/";
    struct sim_net *net = arg;
    long pid = str_starts(request->argv[1], option)
                   ? strtol(request->argv[1] + sizeof(option) - 1, NULL, 10)
                   : 0;
    struct strbuf text = STRBUF_INIT;
    _cleanup_free_ char *device = str_printf("%ld:eth0", pid);
    result->duration_ns = TOOL_NS;
    if (!process_find(net->world->kernel, (pid_t)pid)) {
        result->status = EXIT_1;
        result->errors = "nsenter: cannot open the namespace";
        return;
    }
    if (str_equal(request->argv[2], "ss")) {
        result->output = sockets;
        return;
    }
    if (strv_contains(request->argv, "filter")) {
        _cleanup_free_ char *of = str_printf("%ld:%s", pid, request->argv[6]);
        filters_print(&text, net, of, "ffff:");
    } else if (!limit_print(&text, net->inner, device, request->argv)) {
        const char *batch = request->input ? request->input : "";
        file_put(net, SIM_NET, "inside", batch);
        if (!inner_play(net, pid, batch)) {
            result->status = EXIT_1;
            result->errors = "Command failed -:1";
        }
    }
    free(net->output);
    net->output = strbuf_take(&text);
    result->output = net->output;
}

static void host_script(struct sim_net *net, const char *script)
{
    static const char flows[] = "|| tc qdisc add dev eth0 ";
    const char *added = strstr(script, flows);
    for (const char *const *device = (const char *const[]){"eth0", "lo", NULL}; *device; device++) {
        if (!qdisc_find(net->qdiscs, *device, " ingress"))
            strv_add_owned(&net->qdiscs, str_printf("%s ingress", *device));
    }
    if (added && !qdisc_find(net->qdiscs, "eth0", " fq_codel")) {
        added += strlen(flows);
        strv_add_owned(
            &net->qdiscs, str_printf("eth0 %.*s", (int)strcspn(added, "\n"), added));
    }
    show(net);
}

static void link_script(
    struct sim_net *net, const char *script, struct sim_program_result *result)
{
    const char *line = strstr(script, "link add ");
    if (ip_line(net, line))
        return;
    result->status = EXIT_1;
    result->errors = "RTNETLINK answers: File exists";
}

/* The host's own script, that of a link, and those of containers. */
static void play_sh(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static const char parent[] = "PPID=";
    struct sim_net *net = arg;
    const char *script = request->argv[strv_length(request->argv) - 1];
    result->duration_ns = TOOL_NS;
    if (strstr(script, "link add ")) {
        link_script(net, script, result);
    } else if (!strstr(script, "ip_local_port_range")) {
        host_script(net, script);
    } else {
        file_put(net, SIM_NET, "script", script);
        if (request->variables)
            inner_play(net, strtol(request->variables[0] + strlen(parent), NULL, 10), script);
    }
}

void sim_net_install(struct host *host)
{
    static const char *const files[] = {"tc", "ip", "ethtool", "nsenter", "ss"};
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    struct sim_net *net = mem_alloc(sizeof(*net));
    net->world = world;
    list_init(&net->filters);
    sim_net_free(world->net);
    world->net = net;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        file_put(net, "/usr/sbin", files[i], "");
    link_make(net, "eth0");
    link_make(net, "lo");
    file_put(net, "/proc/net", "route",
        "Iface\tDestination\tGateway\neth0\t00000000\t0202000A\neth0\t0002000A\t00000000\n");
    file_put(net, "/proc/sys/net/ipv4", "ip_local_port_range", "32768\t60999\n");
    file_put(net, "/proc/sys/net/core", "somaxconn", "4096\n");
    sim_host_program(host, "ip", play_ip, net);
    sim_host_program(host, "tc", play_tc, net);
    sim_host_program(host, "nsenter", play_inside, net);
    sim_host_program(host, "sh", play_sh, net);
}
