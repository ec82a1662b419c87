/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/cpu: weight and bandwidth from the requests and limits (isolators.md 3.6), CPU times and
 * throttling (statistics.md 2.1). On v1 the times come from cpuacct, a subsystem of its own.
 */
#include <errno.h>
#include <math.h>

#include "reference/isolators/cgroups/subsystem.h"

#define PERIOD_US 100000.0
#define QUOTA_LEAST_US 1000.0 /* 1 ms */

/* What one CPU is worth: weights are computed from CPUs directly, there is no shares-to-weight
 * formula. */
struct cpu_scale {
    double per_cpu;
    double per_revocable_cpu;
    uint64_t least;
    uint64_t most; /* what the kernel takes; only with cgroups_cpu_weight_clamp */
};
static const struct cpu_scale scale_v1 = {1024, 10, 2, 262144};
static const struct cpu_scale scale_v2 = {100, 1, 1, 10000};

static int requested(const struct resources *requests, double *ret_cpus, struct err *err)
{
    if (!resources_scalar(requests, "cpus", RESOURCES_ALL, ret_cpus))
        return err_set(err, -EINVAL, "no cpus resource given");
    return 0;
}

static uint64_t weight_of(const struct cgroup_subsystem *subsystem, const struct cpu_scale *scale,
    const struct resources *requests, double cpus)
{
    double revocable = 0;
    const bool low = subsystem->object->flags.revocable_cpu_low_priority &&
                     resources_scalar(requests, "cpus", RESOURCES_REVOCABLE, &revocable);
    const uint64_t weight = (uint64_t)((low ? scale->per_revocable_cpu : scale->per_cpu) * cpus);

    if (weight > scale->most &&
        flags_other_bool(&subsystem->object->flags, "cgroups_cpu_weight_clamp"))
        return scale->most;
    return weight > scale->least ? weight : scale->least;
}

static uint64_t quota_us(double cpus)
{
    const double quota = trunc(PERIOD_US * cpus);

    return (uint64_t)(quota > QUOTA_LEAST_US ? quota : QUOTA_LEAST_US);
}

static int cpu_v1_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    if (subsystem->object->flags.cgroups_enable_cfs &&
        !cgroup_file_exists(subsystem->fs, "", "cpu.cfs_quota_us"))
        return err_set(err, -ENOTSUP, "cgroups_enable_cfs: the kernel has no cpu.cfs_quota_us");
    return 0;
}

static int cpu_v1_update(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const struct resources *requests, const struct resource_limits *limits, struct err *err)
{
    const char *path = container->path;
    double cpus = 0, bandwidth;
    int r = requested(requests, &cpus, err);

    if (r == 0)
        r = cgroup_write_u64(subsystem->fs, path, "cpu.shares",
            weight_of(subsystem, &scale_v1, requests, cpus), err);
    if (r < 0 || (!limits->cpus.set && !subsystem->object->flags.cgroups_enable_cfs))
        return r;
    bandwidth = limits->cpus.set ? limits->cpus.value : cpus;
    r = cgroup_write_u64(subsystem->fs, path, "cpu.cfs_period_us", (uint64_t)PERIOD_US, err);
    if (r < 0)
        return r;
    if (isinf(bandwidth))
        return cgroup_write(subsystem->fs, path, "cpu.cfs_quota_us", "-1", err);
    return cgroup_write_u64(subsystem->fs, path, "cpu.cfs_quota_us", quota_us(bandwidth), err);
}

/* A key that the kernel does not print leaves its field absent. */
static int read_optional(struct cgroup_subsystem *subsystem, const char *path, const char *file,
    const char *key, uint64_t *ret_value, bool *ret_set, struct err *err)
{
    int r = cgroup_read_key(subsystem->fs, path, file, key, ret_value, err);

    *ret_set = r == 0;
    if (r == -ENODATA) {
        err_clear(err);
        r = 0;
    }
    return r;
}

static int throttling_usage(struct cgroup_subsystem *subsystem, const char *path,
    const char *time_key, double per_second, struct statistics *into, struct err *err)
{
    uint64_t time = 0;
    bool set = false;
    int r = read_optional(subsystem, path, "cpu.stat", "nr_periods", &into->cpus_nr_periods.value,
        &into->cpus_nr_periods.set, err);

    if (r == 0)
        r = read_optional(subsystem, path, "cpu.stat", "nr_throttled",
            &into->cpus_nr_throttled.value, &into->cpus_nr_throttled.set, err);
    if (r == 0)
        r = read_optional(subsystem, path, "cpu.stat", time_key, &time, &set, err);
    if (set)
        into->cpus_throttled_time_secs = (struct opt_double)OPT((double)time / per_second);
    return r;
}

static int cpu_v1_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    if (!subsystem->object->flags.cgroups_enable_cfs)
        return 0;
    return throttling_usage(subsystem, container->path, "throttled_time", 1e9, into, err);
}

/* Both or neither of the two times. */
static int times_usage(struct cgroup_subsystem *subsystem, const char *path, const char *file,
    const char *const keys[2], double per_second, struct statistics *into, struct err *err)
{
    uint64_t user = 0, system = 0;
    bool has_user = false, has_system = false;
    int r = read_optional(subsystem, path, file, keys[0], &user, &has_user, err);

    if (r == 0)
        r = read_optional(subsystem, path, file, keys[1], &system, &has_system, err);
    if (r < 0 || !has_user || !has_system)
        return r;
    into->cpus_user_time_secs = (struct opt_double)OPT((double)user / per_second);
    into->cpus_system_time_secs = (struct opt_double)OPT((double)system / per_second);
    return 0;
}

static int count_distinct(struct cgroup_fs *fs, const char *path, const char *file,
    struct opt_u64 *ret_count, struct err *err)
{
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0, distinct = 0;
    int r = cgroup_read_pids(fs, path, file, &pids, &count, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || pids[i] != pids[i - 1]; /* the front sorts */
    *ret_count = (struct opt_u64)OPT(distinct);
    return 0;
}

static int counts_usage(struct cgroup_subsystem *subsystem, const char *path, const char *threads,
    struct statistics *into, struct err *err)
{
    int r;

    if (!subsystem->object->flags.cgroups_cpu_enable_pids_and_tids_count)
        return 0;
    r = count_distinct(subsystem->fs, path, "cgroup.procs", &into->processes, err);
    return r < 0 ? r : count_distinct(subsystem->fs, path, threads, &into->threads, err);
}

static int cpuacct_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    static const char *const keys[2] = {"user", "system"};
    int r = times_usage(subsystem, container->path, "cpuacct.stat", keys,
        subsystem->object->base.host->facts.clock_ticks, into, err);

    return r < 0 ? r : counts_usage(subsystem, container->path, "tasks", into, err);
}

static int cpu_v2_update(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const struct resources *requests, const struct resource_limits *limits, struct err *err)
{
    const char *path = container->path;
    _cleanup_free_ char *bandwidth = NULL;
    double cpus = 0, limit;
    int r = requested(requests, &cpus, err);

    if (r == 0)
        r = cgroup_write_u64(subsystem->fs, path, "cpu.weight",
            weight_of(subsystem, &scale_v2, requests, cpus), err);
    if (r < 0)
        return r;
    limit = limits->cpus.set                              ? limits->cpus.value
            : subsystem->object->flags.cgroups_enable_cfs ? cpus
                                                          : INFINITY;
    if (isinf(limit))
        return cgroup_write(subsystem->fs, path, "cpu.max", "max", err);
    bandwidth = str_printf("%llu %d", (unsigned long long)quota_us(limit), (int)PERIOD_US);
    return cgroup_write(subsystem->fs, path, "cpu.max", bandwidth, err);
}

static int cpu_v2_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    static const char *const keys[2] = {"user_usec", "system_usec"};
    int r = times_usage(subsystem, container->path, "cpu.stat", keys, 1e6, into, err);

    return r < 0 ? r
                 : throttling_usage(subsystem, container->path, "throttled_usec", 1e6, into, err);
}

/* core: always active on v2; processes and threads of the leaf only. */
static int core_v2_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    _cleanup_free_ char *leaf =
        launcher_cgroup_leaf(subsystem->object->flags.cgroups_root, container->id);

    return counts_usage(subsystem, leaf, "cgroup.threads", into, err);
}

const struct cgroup_subsystem_ops cgroup_cpu_v1_ops = {
    .name = "cpu",
    .controller_v1 = "cpu",
    .create = cpu_v1_create,
    .update = cpu_v1_update,
    .usage = cpu_v1_usage,
};
const struct cgroup_subsystem_ops cgroup_cpuacct_ops = {
    .name = "cpuacct",
    .controller_v1 = "cpuacct",
    .usage = cpuacct_usage,
};
const struct cgroup_subsystem_ops cgroup_cpu_v2_ops = {
    .name = "cpu",
    .controller_v2 = "cpu",
    .update = cpu_v2_update,
    .usage = cpu_v2_usage,
};
const struct cgroup_subsystem_ops cgroup_core_v2_ops = {
    .name = "core",
    .controller_v2 = "",
    .usage = core_v2_usage,
};
