/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of a container (docker.md 9), and the inspections that they and usages wait for. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "reference/base/sometimes.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/docker/docker_container.h"
#include "reference/operation.h"

#define UPDATE_ATTEMPT_NS (5 * NS_PER_SEC)

/* --- queries --- */

void docker_query_free(struct docker_query *query)
{
    list_remove(&query->node);
    host_cancel(query->inspect);
    free(query);
}

static void query_answered(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_query *query = arg;
    const struct docker_inspection *inspection = value;
    query->inspect = NULL;
    if (result == -ESHUTDOWN)
        return; /* answered when the instance ends */
    if (result == 0 && inspection->pid.set)
        query->container->pid = (pid_t)inspection->pid.value;
    query->inspected(query, result, err);
}

void docker_query_start(struct docker_container *container, struct done done, bool usage,
    const struct docker_patience *patience,
    void (*inspected)(struct docker_query *query, int result, const struct err *err))
{
    struct docker_query *query = mem_alloc(sizeof(*query));
    query->container = container;
    query->done = done;
    query->usage = usage;
    query->inspected = inspected;
    list_append(&container->queries, &query->node);
    query->inspect = docker_inspect_patiently(
        container->docker->docker, container->name, patience, DONE(query_answered, query));
}

void docker_queries_end(struct docker_container *container)
{
    while (!list_empty(&container->queries)) {
        struct docker_query *query =
            list_entry(container->queries.next, struct docker_query, node);
        struct done done = query->done;
        bool usage = query->usage;
        docker_query_free(query);
        if (container->docker->closing)
            operation_refuse(
                done, -ESHUTDOWN, usage ? "usage" : "update", container->id, "agent gone");
        else if (usage)
            operation_refuse(done, -ENOENT, "usage", container->id, "container was destroyed");
        else
            done_ok(done, NULL);
    }
}

/* --- what is written, v1 only --- */

static int write_cpu(
    const struct docker_container *container, struct cgroup_fs *fs, struct err *err)
{
    double cpus = 0;
    bool requested = resources_scalar(&container->requests, "cpus", RESOURCES_ALL, &cpus);
    const struct opt_double *limit = &container->limits.cpus;
    const char *path = container->cpu_cgroup;
    int r = 0;
    if (requested)
        r = cgroup_write_u64(fs, path, "cpu.shares", docker_cpu_shares(cpus), err);
    if (r < 0 || (!limit->set && (!requested || !container->docker->options.enable_cfs)))
        return r;
    double quota = limit->set ? limit->value : cpus;
    r = cgroup_write_u64(fs, path, "cpu.cfs_period_us", DOCKER_CPU_PERIOD_US, err);
    if (r < 0)
        return r;
    return isinf(quota)
        ? cgroup_write(fs, path, "cpu.cfs_quota_us", "-1", err)
        : cgroup_write_u64(fs, path, "cpu.cfs_quota_us", docker_cpu_quota_us(quota), err);
}

/*
 * `docker run --memory` has limited memory and swap together, to twice as much, and the kernel lets
 * no limit of memory rise above that (EINVAL): it rises first, to what docker would have made it.
 * Not in docker.md 9, by which such an update would fail. wanted UINT64_MAX: no limit.
 */
static int raise_swap(
    struct cgroup_fs *fs, const char *path, uint64_t wanted_bytes, struct err *err)
{
    static const char file[] = "memory.memsw.limit_in_bytes";
    uint64_t current = 0;
    if (cgroup_read_u64(fs, path, file, &current, NULL) < 0 || current >= wanted_bytes)
        return 0; /* swap is not counted here, or is no obstacle */
    return wanted_bytes == UINT64_MAX ? cgroup_write(fs, path, file, "-1", err)
                                      : cgroup_write_u64(fs, path, file, 2 * wanted_bytes, err);
}

/* The hard limit only grows: a lower one would kill what already uses more. */
static int write_memory(
    const struct docker_container *container, struct cgroup_fs *fs, struct err *err)
{
    double mem = 0;
    bool requested = resources_scalar(&container->requests, "mem", RESOURCES_ALL, &mem);
    const struct opt_double *limit = &container->limits.mem;
    const char *path = container->memory_cgroup;
    int r = 0;
    if (requested)
        r = cgroup_write_u64(
            fs, path, "memory.soft_limit_in_bytes", docker_memory_bytes(mem), err);
    if (r < 0 || (!limit->set && !requested))
        return r;
    if (limit->set && isinf(limit->value)) {
        r = raise_swap(fs, path, UINT64_MAX, err);
        return r < 0 ? r : cgroup_write(fs, path, "memory.limit_in_bytes", "-1", err);
    }
    uint64_t wanted = docker_memory_bytes(limit->set ? limit->value : mem);
    uint64_t current = 0;
    r = cgroup_read_u64(fs, path, "memory.limit_in_bytes", &current, err);
    if (r < 0 || wanted <= current)
        return r;
    r = raise_swap(fs, path, wanted, err);
    return r < 0 ? r : cgroup_write_u64(fs, path, "memory.limit_in_bytes", wanted, err);
}

/* The file system of a v1 controller; NULL: there is none. */
static struct cgroup_fs *hierarchy(const struct docker_container *container, const char *name)
{
    struct host *host = container->docker->host;
    struct cgroup_hierarchy *found =
        host->cgroups ? cgroup_hierarchy_find(host->cgroups, name) : NULL;
    return found && !found->v2 ? found->fs : NULL;
}

/*
 * The container's cgroup for that controller, looked up once. A zombie is shown in the root cgroup,
 * which is never to be changed (MESOS-8480); one that is absent is skipped as well.
 */
static int find_cgroup(struct docker_container *container, const char *controller, char **cached,
    struct err *err)
{
    if (*cached || !hierarchy(container, controller))
        return 0;
    _cleanup_free_ char *path = NULL;
    int r = docker_cgroup_of(container->docker->host, container->pid, controller, &path, err);
    if (r < 0)
        return r;
    if (path && !*path)
        sometimes("docker: process in the root cgroup");
    if (path && *path)
        *cached = TAKE_PTR(path);
    return 0;
}

static int apply(struct docker_container *container, struct err *err)
{
    int r = find_cgroup(container, "cpu", &container->cpu_cgroup, err);
    if (r == 0)
        r = find_cgroup(container, "memory", &container->memory_cgroup, err);
    if (r == 0 && container->cpu_cgroup)
        r = write_cpu(container, hierarchy(container, "cpu"), err);
    if (r == 0 && container->memory_cgroup)
        r = write_memory(container, hierarchy(container, "memory"), err);
    return r;
}

/* --- the operation --- */

static void update_inspected(struct docker_query *query, int result, const struct err *err)
{
    struct docker_container *container = query->container;
    struct done done = query->done;
    _cleanup_err_ struct err failure = ERR_INIT;
    docker_query_free(query);
    err_copy(&failure, err);
    if (result == 0 && container->pid > 0 && container->phase != CONTAINER_DESTROYING)
        result = apply(container, &failure);
    if (result < 0)
        operation_fail(done, result, &failure, "update", container->id);
    else
        done_ok(done, NULL);
}

static bool same_resources(const struct resources *a, const struct resources *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        _cleanup_free_ char *left = json_type_encode_text(&resource_json, &a->items[i]);
        _cleanup_free_ char *right = json_type_encode_text(&resource_json, &b->items[i]);
        same = str_equal(left, right);
    }
    return same;
}

static bool same_limit(const struct opt_double *a, const struct opt_double *b)
{
    return a->set == b->set && (!a->set || !(a->value < b->value || a->value > b->value));
}

static bool names_cpus_or_mem(const struct docker_container *container)
{
    double amount = 0;
    return container->limits.cpus.set || container->limits.mem.set ||
           resources_scalar(&container->requests, "cpus", RESOURCES_ALL, &amount) ||
           resources_scalar(&container->requests, "mem", RESOURCES_ALL, &amount);
}

void docker_container_update(struct docker_container *container, const struct resources *requests,
    const struct resource_limits *limits, bool forced, struct done done)
{
    static const struct resource_limits no_limits = {0};
    if (!limits)
        limits = &no_limits;
    bool same = same_resources(requests, &container->requests) &&
                same_limit(&limits->cpus, &container->limits.cpus) &&
                same_limit(&limits->mem, &container->limits.mem);
    if (!same) {
        resources_copy(&container->requests, requests);
        container->limits = *limits;
    }
    /* docker run has given a command task its limits already */
    if (container->command_task || (same && !forced) || !names_cpus_or_mem(container)) {
        done_ok(done, NULL);
        return;
    }
    if (!container->cpu_cgroup || !container->memory_cgroup) {
        static const struct docker_patience patience = {.attempt_ns = UPDATE_ATTEMPT_NS};
        docker_query_start(container, done, false, &patience, update_inspected);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    int r = apply(container, &err);
    if (r < 0)
        operation_fail(done, r, &err, "update", container->id);
    else
        done_ok(done, NULL);
}

void docker_update(struct containerizer *base, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done)
{
    struct docker_container *container = docker_find(docker_of(base), id);
    if (!container || container->phase == CONTAINER_DESTROYING)
        done_ok(done, NULL);
    else
        docker_container_update(container, requests, limits, false, done);
}
