/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/ports: looks now and then at what containers listen to, and limits those that listen to a
 * port they were not given (isolators.md 12). It takes the sockets of the processes in a
 * container's freezer cgroup, so it needs v1 and the linux launcher; containers on networks of
 * their own are left alone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/listeners.h"
#include "reference/isolators/ranges.h"
#include "reference/model/container_id.h"

#define DEFAULT_AGENT_PORTS "[31000-32000]" /* of a slave without the resource */

struct network_ports {
    struct isolator base;
    struct cgroup_fs *freezer;
    char *cgroups_root;
    uint64_t interval_ns;
    bool enforce;
    bool bounded; /* only the ports of `looked_at` matter */
    struct ranges looked_at;
    struct strmap *containers; /* id -> struct ports_container * */
    struct host_request *timer;
};

struct ports_container {
    char *id;
    bool foreign; /* on a network of its own, or below one that is: not looked at */
    bool allocated_known; /* not after a recovery, until an update tells */
    struct ranges allocated;
    char *last_seen; /* what was logged, so that it is logged once */
    bool watched;
    struct done watch;
};

static void timer_arm(struct network_ports *ports);

static struct ports_container *container_add(struct network_ports *ports, const char *id)
{
    struct ports_container *container = mem_alloc(sizeof(*container));

    container->id = str_dup(id);
    strmap_set(ports->containers, id, container);
    timer_arm(ports);
    return container;
}

static void container_free(struct ports_container *container)
{
    if (container->watched)
        done_fail(container->watch, -ECANCELED, NULL);
    ranges_release(&container->allocated);
    free(container->last_seen);
    free(container->id);
    free(container);
}

/* --- looking --- */

static char *ports_text(const int64_t *numbers, size_t count)
{
    struct strbuf text = STRBUF_INIT;

    for (size_t i = 0; i < count; i++)
        strbuf_addf(&text, "%s%lld", i ? ", " : "", (long long)numbers[i]);
    return strbuf_take(&text);
}

static void limit_reached(struct ports_container *root, const int64_t *numbers, size_t count,
    const char *text)
{
    struct limitation limitation = {0};

    limitation.message =
        str_printf("Container is listening on ports that were not allocated to it: %s", text);
    limitation.reason = str_dup("REASON_CONTAINER_LIMITATION");
    ranges_to_resource(numbers, count, "ports", &limitation.resources);
    root->watched = false;
    done_ok(root->watch, &limitation);
    json_type_release(&limitation_json, &limitation);
}

static size_t ports_unallocated(const struct network_ports *ports,
    const struct ports_container *root, int64_t *numbers, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const bool matters = !ports->bounded || ranges_contain(&ports->looked_at, numbers[i]);

        if (matters && !ranges_contain(&root->allocated, numbers[i]))
            numbers[kept++] = numbers[i];
    }
    return kept;
}

static void container_check(struct network_ports *ports, const struct listeners *listeners,
    struct ports_container *container)
{
    _cleanup_free_ char *root_id = container_id_root(container->id);
    _cleanup_free_ char *cgroup = launcher_cgroup(ports->cgroups_root, container->id);
    struct ports_container *root = strmap_get(ports->containers, root_id);
    _cleanup_free_ int64_t *numbers = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    size_t count = 0;

    if (container->foreign || !root || !root->allocated_known)
        return;
    if (cgroup_read_pids(ports->freezer, cgroup, "cgroup.procs", &pids, &count, &err) < 0)
        return; /* it is on its way out */
    count = listeners_of(ports->base.host, listeners, pids, count, &numbers);
    count = ports_unallocated(ports, root, numbers, count);
    text = ports_text(numbers, count);
    if (count > 0 && ports->enforce && root->watched)
        limit_reached(root, numbers, count, text);
    else if (count > 0 && !str_equal(text, container->last_seen))
        log_warning("container %s listens on ports not allocated to it: %s", container->id, text);
    str_set(&container->last_seen, text);
}

static void timer_due(void *arg, int result)
{
    struct network_ports *ports = arg;
    struct listeners listeners = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    size_t cursor = 0;
    const char *id;
    void *container;

    ports->timer = NULL;
    if (result < 0)
        return;
    if (listeners_read(ports->base.host, &listeners, &err) < 0)
        log_warning("network/ports: %s", err_text(&err));
    while (strmap_next(ports->containers, &cursor, &id, &container))
        container_check(ports, &listeners, container);
    listeners_release(&listeners);
    timer_arm(ports);
}

static void timer_arm(struct network_ports *ports)
{
    if (!ports->timer && strmap_count(ports->containers) > 0)
        ports->timer = host_timer(ports->base.host, ports->interval_ns, timer_due, ports);
}

/* --- the calls --- */

static bool has_named_network(const struct container_info *info)
{
    for (size_t i = 0; info && i < info->network_infos_count; i++) {
        if (info->network_infos[i].name)
            return true;
    }
    return false;
}

static bool is_foreign(
    struct network_ports *ports, const char *id, const struct container_config *config)
{
    _cleanup_free_ char *root_id = container_id_root(id);
    const struct ports_container *root = strmap_get(ports->containers, root_id);

    return (config && has_named_network(config->container_info)) || (root && root->foreign);
}

static void ports_set(struct ports_container *container, const struct resources *resources)
{
    ranges_of_resources(resources, "ports", &container->allocated);
    container->allocated_known = true;
}

static void ports_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);
    const bool nested = container_id_is_nested(id);
    struct ports_container *container;

    if (strmap_get(ports->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    if (nested && config->resources.count > 0) {
        done_error(done, -EINVAL,
            "network/ports: a nested container must not have resources of its own");
        return;
    }
    container = container_add(ports, id);
    container->foreign = is_foreign(ports, id, config);
    if (!nested)
        ports_set(container, &config->resources);
    done_ok(done, NULL);
}

/* What was allocated is told by the next update; until then nothing is checked. */
static void ports_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);

    (void)orphans; /* they end without a watch */
    for (size_t i = 0; i < count; i++) {
        const char *id = states[i].id;

        container_add(ports, id)->foreign = is_foreign(ports, id, states[i].config);
    }
    done_ok(done, NULL);
}

static void ports_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);
    struct ports_container *container = strmap_get(ports->containers, id);

    if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    container->watch = done;
    container->watched = true;
}

static void ports_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);
    struct ports_container *container = strmap_get(ports->containers, id);

    (void)limits;
    if (container)
        ports_set(container, requests);
    done_ok(done, NULL);
}

static void ports_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);
    struct ports_container *container = strmap_remove(ports->containers, id);

    if (container)
        container_free(container);
    if (strmap_count(ports->containers) == 0) {
        host_cancel(ports->timer);
        ports->timer = NULL;
    }
    done_ok(done, NULL);
}

static void ports_free(struct isolator *isolator)
{
    struct network_ports *ports = container_of(isolator, struct network_ports, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    host_cancel(ports->timer);
    while (strmap_next(ports->containers, &cursor, &id, &container))
        container_free(container);
    strmap_free(ports->containers);
    ranges_release(&ports->looked_at);
    free(ports->cgroups_root);
    free(ports);
}

static const struct isolator_ops ports_ops = {
    .recover = ports_recover,
    .prepare = ports_prepare,
    .watch = ports_watch,
    .update = ports_update,
    .cleanup = ports_cleanup,
    .free = ports_free,
};

/* The agent's own ports: those of its resources, where none at all means the default. */
static int agent_ports(const struct flags *flags, struct ranges *ret_ranges, struct err *err)
{
    struct resources resources = {0};
    bool given = false;
    int r = flags->resources ? resources_parse_text(flags->resources, &resources, err) : 0;

    for (size_t i = 0; i < resources.count; i++)
        given = given || str_equal(resources.items[i].name, "ports");
    if (r == 0 && given)
        ranges_of_resources(&resources, "ports", ret_ranges);
    else if (r == 0)
        r = ranges_parse(DEFAULT_AGENT_PORTS, ret_ranges, err);
    resources_release(&resources);
    return r;
}

static int bounds_read(struct network_ports *ports, const struct flags *flags, struct err *err)
{
    const char *isolated = flags_other(flags, "container_ports_isolated_range");
    const bool agent_only = flags_other_bool(flags, "check_agent_port_range_only");

    if (isolated && agent_only)
        return err_set(err, -EINVAL,
            "--check_agent_port_range_only and --container_ports_isolated_range exclude each "
            "other");
    ports->bounded = isolated || agent_only;
    return isolated     ? ranges_parse(isolated, &ports->looked_at, err)
           : agent_only ? agent_ports(flags, &ports->looked_at, err)
                        : 0;
}

int isolator_network_ports_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const struct flags *flags = context->flags;
    struct cgroup_hierarchy *freezer =
        context->host->cgroups ? cgroup_hierarchy_find(context->host->cgroups, "freezer") : NULL;
    struct network_ports *ports;
    int r;

    if (!freezer || freezer->v2)
        return err_set(err, -ENOTSUP, "network/ports needs the freezer of cgroups v1");
    ports = mem_alloc(sizeof(*ports));
    ports->base =
        (struct isolator){.ops = &ports_ops, .name = "network/ports", .host = context->host};
    ports->freezer = freezer->fs;
    ports->cgroups_root = str_dup(flags->cgroups_root);
    ports->enforce = flags_other_bool(flags, "enforce_container_ports");
    ports->containers = strmap_new();
    r = duration_parse(
        flags_other(flags, "container_ports_watch_interval"), &ports->interval_ns, err);
    if (r == 0)
        r = bounds_read(ports, flags, err);
    if (r < 0) {
        ports_free(&ports->base);
        return r;
    }
    *ret_isolator = &ports->base;
    return 0;
}
