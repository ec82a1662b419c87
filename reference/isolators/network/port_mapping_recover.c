/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What network/port_mapping finds after a restart (isolators.md 12.6): the host's address, and from
 * the filters of each veth the ports of its container.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/network/port_mapping_calls.h"

struct port_recovery {
    char **ids; /* with a veth each */
    pid_t *pids;
    size_t count;
    size_t next;
    struct port_rate expected[2]; /* of the next one by flags and resources: egress, ingress */
    char **orphans;
    struct u64map *names;         /* pid -> the id whose symbolic link leads there; owned */
    char **links;                 /* names of all links, for those of nobody */
    size_t next_link;
    struct port_call *detaching;
};

void port_recovery_free(struct port_recovery *recovery)
{
    size_t cursor = 0;
    uint64_t pid;
    void *id;

    if (!recovery)
        return;
    if (recovery->detaching)
        recovery->detaching->done = DONE_NONE; /* whom it would tell is gone */
    while (recovery->names && u64map_next(recovery->names, &cursor, &pid, &id))
        free(id);
    u64map_free(recovery->names);
    strv_free(recovery->ids);
    strv_free(recovery->links);
    strv_free(recovery->orphans);
    free(recovery->pids);
    free(recovery);
}

static void recovery_add(struct port_recovery *recovery, const char *id, pid_t pid)
{
    strv_add(&recovery->ids, id);
    recovery->pids =
        mem_realloc(recovery->pids, (recovery->count + 1) * sizeof(*recovery->pids));
    recovery->pids[recovery->count++] = pid;
}

static bool veth_exists(struct host *host, pid_t pid)
{
    _cleanup_free_ char *path = str_printf("/sys/class/net/" PORT_MAPPING_VETH "%d", (int)pid);

    return pid > 0 && host_file_exists(host, path);
}

/* --- each container's filters --- */

static void recover_next(struct port_call *call);

static void range_add(struct ranges *ranges, const struct resource_range *range)
{
    struct ranges all = {0};

    port_ranges_union(ranges, range, &all);
    ranges_release(ranges);
    *ranges = all;
}

/* A range is of the agent's ports, or a part of the one block. */
static int range_take(struct port_mapper *mapper, struct port_container *container,
    const struct resource_range *range, struct err *err)
{
    const struct ranges one = {.items = (struct resource_range *)(uintptr_t)range, .count = 1};
    const int64_t begin = range->begin / mapper->block_size * mapper->block_size;
    const struct resource_range block = {begin, begin + mapper->block_size - 1};

    if (port_ranges_within(&one, &mapper->managed)) {
        range_add(&container->ports, range);
        return 0;
    }
    if (!port_ranges_within(&one, &mapper->pool) || range->end > block.end ||
        (container->block.begin && container->block.begin != block.begin))
        return err_set(err, -EBADMSG,
            "container %s: its filter for the ports %" PRId64 "-%" PRId64
            " is of no ports that it can have",
            container->id, range->begin, range->end);
    container->block = block;
    return 0;
}

/* Of the classifiers of its ports; those of one container have one. */
static int flow_take(
    struct port_container *container, const struct port_filter *filter, struct err *err)
{
    if (container->flow && container->flow != filter->flow)
        return err_set(err, -EBADMSG, "container %s: its ports are of the flows %u and %u",
            container->id, container->flow, filter->flow);
    container->flow = filter->flow;
    return 0;
}

/* tc prints rates rounded: within that it is the one that we would have set. */
static void rate_take(
    const char *output, const struct port_rate *expected, struct port_rate *ret_rate)
{
    struct port_rate found = {0};

    if (output && port_limit_parse(output, &found) &&
        llabs((long long)(found.rate - expected->rate)) <= (long long)(expected->rate / 500) &&
        !found.ceil == !expected->ceil)
        found = *expected;
    *ret_rate = found;
}

static void ingress_found(struct port_call *call, const char *output)
{
    rate_take(output, &call->recovery->expected[1], &port_call_container(call)->ingress);
    recover_next(call);
}

static void egress_found(struct port_call *call, const char *output)
{
    _cleanup_free_ char *veth = str_printf(PORT_MAPPING_VETH "%d", (int)call->pid);
    const char *const argv[] = {"tc", "class", "show", "dev", veth, NULL};

    rate_take(output, &call->recovery->expected[0], &port_call_container(call)->egress);
    call->lenient = true;
    port_call_run(call, (char *const *)(uintptr_t)argv, NULL, ingress_found);
}

/* What limits it has is what its qdiscs say, whatever the flags are now. */
static void rates_find(struct port_call *call)
{
    const char *const argv[] = {"tc", "class", "show", "dev", call->mapper->eth0, NULL};

    call->lenient = true;
    port_call_enter(call, argv, NULL, egress_found);
}

static void container_found(struct port_call *call)
{
    struct port_container *container = port_call_container(call);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < call->found_count; i++) {
        const struct port_filter *filter = &call->found[i].filter;

        if (filter->flow)
            r = flow_take(container, filter, &err);
        else if (str_starts(call->found[i].device, PORT_MAPPING_VETH) && filter->has_source &&
                 filter->priority % 256 == 3)
            r = range_take(call->mapper, container, &filter->ports, &err);
    }
    if (r < 0)
        port_call_end(call, r, &err);
    else
        rates_find(call);
}

/* --- those of nobody --- */

/* Handles of containers that never got a link, or whose link is gone. */
static void handles_clean(struct host *host)
{
    _cleanup_strv_ char **names = NULL;

    if (host_list(host, PORT_MAPPING_HANDLES, &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        char *end;
        const long pid = strtol(names[i], &end, 10);

        if (pid <= 0 || *end || veth_exists(host, (pid_t)pid))
            continue; /* a foreign name, or in use */
        (void)port_handle_remove(host, names[i]);
    }
}

static void link_drop(struct host *host, const char *id)
{
    _cleanup_free_ char *link = str_printf(PORT_MAPPING_LINKS "/%s", id);

    if (host_file_remove(host, link, NULL) < 0)
        log_warning("network/port_mapping: %s is left", link);
}

/* The symbolic links tell which container a pid is of. Those that lead nowhere go, and so do two
 * that lead to one: nobody knows whose it is. */
static void names_read(struct host *host, struct port_recovery *recovery)
{
    _cleanup_strv_ char **names = NULL;

    recovery->names = u64map_new();
    if (host_list(host, PORT_MAPPING_LINKS, &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *link = str_printf(PORT_MAPPING_LINKS "/%s", names[i]);
        _cleanup_free_ char *handle = NULL;
        const char *slash = host_real_path(host, link, &handle, NULL) == 0
                                ? strrchr(handle, '/') : NULL;
        const uint64_t pid = slash ? strtoull(slash + 1, NULL, 10) : 0;
        _cleanup_free_ char *other = pid ? u64map_get(recovery->names, pid) : NULL;

        if (other) {
            link_drop(host, other);
            u64map_remove(recovery->names, pid);
        }
        if (other || !veth_exists(host, (pid_t)pid))
            link_drop(host, names[i]);
        else
            u64map_set(recovery->names, pid, str_dup(names[i]));
    }
}

static bool pid_known(const struct port_mapper *mapper, pid_t pid)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(mapper->containers, &cursor, &id, &value)) {
        if (((const struct port_container *)value)->pid == pid)
            return true;
    }
    return false;
}

static void links_next(struct port_call *call);

static void unknown_gone(void *arg, int result, const void *value, const struct err *err)
{
    struct port_call *call = arg;

    (void)value;
    call->recovery->detaching = NULL;
    if (result < 0)
        port_call_end(call, result, err);
    else
        links_next(call);
}

/* Orphans are left to be destroyed as usual, others are cleaned here. */
static void links_next(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;
    struct port_recovery *recovery = call->recovery;

    while (recovery->links && recovery->links[recovery->next_link]) {
        const char *name = recovery->links[recovery->next_link++];
        const char *digits = name + strlen(PORT_MAPPING_VETH);
        char *end;
        const pid_t pid = str_starts(name, PORT_MAPPING_VETH) ? (pid_t)strtol(digits, &end, 10) : 0;
        const char *id = pid > 0 && !*end ? u64map_get(recovery->names, (uint64_t)pid) : NULL;

        if (pid <= 0 || *end || pid_known(mapper, pid))
            continue;
        if (id && strv_contains(recovery->orphans, id)) {
            port_container_add(mapper, id)->pid = pid;
            continue;
        }
        recovery->detaching = port_detach(mapper, id ? id : "", pid, DONE(unknown_gone, call));
        return;
    }
    handles_clean(mapper->base.host);
    port_rates_collect(mapper);
    port_call_end(call, 0, NULL);
}

static void recover_next(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;
    struct port_recovery *recovery = call->recovery;
    const struct port_container *container;

    if (recovery->next == recovery->count) {
        names_read(mapper->base.host, recovery);
        (void)host_list(mapper->base.host, "/sys/class/net", &recovery->links, NULL);
        links_next(call);
        return;
    }
    str_set(&call->id, recovery->ids[recovery->next]);
    container = port_call_container(call);
    recovery->expected[0] = container->egress;
    recovery->expected[1] = container->ingress;
    port_call_find(call, recovery->pids[recovery->next++], container_found);
}

/* --- the host --- */

static void host_changed(struct port_call *call, const char *output)
{
    (void)output;
    recover_next(call);
}

/* [{"addr_info": [{"family": "inet", "local": "10.0.0.2", "prefixlen": 24, …}]}] */
static void address_known(struct port_call *call, const char *output)
{
    struct port_mapper *mapper = call->mapper;
    json_t *devices = json_loads(output, 0, NULL);
    const json_t *first = json_array_get(
        json_object_get(json_array_get(devices, 0), "addr_info"), 0);
    const char *local = json_string_value(json_object_get(first, "local"));
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *script = NULL;

    if (local) {
        str_set(&mapper->address, local);
        mapper->prefix = (unsigned)json_integer_value(json_object_get(first, "prefixlen"));
    }
    json_decref(devices);
    if (!mapper->address) {
        err_set(&err, -EADDRNOTAVAIL, "%s has no IPv4 address", mapper->eth0);
        port_call_end(call, err.code, &err);
        return;
    }
    script = port_host_script(mapper);
    const char *const argv[] = {"sh", "-e", "-c", script, NULL};
    port_call_run(call, (char *const *)(uintptr_t)argv, NULL, host_changed);
}

void port_mapping_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    struct port_call *call = port_call_new(mapper, "", done);
    const char *const argv[] = {
        "ip", "-4", "-json", "addr", "show", "dev", mapper->eth0, NULL};

    call->recovery = mem_alloc(sizeof(*call->recovery));
    call->recovery->orphans = strv_copy(orphans);
    for (size_t i = 0; i < count; i++) {
        struct port_container *container = port_container_add(mapper, states[i].id);

        container->unmanaged = !veth_exists(isolator->host, states[i].pid);
        if (container->unmanaged)
            continue;
        container->pid = states[i].pid;
        if (states[i].config) {
            container->egress = port_rate_of(&mapper->egress, &states[i].config->resources);
            container->ingress = port_rate_of(&mapper->ingress, &states[i].config->resources);
        }
        recovery_add(call->recovery, states[i].id, states[i].pid);
    }
    port_call_run(call, (char *const *)(uintptr_t)argv, NULL, address_known);
}
