/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/port_mapping: containers in network namespaces of their own that share the host's IP and
 * MAC; tc filters steer packets by port (isolators.md 12.1 to 12.7). `ip` and `tc` do what the
 * kernel is to do, in batches; the container's own end is set up by its init, with a script.
 */
#include "reference/isolators/network/port_mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/network/port_mapping_calls.h"

struct port_mapper *port_mapping_of(struct isolator *isolator)
{
    return container_of(isolator, struct port_mapper, base);
}

/* --- records --- */

struct port_container *port_container_add(struct port_mapper *mapper, const char *id)
{
    struct port_container *container = mem_alloc(sizeof(*container));

    container->id = str_dup(id);
    strmap_set(mapper->containers, id, container);
    return container;
}

void port_container_free(struct port_container *container)
{
    ranges_release(&container->ports);
    port_rates_release(&container->rates);
    free(container->id);
    free(container);
}

static int block_allocate(
    struct port_mapper *mapper, struct port_container *container, struct err *err)
{
    _cleanup_free_ struct resource_range *items =
        mem_alloc((strmap_count(mapper->containers) + 1) * sizeof(*items));
    struct ranges taken = {.items = items};
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(mapper->containers, &cursor, &id, &value)) {
        const struct port_container *other = value;

        if (other != container && other->block.begin > 0)
            items[taken.count++] = other->block;
    }
    if (port_block_allocate(&mapper->pool, mapper->block_size, &taken, &container->block))
        return 0;
    container->block = (struct resource_range){0};
    return err_set(err, -ENOSPC, "no block of %" PRId64 " ephemeral ports is free",
        mapper->block_size);
}

static int ports_read(struct port_mapper *mapper, const struct resources *resources,
    struct ranges *ret_ports, struct err *err)
{
    ranges_of_resources(resources, "ports", ret_ports);
    if (port_ranges_within(ret_ports, &mapper->managed))
        return 0;
    return err_set(err, -EINVAL, "ports: some are not among the ports of the agent");
}

/* --- prepare --- */

static void mapping_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    struct port_container *container;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r;

    if (strmap_get(mapper->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    container = port_container_add(mapper, id);
    r = ports_read(mapper, &config->resources, &container->ports, &err);
    if (r == 0)
        r = block_allocate(mapper, container, &err);
    if (r < 0) {
        port_container_free(strmap_remove(mapper->containers, id));
        done_fail(done, r, &err);
        return;
    }
    for (size_t i = 0; i < config->resources.count; i++) {
        if (str_equal(config->resources.items[i].name, "ephemeral_ports"))
            log_warning("container %s: its ephemeral_ports are ignored", id);
    }
    container->egress = port_rate_of(&mapper->egress, &config->resources);
    container->ingress = port_rate_of(&mapper->ingress, &config->resources);
    launch_add_clone(&info, NS_NET);
    launch_add_clone(&info, NS_MNT);
    _cleanup_free_ char *script = port_container_script(mapper, container);
    launch_add_pre_exec(&info, (const char *const[]){"sh", "-e", "-c", script, NULL});
    launch_done(done, &info);
}

/* --- isolate: links, filters, up --- */

static void isolated(struct port_call *call, const char *output)
{
    (void)output;
    port_rates_collect(call->mapper);
    port_call_end(call, 0, NULL);
}

static void filtered(struct port_call *call, const char *output)
{
    const struct port_container *container = port_call_container(call);
    _cleanup_free_ char *batch =
        str_printf("link set dev " PORT_MAPPING_VETH "%d up\n", (int)container->pid);

    (void)output;
    port_call_batch(call, "ip", batch, isolated);
}

static void linked(struct port_call *call, const char *output)
{
    struct port_mapper *mapper = call->mapper;
    const struct port_container *container = port_call_container(call);
    _cleanup_free_ char *veth =
        str_printf(PORT_MAPPING_VETH "%d", (int)container->pid);
    struct ranges own = {0};
    struct strbuf batch = STRBUF_INIT;

    (void)output;
    port_ranges_own(container, &own);
    strbuf_addf(&batch, "qdisc add dev %s ingress\n", veth);
    for (size_t i = 0; i < own.count; i++)
        port_filters_add(&batch, mapper, container, &own.items[i]);
    port_veth_rules(&batch, mapper, container);
    call->updates_mirrors = mapper->mirrors;
    port_mirrors_set(&batch, mapper, 0);
    port_flows_classify(&batch, mapper);
    port_limit_set(&batch, veth, &container->ingress, false);
    port_call_batch(call, "tc", strbuf_text(&batch), filtered);
    strbuf_release(&batch);
    ranges_release(&own);
}

static int handle_make(struct host *host, const char *id, pid_t pid, struct err *err)
{
    _cleanup_free_ char *handle = str_printf(PORT_MAPPING_HANDLES "/%d", (int)pid);
    _cleanup_free_ char *link = str_printf(PORT_MAPPING_LINKS "/%s", id);
    _cleanup_free_ char *source = str_printf("/proc/%d/ns/net", (int)pid);
    const struct mount_entry mount = {.target = handle, .source = source, .flags = MS_BIND};
    int r = host_mkdir(host, PORT_MAPPING_HANDLES, 0755, true, err);

    if (r == 0)
        r = host_mkdir(host, PORT_MAPPING_LINKS, 0755, true, err);
    if (r == 0)
        r = host_file_write(host, handle, "", 0, 0444, err);
    if (r == 0)
        r = host_mount(host, &mount, err);
    return r < 0 ? r : host_symlink(host, handle, link, err);
}

static void mapping_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    struct port_container *container = strmap_get(mapper->containers, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (!container || container->unmanaged || container->pid > 0) {
        done_error(done, -EINVAL, "container %s is unknown, unmanaged, or isolated already", id);
        return;
    }
    container->pid = pid;
    r = port_flow_take(mapper, container, &err);
    if (r == 0)
        r = handle_make(isolator->host, id, pid, &err);
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    _cleanup_free_ char *script = port_link_script(mapper, pid);
    const char *const argv[] = {"sh", "-e", "-c", script, NULL};
    port_call_run(
        port_call_new(mapper, id, done), (char *const *)(uintptr_t)argv, NULL, linked);
}

/* --- update: what the veth has, then what the host and the inside shall have --- */

static bool same_rate(const struct port_rate *a, const struct port_rate *b)
{
    return a->rate == b->rate && a->ceil == b->ceil && a->burst == b->burst;
}

static bool same_ranges(const struct ranges *a, const struct ranges *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = port_range_same(&a->items[i], &b->items[i]);
    return same;
}

/* The helper inside: how it ends is told, and changes nothing (isolators.md 12.5). */
static void inner_updated(struct port_call *call, const char *output)
{
    if (!output) {
        log_warning("container %s: its own filters could not be updated", call->id);
        port_metric_count(call->mapper, PORT_METRIC_INSIDE);
    }
    port_call_end(call, 0, NULL);
}

/* Nobody waits for an update before a container is destroyed. */
static bool update_is_late(struct port_call *call)
{
    _cleanup_err_ struct err err = ERR_INIT;

    if (port_call_container(call))
        return false;
    err_set(&err, -ENOENT, "container %s was destroyed meanwhile", call->id);
    port_call_end(call, err.code, &err);
    return true;
}

static void inner_update(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;
    const struct port_container *container = port_call_container(call);
    struct ranges own = {0};
    struct strbuf batch = STRBUF_INIT;

    if (update_is_late(call))
        return;
    if (call->ports_changed) {
        port_ranges_own(container, &own);
        for (size_t i = 0; i < own.count; i++) {
            if (!port_call_has(call, mapper->lo, &own.items[i]))
                port_inner_rules(&batch, mapper, &own.items[i]);
        }
        port_call_delete(&batch, call, &own);
    }
    if (call->egress_changed)
        port_limit_set(&batch, mapper->eth0, &container->egress, call->had_egress);
    const char *const argv[] = {"tc", "-batch", "-", NULL};
    call->lenient = true;
    port_call_enter(call, argv, strbuf_text(&batch), inner_updated);
    strbuf_release(&batch);
    ranges_release(&own);
}

static void host_updated(struct port_call *call, const char *output)
{
    (void)output;
    if (call->ports_changed)
        port_call_find_inside(call, inner_update);
    else if (call->egress_changed)
        inner_update(call);
    else
        port_call_end(call, 0, NULL);
}

/* What there is and shall not be goes last, so that nothing is refused meanwhile. */
static void host_update(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;
    const struct port_container *container = port_call_container(call);
    struct ranges own = {0};
    struct strbuf batch = STRBUF_INIT;

    if (update_is_late(call))
        return;
    _cleanup_free_ char *veth = str_printf(PORT_MAPPING_VETH "%d", (int)container->pid);
    if (call->ports_changed) {
        port_ranges_own(container, &own);
        for (size_t i = 0; i < own.count; i++) {
            if (!port_call_has(call, veth, &own.items[i]))
                port_filters_add(&batch, mapper, container, &own.items[i]);
        }
        port_call_delete(&batch, call, &own);
    }
    if (call->ingress_changed)
        port_limit_set(&batch, veth, &container->ingress, call->had_ingress);
    port_call_batch(call, "tc", strbuf_text(&batch), host_updated);
    strbuf_release(&batch);
    ranges_release(&own);
}

static void mapping_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    struct port_container *container = strmap_get(mapper->containers, id);
    const struct port_rate egress = port_rate_of(&mapper->egress, requests);
    const struct port_rate ingress = port_rate_of(&mapper->ingress, requests);
    struct ranges ports = {0};
    struct port_call *call;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    (void)limits;
    if (!container || container->unmanaged) {
        done_ok(done, NULL);
        return;
    }
    if (container->pid == 0)
        r = err_set(&err, -EINVAL, "container %s has not been isolated", id);
    if (r == 0)
        r = ports_read(mapper, requests, &ports, &err);
    if (r < 0) {
        ranges_release(&ports);
        done_fail(done, r, &err);
        return;
    }
    call = port_call_new(mapper, id, done);
    call->pid = container->pid;
    call->ports_changed = !same_ranges(&ports, &container->ports);
    call->egress_changed = !same_rate(&egress, &container->egress);
    call->had_egress = container->egress.rate > 0;
    call->had_ingress = container->ingress.rate > 0;
    call->ingress_changed = !same_rate(&ingress, &container->ingress) &&
                            (call->had_ingress || mapper->ingress_existing);
    ranges_release(&container->ports);
    container->ports = ports;
    container->egress = egress;
    if (call->ingress_changed)
        container->ingress = ingress;
    if (call->ports_changed)
        port_call_find(call, container->pid, host_update);
    else
        host_update(call);
}

/* --- birth and end --- */

static void mapping_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    struct port_container *container = strmap_remove(mapper->containers, id);
    const bool is_there = container && container->pid > 0 && !container->unmanaged;

    if (is_there)
        port_detach(mapper, id, container->pid, done);
    if (container)
        port_container_free(container);
    if (!is_there)
        done_ok(done, NULL);
}

static void mapping_free(struct isolator *isolator)
{
    struct port_mapper *mapper = port_mapping_of(isolator);
    size_t cursor = 0;
    const char *id;
    void *container;

    port_calls_end(mapper);
    host_cancel(mapper->rate_timer);
    while (strmap_next(mapper->containers, &cursor, &id, &container))
        port_container_free(container);
    strmap_free(mapper->containers);
    ranges_release(&mapper->managed);
    ranges_release(&mapper->pool);
    strv_free(mapper->sysctls);
    free(mapper->flows.parent);
    free(mapper->eth0);
    free(mapper->lo);
    free(mapper->mac);
    free(mapper->gateway);
    free(mapper->address);
    free(mapper);
}

static const struct isolator_ops mapping_ops = {
    .recover = port_mapping_recover,
    .prepare = mapping_prepare,
    .isolate = mapping_isolate,
    .update = mapping_update,
    .usage = port_mapping_usage,
    .cleanup = mapping_cleanup,
    .metrics = port_mapping_metrics,
    .free = mapping_free,
};

int isolator_port_mapping_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct port_mapper *mapper = mem_alloc(sizeof(*mapper));
    int r;

    mapper->base = (struct isolator){
        .ops = &mapping_ops, .name = "network/port_mapping", .host = context->host};
    mapper->containers = strmap_new();
    list_init(&mapper->calls);
    list_init(&mapper->waiting);
    r = port_mapping_settings(mapper, context->flags, err);
    if (r < 0) {
        mapping_free(&mapper->base);
        return r;
    }
    *ret_isolator = &mapper->base;
    return 0;
}
