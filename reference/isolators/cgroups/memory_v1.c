/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/mem on v1: limits, OOM and pressure listeners, statistics (isolators.md 3.7,
 * statistics.md 2.2). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/isolators/cgroups/memory.h"

enum pressure_level { PRESSURE_LOW, PRESSURE_MEDIUM, PRESSURE_CRITICAL, PRESSURE_COUNT };
static const char *const pressure_names[PRESSURE_COUNT] = {"low", "medium", "critical"};

struct memory_container;
struct pressure {
    struct memory_container *memory;
    struct cgroup_watch *watch; /* NULL: the listener failed, the counter is omitted */
    uint64_t count;
};
struct memory_container {
    struct cgroup_subsystem *subsystem;
    struct cgroup_container *container;
    bool hard_written; /* the first update after prepare, or recovery, has passed */
    bool told;         /* the limitation was told */
    uint64_t kills;    /* of the OOM killer in this very cgroup, when listening began */
    struct cgroup_watch *oom;
    bool listens; /* for pressure */
    struct pressure pressures[PRESSURE_COUNT];
};

static int memory_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    static const char *const of_v2[] = {"cgroups_memory_high_ratio", "cgroups_memory_min_ratio"};
    uint64_t disabled = 0;

    for (size_t i = 0; i < ARRAY_SIZE(of_v2); i++) {
        if (flags_other(&subsystem->object->flags, of_v2[i]))
            return err_set(err, -ENOTSUP, "%s needs cgroups v2", of_v2[i]);
    }
    int r = cgroup_read_key(
        subsystem->fs, "", "memory.oom_control", "oom_kill_disable", &disabled, err);

    if (r < 0)
        return r;
    if (disabled) {
        r = cgroup_write(subsystem->fs, "", "memory.oom_control", "0", err);
        if (r < 0)
            return r;
    }
    if (subsystem->object->flags.cgroups_limit_swap &&
        !cgroup_file_exists(subsystem->fs, "", "memory.memsw.limit_in_bytes"))
        return err_set(
            err, -ENOTSUP, "cgroups_limit_swap: the kernel has no memory.memsw.limit_in_bytes");
    return 0;
}

static void oom_tell(struct memory_container *memory)
{
    const struct cgroup_container *container = memory->container;
    struct cgroup_fs *fs = memory->subsystem->fs;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *statistics = NULL;
    uint64_t limit = 0, used = 0;

    memory->told = true;
    /* What can't be read any more is told as 0: the limitation itself matters more. */
    (void)cgroup_read_u64(fs, container->path, "memory.limit_in_bytes", &limit, &err);
    (void)cgroup_read_u64(fs, container->path, "memory.max_usage_in_bytes", &used, &err);
    (void)cgroup_read(fs, container->path, "memory.stat", &statistics, &err);
    memory_limited(memory->container, limit, used, statistics ? statistics : "");
}

static void oom_happened(void *arg, int result, uint64_t count)
{
    struct memory_container *memory = arg;

    (void)count;
    if (result < 0)
        memory->oom = NULL;
    else
        oom_tell(memory);
}

/* 0 on kernels that do not count them (before 4.13). */
static uint64_t oom_kills(const struct memory_container *memory)
{
    uint64_t kills = 0;

    (void)cgroup_read_key(memory->subsystem->fs, memory->container->path, "memory.oom_control",
        "oom_kill", &kills, NULL);
    return kills;
}

/* The event and the death that it tells of may be heard in either order. */
static void memory_exited(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = container->states[subsystem->index];

    if (memory && !memory->told && oom_kills(memory) > memory->kills)
        oom_tell(memory);
}

static void pressure_rose(void *arg, int result, uint64_t count)
{
    struct pressure *pressure = arg;

    if (result < 0)
        pressure->watch = NULL;
    else
        pressure->count += count;
}

static int oom_listen(struct memory_container *memory, struct err *err)
{
    return cgroup_listen(memory->subsystem->fs, memory->container->path, "memory.oom_control", "",
        oom_happened, memory, &memory->oom, err);
}

static void pressure_listen(struct memory_container *memory)
{
    const struct cgroup_container *container = memory->container;

    memory->listens = true;
    for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
        _cleanup_err_ struct err ignored = ERR_INIT;

        memory->pressures[i].memory = memory;
        if (cgroup_listen(memory->subsystem->fs, container->path, "memory.pressure_level",
                pressure_names[i], pressure_rose, &memory->pressures[i],
                &memory->pressures[i].watch, &ignored) < 0)
            log_warning("container %s: %s", container->id, err_text(&ignored));
    }
}

static struct memory_container *memory_new(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = mem_alloc(sizeof(*memory));

    memory->subsystem = subsystem;
    memory->container = container;
    container->states[subsystem->index] = memory;
    return memory;
}

static int memory_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    return oom_listen(memory_new(subsystem, container), err);
}

static int memory_recover(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    struct memory_container *memory = memory_new(subsystem, container);

    memory->hard_written = true;
    memory->kills = oom_kills(memory);
    pressure_listen(memory);
    return oom_listen(memory, err);
}

/* "1000 - 1000 x soft / host memory" for those whose hard limit is above the soft one. */
static int score_set(struct cgroup_subsystem *subsystem, const struct cgroup_container *container,
    pid_t pid, struct err *err)
{
    struct host *host = subsystem->object->base.host;
    _cleanup_free_ char *score = NULL;
    uint64_t soft = 0, hard = 0;
    int r;

    if (!container->command_task && !container->nested)
        return 0;
    r = cgroup_read_u64(subsystem->fs, container->path, "memory.soft_limit_in_bytes", &soft, err);
    if (r == 0)
        r = cgroup_read_u64(subsystem->fs, container->path, "memory.limit_in_bytes", &hard, err);
    if (r < 0 || soft >= hard)
        return r;
    score = str_printf("%lld", 1000 - (long long)((__extension__(unsigned __int128) 1000 * soft) /
                                                  host->facts.memory_bytes));
    return host_process_write(host, pid, "oom_score_adj", score, err);
}

/* Nothing has run in the cgroup yet, so no pressure is missed that it is listened for from here on,
 * while the new process is on its way to its gate. */
static int memory_isolate(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    pid_t pid, struct err *err)
{
    pressure_listen(container->states[subsystem->index]);
    return score_set(subsystem, container, pid, err);
}

static int hard_write(struct cgroup_subsystem *subsystem, const char *path, bool first,
    uint64_t bytes, struct err *err)
{
    const char *files[2] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"};
    const bool swap = subsystem->object->flags.cgroups_limit_swap;
    char text[32] = "-1";
    int r = 0;

    if (bytes != MEMORY_UNLIMITED)
        snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
    /* The kernel wants limit <= memsw at all times: when raising, memsw goes first (MESOS-7237). */
    for (unsigned i = 0; r == 0 && i < (swap ? 2 : 1); i++)
        r = cgroup_write(subsystem->fs, path, files[swap && !first ? 1 - i : i], text, err);
    return r;
}

static int memory_update(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const struct resources *requests, const struct resource_limits *limits, struct err *err)
{
    struct memory_container *memory = container->states[subsystem->index];
    uint64_t soft = 0, hard = 0, current = 0;
    int r = memory_targets(requests, limits, &soft, &hard, err);

    if (r == 0)
        r = cgroup_write_u64(
            subsystem->fs, container->path, "memory.soft_limit_in_bytes", soft, err);
    /* The first one is due whatever the limit is. */
    if (r == 0 && memory->hard_written)
        r = cgroup_read_u64(subsystem->fs, container->path, "memory.limit_in_bytes", &current, err);
    if (r < 0 || !memory_hard_is_due(!memory->hard_written, hard, current))
        return r;
    r = hard_write(subsystem, container->path, !memory->hard_written, hard, err);
    memory->hard_written = memory->hard_written || r == 0;
    return r;
}

/* memory.stat key -> fields; the total_ keys are hierarchical. */
static const struct {
    const char *key;
    size_t offsets[2];
} stat_fields[] = {
    {"total_cache", {offsetof(struct statistics, mem_file_bytes),
                        offsetof(struct statistics, mem_cache_bytes)}},
    {"total_rss",
        {offsetof(struct statistics, mem_anon_bytes), offsetof(struct statistics, mem_rss_bytes)}},
    {"total_mapped_file", {offsetof(struct statistics, mem_mapped_file_bytes), 0}},
    {"total_swap", {offsetof(struct statistics, mem_swap_bytes), 0}},
    {"total_unevictable", {offsetof(struct statistics, mem_unevictable_bytes), 0}},
};

static void stat_line(const char *key, uint64_t value, struct statistics *into)
{
    for (size_t i = 0; i < ARRAY_SIZE(stat_fields); i++) {
        if (!str_equal(stat_fields[i].key, key))
            continue;
        for (size_t k = 0; k < 2 && (k == 0 || stat_fields[i].offsets[k]); k++)
            *(struct opt_u64 *)((char *)into + stat_fields[i].offsets[k]) =
                (struct opt_u64)OPT(value);
    }
}

static int stat_usage(
    struct cgroup_subsystem *subsystem, const char *path, struct statistics *into, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    int r = cgroup_read(subsystem->fs, path, "memory.stat", &text, err);

    if (r < 0)
        return r;
    lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        char key[64];
        unsigned long long value;

        if (sscanf(lines[i], "%63s %llu", key, &value) != 2)
            return err_set(
                err, -EINVAL, "memory.stat: expected \"key number\", got \"%s\"", lines[i]);
        stat_line(key, value, into);
    }
    return 0;
}

static void file_usage(
    struct cgroup_subsystem *subsystem, const char *path, const char *file, struct opt_u64 *into)
{
    _cleanup_err_ struct err err = ERR_INIT;

    into->set = cgroup_file_exists(subsystem->fs, path, file) &&
                cgroup_read_u64(subsystem->fs, path, file, &into->value, &err) == 0;
}

static int memory_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    struct memory_container *memory = container->states[subsystem->index];
    struct opt_u64 *counters[PRESSURE_COUNT] = {&into->mem_low_pressure_counter,
        &into->mem_medium_pressure_counter, &into->mem_critical_pressure_counter};
    const char *path = container->path;
    int r = cgroup_read_u64(
        subsystem->fs, path, "memory.usage_in_bytes", &into->mem_total_bytes.value, err);

    if (r < 0)
        return r;
    into->mem_total_bytes.set = true;
    if (subsystem->object->flags.cgroups_limit_swap)
        file_usage(subsystem, path, "memory.memsw.usage_in_bytes", &into->mem_total_memsw_bytes);
    file_usage(subsystem, path, "memory.kmem.usage_in_bytes", &into->mem_kmem_usage_bytes);
    file_usage(subsystem, path, "memory.kmem.tcp.usage_in_bytes", &into->mem_kmem_tcp_usage_bytes);
    for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
        if (memory->pressures[i].watch || !memory->listens)
            *counters[i] = (struct opt_u64)OPT(memory->pressures[i].count);
    }
    return stat_usage(subsystem, path, into, err);
}

static void memory_cleanup(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = container->states[subsystem->index];

    if (!memory) /* preparing did not get here */
        return;
    cgroup_unwatch(subsystem->fs, memory->oom);
    for (unsigned i = 0; i < PRESSURE_COUNT; i++)
        cgroup_unwatch(subsystem->fs, memory->pressures[i].watch);
    free(memory);
    container->states[subsystem->index] = NULL;
}

const struct cgroup_subsystem_ops cgroup_memory_v1_ops = {
    .name = "memory",
    .controller_v1 = "memory",
    .create = memory_create,
    .prepare = memory_prepare,
    .recover = memory_recover,
    .isolate = memory_isolate,
    .exited = memory_exited,
    .update = memory_update,
    .usage = memory_usage,
    .cleanup = memory_cleanup,
};
