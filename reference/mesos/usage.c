/* SPDX-License-Identifier: Apache-2.0 */
/* usage: the isolators' statistics, merged, with time and limits (containerizer.md 1.5). */
#include "reference/mesos/container.h"

#include <errno.h>
#include <math.h>

#include "reference/statistics_source.h"

#define BYTES_PER_MB (UINT64_C(1) << 20)

static void cpu_limits(const struct mesos *mesos, const struct resources *requests,
    const struct resource_limits *limits, struct statistics *into)
{
    double cpus = 0;
    bool requested = requests && resources_scalar(requests, "cpus", RESOURCES_ALL, &cpus);
    if (requested)
        into->cpus_soft_limit = (struct opt_double)OPT(cpus);
    if (limits && limits->cpus.set)
        into->cpus_limit = (struct opt_double)OPT(
            isinf(limits->cpus.value) ? (double)mesos->host->facts.cpus : limits->cpus.value);
    else if (requested && mesos->flags.cgroups_enable_cfs)
        into->cpus_limit = (struct opt_double)OPT(cpus);
}

static void memory_limits(const struct mesos *mesos, const struct resources *requests,
    const struct resource_limits *limits, struct statistics *into)
{
    double mb = 0;
    bool requested = requests && resources_scalar(requests, "mem", RESOURCES_ALL, &mb);
    uint64_t request_bytes = (uint64_t)(mb * (double)BYTES_PER_MB);
    if (requested)
        into->mem_soft_limit_bytes = (struct opt_u64)OPT(request_bytes);
    if (limits && limits->mem.set && isinf(limits->mem.value))
        into->mem_limit_bytes = (struct opt_u64)OPT(mesos->host->facts.memory_bytes);
    else if (limits && limits->mem.set)
        into->mem_limit_bytes =
            (struct opt_u64)OPT((uint64_t)limits->mem.value * BYTES_PER_MB);
    else if (requested)
        into->mem_limit_bytes = (struct opt_u64)OPT(request_bytes);
}

/* The time is that of the last answer, whatever isolators say of their own. */
static void usage_finished(struct gather *gather)
{
    struct mesos *mesos = gather->mesos;
    struct statistics *statistics = gather->merged;
    if (!mesos_alive(mesos)) {
        operation_refuse(gather->done, -ESHUTDOWN, "usage", gather->id, "agent gone");
        gather_free(gather);
        return;
    }
    const struct container *container = container_find(mesos, gather->id);
    statistics_source_usage(mesos->host->statistics, gather->id, statistics);
    statistics->timestamp = host_wall_time(mesos->host);
    if (container) {
        cpu_limits(mesos, container_requests(container), container_limits(container), statistics);
        memory_limits(
            mesos, container_requests(container), container_limits(container), statistics);
    }
    done_ok(gather->done, statistics);
    gather_free(gather);
}

void mesos_usage(struct containerizer *containerizer, const char *id, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    const struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "usage", id, "agent gone");
        return;
    }
    if (!container) {
        operation_refuse(done, -ENOENT, "usage", id, "unknown container");
        return;
    }
    struct gather *gather =
        gather_new(mesos, id, done, &statistics_json, mesos->isolators.count);
    gather->finished = usage_finished;
    mesos_hold(mesos);
    for (size_t i = 0; i < mesos->isolators.count; i++) {
        struct isolator *isolator = mesos->isolators.items[i];
        if (container_uses(container, isolator))
            isolator_usage(isolator, id, gather_done(gather, isolator->name));
    }
    gather_end(gather);
    mesos_resume(mesos);
}
