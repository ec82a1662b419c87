/* SPDX-License-Identifier: Apache-2.0 */
/* Usage of a container (docker.md 10, statistics.md 4). */
#include <errno.h>
#include <math.h>

#include "reference/cgroups/cgroup_fs.h"
#include "reference/docker/docker_container.h"
#include "reference/operation.h"

/* What the agent has added to the resources of a command task for its executor. */
#define EXECUTOR_CPUS 0.1
#define EXECUTOR_MEM_MB 32.0
#define BYTES_PER_MB (UINT64_C(1) << 20)

/* The hierarchy and the path in it of the container's process. */
static int find(const struct docker_container *container, const char *controller,
    struct cgroup_fs **ret_fs, char **ret_path, struct err *err)
{
    struct host *host = container->docker->host;
    struct cgroup_hierarchy *hierarchy =
        host->cgroups ? cgroup_hierarchy_find(host->cgroups, controller) : NULL;
    if (!hierarchy || hierarchy->v2)
        return err_set(err, -ENODEV, "no v1 hierarchy with the %s controller", controller);
    int r = docker_cgroup_of(host, container->pid, controller, ret_path, err);
    if (r < 0)
        return r;
    if (!*ret_path || !**ret_path)
        return err_set(err, -ENOENT, "process %d is %s of %s", (int)container->pid,
            *ret_path ? "in the root cgroup" : "in no cgroup", controller);
    *ret_fs = hierarchy->fs;
    return 0;
}

static int read_cpuacct(
    const struct docker_container *container, struct statistics *into, struct err *err)
{
    double ticks = (double)container->docker->host->facts.clock_ticks;
    _cleanup_free_ char *path = NULL;
    struct cgroup_fs *fs = NULL;
    uint64_t user = 0;
    uint64_t system = 0;
    int r = find(container, "cpuacct", &fs, &path, err);
    if (r == 0)
        r = cgroup_read_key(fs, path, "cpuacct.stat", "user", &user, err);
    if (r == 0)
        r = cgroup_read_key(fs, path, "cpuacct.stat", "system", &system, err);
    if (r < 0)
        return r;
    into->cpus_user_time_secs = (struct opt_double)OPT((double)user / ticks);
    into->cpus_system_time_secs = (struct opt_double)OPT((double)system / ticks);
    return 0;
}

static int read_memory(
    const struct docker_container *container, struct statistics *into, struct err *err)
{
    _cleanup_free_ char *path = NULL;
    struct cgroup_fs *fs = NULL;
    uint64_t rss = 0;
    int r = find(container, "memory", &fs, &path, err);
    if (r == 0)
        r = cgroup_read_key(fs, path, "memory.stat", "rss", &rss, err);
    if (r == 0)
        into->mem_rss_bytes = (struct opt_u64)OPT(rss);
    return r;
}

/* Each key that is missing leaves its field out. */
static int read_throttling(
    const struct docker_container *container, struct statistics *into, struct err *err)
{
    _cleanup_free_ char *path = NULL;
    struct cgroup_fs *fs = NULL;
    uint64_t number = 0;
    if (!container->docker->options.enable_cfs)
        return 0;
    int r = find(container, "cpu", &fs, &path, err);
    if (r < 0)
        return r;
    if (cgroup_read_key(fs, path, "cpu.stat", "nr_periods", &number, NULL) == 0)
        into->cpus_nr_periods = (struct opt_u64)OPT(number);
    if (cgroup_read_key(fs, path, "cpu.stat", "nr_throttled", &number, NULL) == 0)
        into->cpus_nr_throttled = (struct opt_u64)OPT(number);
    if (cgroup_read_key(fs, path, "cpu.stat", "throttled_time", &number, NULL) == 0)
        into->cpus_throttled_time_secs = (struct opt_double)OPT((double)number / NS_PER_SEC);
    return 0;
}

/* Without what the agent has added for the executor of a command task. */
static double own(const struct docker_container *container, double amount, double overhead)
{
    if (!container->command_task || isinf(amount))
        return amount;
    return amount > overhead ? amount - overhead : 0;
}

static void cpu_limits(const struct docker_container *container, struct statistics *into)
{
    const struct docker_containerizer *docker = container->docker;
    const struct opt_double *limit = &container->limits.cpus;
    double cpus = 0;
    bool requested = resources_scalar(&container->requests, "cpus", RESOURCES_ALL, &cpus);
    cpus = own(container, cpus, EXECUTOR_CPUS);
    if (requested)
        into->cpus_soft_limit = (struct opt_double)OPT(cpus);
    if (limit->set)
        into->cpus_limit = (struct opt_double)OPT(isinf(limit->value)
                ? (double)docker->host->facts.cpus
                : own(container, limit->value, EXECUTOR_CPUS));
    else if (requested && docker->options.enable_cfs)
        into->cpus_limit = (struct opt_double)OPT(cpus);
}

static void memory_limits(const struct docker_container *container, struct statistics *into)
{
    const struct opt_double *limit = &container->limits.mem;
    double mem = 0;
    bool requested = resources_scalar(&container->requests, "mem", RESOURCES_ALL, &mem);
    uint64_t bytes = (uint64_t)(own(container, mem, EXECUTOR_MEM_MB) * (double)BYTES_PER_MB);
    if (!limit->set) { /* and no soft limit, other than with the Mesos containerizer */
        if (requested)
            into->mem_limit_bytes = (struct opt_u64)OPT(bytes);
        return;
    }
    into->mem_limit_bytes = (struct opt_u64)OPT(isinf(limit->value)
            ? container->docker->host->facts.memory_bytes
            : (uint64_t)(own(container, limit->value, EXECUTOR_MEM_MB) * (double)BYTES_PER_MB));
    if (requested)
        into->mem_soft_limit_bytes = (struct opt_u64)OPT(bytes);
}

static void answer(const struct docker_container *container, struct done done)
{
    struct statistics statistics = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = read_cpuacct(container, &statistics, &err);
    if (r == 0)
        r = read_memory(container, &statistics, &err);
    if (r == 0)
        r = read_throttling(container, &statistics, &err);
    if (r < 0) {
        operation_fail(done, r, &err, "usage", container->id);
        return;
    }
    statistics.timestamp = host_wall_time(container->docker->host);
    cpu_limits(container, &statistics);
    memory_limits(container, &statistics);
    done_ok(done, &statistics);
}

static void usage_inspected(struct docker_query *query, int result, const struct err *err)
{
    struct docker_container *container = query->container;
    struct done done = query->done;
    docker_query_free(query);
    if (result < 0)
        operation_fail(done, result, err, "usage", container->id);
    else if (container->phase == CONTAINER_DESTROYING)
        operation_refuse(done, -ENOENT, "usage", container->id, "container is being destroyed");
    else if (container->pid == 0)
        operation_refuse(done, -ESRCH, "usage", container->id, "container is not running");
    else
        answer(container, done);
}

void docker_usage(struct containerizer *base, const char *id, struct done done)
{
    static const struct docker_patience once = {0};
    struct docker_container *container = docker_find(docker_of(base), id);
    if (!container)
        operation_refuse(done, -ENOENT, "usage", id, "unknown container");
    else if (container->phase == CONTAINER_DESTROYING)
        operation_refuse(done, -ENOENT, "usage", id, "container is being destroyed");
    else if (container->pid > 0)
        answer(container, done);
    else
        docker_query_start(container, done, true, &once, usage_inspected);
}
