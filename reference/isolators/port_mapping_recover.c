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
#include "reference/isolators/port_mapping_calls.h"

struct port_recovery {
    char **ids; /* with a veth each */
    pid_t *pids;
    size_t count;
    size_t next;
    char **orphans;
};

void port_recovery_free(struct port_recovery *recovery)
{
    if (!recovery)
        return;
    strv_free(recovery->ids);
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

static void container_found(struct port_call *call)
{
    struct port_container *container = port_call_container(call);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    call->mapper->mirrors = call->mapper->mirrors || call->found_count > 0;
    for (size_t i = 0; r == 0 && i < call->found_count; i++) {
        const struct port_filter *filter = &call->found[i].filter;

        if (str_starts(call->found[i].device, PORT_MAPPING_VETH) && filter->has_source &&
            filter->priority % 256 == 3)
            r = range_take(call->mapper, container, &filter->ports, &err);
    }
    if (r < 0)
        port_call_end(call, r, &err);
    else
        recover_next(call);
}

static void unknown_gone(void *arg, int result, const void *value, const struct err *err)
{
    (void)arg, (void)value;
    if (result < 0 && result != -ESHUTDOWN && result != -ECANCELED)
        log_warning("network/port_mapping: an unknown container is left: %s",
            err ? err_text(err) : "");
}

/* Handles of containers that never got a link, or whose link is gone. */
static void handles_clean(struct host *host)
{
    _cleanup_strv_ char **names = NULL;

    if (host_list(host, PORT_MAPPING_HANDLES, &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *handle = str_printf(PORT_MAPPING_HANDLES "/%s", names[i]);
        char *end;
        const long pid = strtol(names[i], &end, 10);

        if (pid <= 0 || *end || veth_exists(host, (pid_t)pid))
            continue; /* a foreign name, or in use */
        if (host_is_mounted(host, handle))
            (void)host_unmount(host, handle, MNT_DETACH, NULL);
        if (host_file_remove(host, handle, NULL) < 0)
            log_warning("network/port_mapping: %s is left", handle);
    }
}

/* The symbolic links tell which container a pid is of. */
static void unknown_clean(struct port_mapper *mapper, char *const *orphans)
{
    struct host *host = mapper->base.host;
    _cleanup_strv_ char **names = NULL;

    if (host_list(host, PORT_MAPPING_LINKS, &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *link = str_printf(PORT_MAPPING_LINKS "/%s", names[i]);
        _cleanup_free_ char *handle = NULL;
        const char *slash;
        pid_t pid;

        if (strmap_get(mapper->containers, names[i]))
            continue;
        if (host_real_path(host, link, &handle, NULL) < 0) {
            (void)host_file_remove(host, link, NULL); /* it leads nowhere */
            continue;
        }
        slash = strrchr(handle, '/');
        pid = slash ? (pid_t)strtol(slash + 1, NULL, 10) : 0;
        if (pid > 0 && strv_contains(orphans, names[i]))
            port_container_add(mapper, names[i])->pid = pid;
        else if (pid > 0)
            port_detach(mapper, names[i], pid, DONE(unknown_gone, mapper));
    }
}

static void recover_next(struct port_call *call)
{
    struct port_recovery *recovery = call->recovery;

    if (recovery->next == recovery->count) {
        unknown_clean(call->mapper, recovery->orphans);
        handles_clean(call->mapper->base.host);
        port_call_end(call, 0, NULL);
        return;
    }
    str_set(&call->id, recovery->ids[recovery->next]);
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
