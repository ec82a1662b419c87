/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of the cgroups isolator share: the names, containers, and calls over
 * subsystems. */
#include <assert.h>
#include <errno.h>

#include "reference/base/log.h"
#include "reference/isolators/cgroups/subsystem.h"

const struct cgroup_subsystem_name cgroup_subsystem_names[] = {
    {"cgroups/cpu", {&cgroup_cpu_v1_ops, &cgroup_cpuacct_ops, NULL}, {&cgroup_cpu_v2_ops, NULL}},
    {"cgroups/mem", {&cgroup_memory_v1_ops, NULL}, {&cgroup_memory_v2_ops, NULL}},
    {"cgroups/pids", {&cgroup_pids_ops, NULL}, {&cgroup_pids_ops, NULL}},
    {"cgroups/cpuset", {&cgroup_cpuset_ops, NULL}, {&cgroup_cpuset_ops, NULL}},
    {"cgroups/hugetlb", {&cgroup_hugetlb_ops, NULL}, {&cgroup_hugetlb_ops, NULL}},
    {"cgroups/net_cls", {&cgroup_net_cls_ops, NULL}, {NULL}},
    {"cgroups/net_prio", {&cgroup_net_prio_ops, NULL}, {NULL}},
    {"cgroups/devices", {&cgroup_devices_v1_ops, NULL}, {&cgroup_devices_v2_ops, NULL}},
    {"cgroups/blkio", {&cgroup_blkio_ops, NULL}, {NULL}},
    {"cgroups/io", {NULL}, {&cgroup_io_ops, NULL}},
    {"cgroups/perf_event", {&cgroup_perf_event_ops, NULL}, {&cgroup_perf_event_ops, NULL}},
    {NULL, {NULL}, {NULL}},
};

/* The hierarchy with the controller. On v1 one that nobody has mounted yet is mounted, unless the
 * controller is only taken because it is there. */
static int hierarchy_find(struct cgroups_object *object, const char *controller, bool optional,
    struct cgroup_hierarchy **ret_hierarchy, struct err *err)
{
    struct host *host = object->base.host;
    _cleanup_free_ char *directory =
        str_printf("%s/%s", object->flags.cgroups_hierarchy, controller);
    int r = 0;

    *ret_hierarchy = cgroup_hierarchy_find(host->cgroups, controller);
    if (*ret_hierarchy || optional)
        return 0;
    if (!object->v2)
        r = host_hierarchy_mount(host, controller, directory, err);
    if (r == 0)
        *ret_hierarchy = cgroup_hierarchy_find(host->cgroups, controller);
    if (*ret_hierarchy)
        return 0;
    if (r < 0)
        return err_wrap(err, r, "no hierarchy with the %s controller is mounted", controller);
    return err_set(err, -ENOTSUP, "no hierarchy with the %s controller is mounted", controller);
}

static int subsystem_add(struct cgroups_object *object, const struct cgroup_subsystem_ops *ops,
    bool optional, struct err *err)
{
    const char *controller = object->v2 ? ops->controller_v2 : ops->controller_v1;
    struct cgroup_hierarchy *hierarchy;
    struct cgroup_subsystem *subsystem;
    int r = hierarchy_find(object, controller, optional, &hierarchy, err);

    assert(object->count < CGROUP_SUBSYSTEMS_MAX);
    if (r < 0)
        return r;
    if (!hierarchy) {
        log_warning("cgroups/all: no %s controller is mounted", controller);
        return 0;
    }
    subsystem = &object->subsystems[object->count];
    *subsystem = (struct cgroup_subsystem){.ops = ops,
        .object = object,
        .hierarchy = hierarchy,
        .fs = hierarchy->fs,
        .index = object->count,
        .v2 = object->v2};
    object->count++;
    return ops->create ? ops->create(subsystem, err) : 0;
}

static int name_add(struct cgroups_object *object, const struct cgroup_subsystem_name *row,
    bool optional, struct err *err)
{
    const struct cgroup_subsystem_ops *const *ops = object->v2 ? row->v2 : row->v1;
    int r = 0;

    if (!*ops && !optional)
        return err_set(
            err, -ENOTSUP, "%s is unknown with cgroups %s", row->name, object->v2 ? "v2" : "v1");
    for (; r == 0 && *ops; ops++)
        r = subsystem_add(object, *ops, optional, err);
    return r;
}

static int subsystems_add(struct cgroups_object *object, struct err *err)
{
    _cleanup_strv_ char **names = strv_split(object->flags.isolation, ",");
    const bool all = strv_contains(names, "cgroups/all");
    const bool alias = strv_contains(names, "cgroups");
    int r = 0;

    if (object->v2)
        r = subsystem_add(object, &cgroup_core_v2_ops, false, err);
    for (const struct cgroup_subsystem_name *row = cgroup_subsystem_names; r == 0 && row->name;
         row++) {
        const bool by_alias =
            alias && (str_equal(row->name, "cgroups/cpu") || str_equal(row->name, "cgroups/mem"));

        if (all || by_alias || strv_contains(names, row->name))
            r = name_add(object, row, all, err);
    }
    if (r == 0 && object->count == 0)
        r = err_set(err, -ENOTSUP, "no cgroup controller can be used");
    return r;
}

int isolator_cgroups_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct cgroups_object *object;
    int r;

    if (!context->host->cgroups || context->host->cgroups->count == 0)
        return err_set(err, -ENOTSUP, "no cgroup hierarchy is mounted");
    object = mem_alloc(sizeof(*object));
    object->v2 = context->host->cgroups->unified;
    object->base = (struct isolator){
        .ops = object->v2 ? &cgroups_v2_isolator_ops : &cgroups_v1_isolator_ops,
        .name = "cgroups",
        .host = context->host,
    };
    object->containers = strmap_new();
    flags_copy(&object->flags, context->flags);
    r = subsystems_add(object, err);
    if (r == 0)
        r = object->v2 ? cgroups_v2_start(object, err) : cgroups_v1_start(object, err);
    if (r < 0) {
        isolator_free(&object->base);
        return r;
    }
    *ret_isolator = &object->base;
    return 0;
}

#define for_each_active(subsystem, container)                                                      \
    for (struct cgroup_subsystem *subsystem = (container)->object->subsystems;                     \
         subsystem < (container)->object->subsystems + (container)->object->count; subsystem++)    \
        if ((container)->active & (1u << subsystem->index))

struct cgroup_container *cgroup_container_new(
    struct cgroups_object *object, const char *id, const struct container_config *config)
{
    struct cgroup_container *container = mem_alloc(sizeof(*container));

    container->object = object;
    container->id = str_dup(id);
    container->path = launcher_cgroup(object->flags.cgroups_root, id);
    container->command_task = config && container_config_is_command_task(config);
    container->nested = container_id_is_nested(id);
    strmap_set(object->containers, id, container);
    return container;
}

void cgroup_container_clean(struct cgroup_container *container)
{
    for_each_active(subsystem, container)
    {
        if (subsystem->ops->cleanup)
            subsystem->ops->cleanup(subsystem, container);
    }
    container->active = 0;
}

void cgroup_container_free(struct cgroup_container *container)
{
    struct cgroups_object *object = container->object;

    cgroup_container_clean(container);
    strmap_remove(object->containers, container->id);
    if (container->watched) {
        container->watched = false;
        done_fail(container->watch, -ECANCELED, NULL);
    }
    if (container->limitation) {
        json_type_release(&limitation_json, container->limitation);
        free(container->limitation);
    }
    free(container->path);
    free(container->id);
    free(container);
}

struct cgroup_container *cgroup_container_find(struct cgroups_object *object, const char *id)
{
    return strmap_get(object->containers, id);
}

struct cgroup_container *cgroup_container_ancestor(struct cgroups_object *object, const char *id)
{
    _cleanup_free_ char *parent = container_id_parent(id);

    while (parent) {
        struct cgroup_container *container = cgroup_container_find(object, parent);
        char *above;

        if (container && !container->shared)
            return container;
        above = container_id_parent(parent);
        free(parent);
        parent = above;
    }
    return NULL;
}

void cgroup_container_limited(
    struct cgroup_container *container, const struct limitation *limitation)
{
    if (container->watched) {
        container->watched = false;
        done_ok(container->watch, limitation);
    } else if (!container->limitation) {
        container->limitation = mem_alloc(sizeof(*container->limitation));
        json_type_copy(&limitation_json, container->limitation, limitation);
    }
}

int cgroup_container_prepare(
    struct cgroup_container *container, const struct container_config *config, struct err *err)
{
    for_each_active(subsystem, container)
    {
        int r = subsystem->ops->prepare ? subsystem->ops->prepare(subsystem, container, err) : 0;

        if (r < 0)
            return err_wrap(err, r, "prepare %s", subsystem->ops->name);
    }
    /* Limits are in force before the process enters. */
    return cgroup_container_update(container, &config->resources, &config->limits, err);
}

int cgroup_container_update(struct cgroup_container *container, const struct resources *requests,
    const struct resource_limits *limits, struct err *err)
{
    for_each_active(subsystem, container)
    {
        int r = subsystem->ops->update
                    ? subsystem->ops->update(subsystem, container, requests, limits, err)
                    : 0;

        if (r < 0)
            return err_wrap(err, r, "update %s", subsystem->ops->name);
    }
    return 0;
}

int cgroups_object_recover_all(struct cgroups_object *object, const struct container_state *states,
    size_t count, struct err *err)
{
    _cleanup_strv_ char **paths = NULL;
    int r = 0;

    for (size_t i = 0; i < count; i++)
        strv_add_owned(&paths, launcher_cgroup(object->flags.cgroups_root, states[i].id));
    for (unsigned i = 0; r == 0 && i < object->count; i++) {
        struct cgroup_subsystem *subsystem = &object->subsystems[i];

        if (subsystem->ops->recover_all)
            r = subsystem->ops->recover_all(subsystem, paths, err);
    }
    return r;
}

static void done_unknown(struct done done, const char *id)
{
    _cleanup_err_ struct err err = ERR_INIT;

    err_set(&err, -ENOENT, "unknown container %s", id);
    done_fail(done, -ENOENT, &err);
}

void cgroups_object_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);

    if (!container && !cgroup_container_ancestor(object, id)) {
        done_unknown(done, id);
        return;
    }
    /* A nested container that shares its ancestor's cgroups on v1 has no limits of its own; the
     * record only holds its watch until cleanup. */
    if (!container) {
        container = cgroup_container_new(object, id, NULL);
        container->shared = true;
    }
    assert(!container->watched);
    container->watch = done;
    container->watched = true;
    if (container->limitation)
        cgroup_container_limited(container, container->limitation);
}

void cgroups_object_exited(struct isolator *isolator, const char *id)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);

    if (!container)
        return;
    for_each_active(subsystem, container)
    {
        if (subsystem->ops->exited)
            subsystem->ops->exited(subsystem, container);
    }
}

void cgroups_object_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (!container) {
        done_unknown(done, id);
        return;
    }
    if (container->shared)
        r = err_set(&err, -ENOTSUP, "container %s shares the cgroups of its parent", id);
    else
        r = cgroup_container_update(container, requests, limits, &err);
    done_result(done, r, &err);
}

void cgroups_object_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);
    struct statistics statistics = {0};

    if (!container || (container->shared && !object->v2)) {
        done_unknown(done, id);
        return;
    }
    for_each_active(subsystem, container)
    {
        _cleanup_err_ struct err err = ERR_INIT;

        /* One controller that can't answer takes nothing from the others (FB-32, FB-33). */
        if (subsystem->ops->usage &&
            subsystem->ops->usage(subsystem, container, &statistics, &err) < 0)
            log_warning("usage of %s: %s: %s", id, subsystem->ops->name, err_text(&err));
    }
    done_ok(done, &statistics);
    json_type_release(&statistics_json, &statistics);
}

void cgroups_object_status(struct isolator *isolator, const char *id, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);
    struct container_status status = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    if (!container || container->shared)
        container = cgroup_container_ancestor(object, id);
    if (!container) {
        done_unknown(done, id);
        return;
    }
    for_each_active(subsystem, container)
    {
        if (r == 0 && subsystem->ops->status)
            r = subsystem->ops->status(subsystem, container, &status, &err);
    }
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, &status);
    json_type_release(&container_status_json, &status);
}

void cgroups_object_free(struct isolator *isolator)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    while (strmap_next(object->containers, &cursor, &id, &container))
        cgroup_container_free(container);
    for (unsigned i = 0; i < object->count; i++) {
        if (object->subsystems[i].ops->free)
            object->subsystems[i].ops->free(&object->subsystems[i]);
    }
    strmap_free(object->containers);
    flags_release(&object->flags);
    free(object);
}

const char *cgroups_object_owner(
    const struct cgroups_object *object, const struct container_config *config)
{
    return object->flags.switch_user ? container_config_user(config) : NULL;
}
