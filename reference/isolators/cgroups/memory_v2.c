/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/mem on v2: memory.low and memory.max, OOM by memory.events, statistics (isolators.md 3.7,
 * 4). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/strbuf.h"
#include "reference/isolators/cgroups/memory.h"

struct memory_container {
    struct cgroup_subsystem *subsystem;
    struct cgroup_container *container;
    bool hard_written;
    bool told; /* the limitation was told; the counter never falls again */
    struct cgroup_watch *events;
};

/* "max" reads as MEMORY_UNLIMITED. */
static int max_read(
    struct cgroup_subsystem *subsystem, const char *path, uint64_t *ret_bytes, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(subsystem->fs, path, "memory.max", &text, err);

    if (r < 0)
        return r;
    if (str_starts(text, "max")) {
        *ret_bytes = MEMORY_UNLIMITED;
        return 0;
    }
    *ret_bytes = strtoull(text, NULL, 10);
    return 0;
}

static uint64_t stat_value(char *const *lines, const char *key)
{
    const size_t length = strlen(key);

    for (; lines && *lines; lines++) {
        if (str_starts(*lines, key) && (*lines)[length] == ' ')
            return strtoull(*lines + length + 1, NULL, 10);
    }
    return 0;
}

static bool stat_has(char *const *lines, const char *key)
{
    const size_t length = strlen(key);

    for (; lines && *lines; lines++) {
        if (str_starts(*lines, key) && (*lines)[length] == ' ')
            return true;
    }
    return false;
}

/* Older kernels do not print `kernel`: the sum of its parts (LV2-10). */
static uint64_t kernel_bytes(char *const *lines)
{
    static const char *const parts[] = {"kernel_stack", "pagetables", "sock", "vmalloc", "slab"};
    uint64_t sum = 0;

    if (stat_has(lines, "kernel"))
        return stat_value(lines, "kernel");
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        sum += stat_value(lines, parts[i]);
    return sum;
}

static int stat_read(
    struct cgroup_subsystem *subsystem, const char *path, char ***ret_lines, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    int r = cgroup_read(subsystem->fs, path, "memory.stat", &text, err);

    if (r < 0)
        return r;
    lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        unsigned long long value;
        char key[64], rest;

        if (sscanf(lines[i], "%63s %llu%c", key, &value, &rest) != 2)
            return err_set(
                err, -EINVAL, "memory.stat: expected \"key number\", got \"%s\"", lines[i]);
    }
    *ret_lines = TAKE_PTR(lines);
    return 0;
}

static void oom_tell(struct memory_container *memory)
{
    const struct cgroup_container *container = memory->container;
    struct cgroup_subsystem *subsystem = memory->subsystem;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **lines = NULL;
    struct strbuf text = STRBUF_INIT;
    uint64_t limit = MEMORY_UNLIMITED, used = 0;

    /* What can't be read any more is told as 0: the limitation itself matters more. */
    (void)max_read(subsystem, container->path, &limit, &err);
    if (cgroup_file_exists(subsystem->fs, container->path, "memory.peak"))
        (void)cgroup_read_u64(subsystem->fs, container->path, "memory.peak", &used, &err);
    else
        (void)cgroup_read_u64(subsystem->fs, container->path, "memory.current", &used, &err);
    (void)stat_read(subsystem, container->path, &lines, &err);
    strbuf_addf(&text, "anon %llu\nfile %llu\nkernel %llu",
        (unsigned long long)stat_value(lines, "anon"),
        (unsigned long long)stat_value(lines, "file"), (unsigned long long)kernel_bytes(lines));
    memory->told = true;
    memory_limited(memory->container, limit, used, strbuf_text(&text));
    strbuf_release(&text);
}

static void events_changed(void *arg, int result, uint64_t count)
{
    struct memory_container *memory = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    uint64_t ooms = 0;

    (void)count;
    if (result < 0) {
        memory->events = NULL;
        return;
    }
    if (!memory->told &&
        cgroup_read_key(memory->subsystem->fs, memory->container->path, "memory.events", "oom",
            &ooms, &err) == 0 &&
        ooms > 0)
        oom_tell(memory);
}

/* Kernels keep back what happens to an events file within 10 ms of its last event, such as the kill
 * that follows upon reaching the limit: the death may be known before. */
static void memory_exited(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = container->states[subsystem->index];

    if (memory)
        events_changed(memory, 0, 1);
}

/* Listens, and looks once right after registering so that nothing falls between (LV2-14). */
static struct memory_container *memory_start(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = mem_alloc(sizeof(*memory));
    _cleanup_err_ struct err err = ERR_INIT;

    memory->subsystem = subsystem;
    memory->container = container;
    container->states[subsystem->index] = memory;
    if (cgroup_watch(subsystem->fs, container->path, "memory.events", events_changed, memory,
            &memory->events, &err) < 0)
        log_warning(
            "container %s: out of memory will not be told: %s", container->id, err_text(&err));
    else
        events_changed(memory, 0, 1);
    return memory;
}

static int memory_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    (void)err;
    memory_start(subsystem, container);
    return 0;
}

static int memory_recover(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    (void)err;
    memory_start(subsystem, container)->hard_written = true;
    return 0;
}

/* A share of an amount by a flag beyond the contract; without the flag nothing is written. */
static int share_write(struct cgroup_subsystem *subsystem, const char *path, const char *file,
    const char *flag, uint64_t bytes, struct err *err)
{
    const char *ratio = flags_other(&subsystem->object->flags, flag);

    if (!ratio)
        return 0;
    if (bytes == MEMORY_UNLIMITED)
        return cgroup_write(subsystem->fs, path, file, "max", err);
    return cgroup_write_u64(
        subsystem->fs, path, file, (uint64_t)(strtod(ratio, NULL) * (double)bytes), err);
}

/* memory.high follows the hard limit that is in force, memory.min the request. */
static int shares_write(
    struct cgroup_subsystem *subsystem, const char *path, uint64_t soft, struct err *err)
{
    uint64_t hard = 0;
    int r = max_read(subsystem, path, &hard, err);

    if (r == 0)
        r = share_write(subsystem, path, "memory.high", "cgroups_memory_high_ratio", hard, err);
    return r < 0 ? r
                 : share_write(
                       subsystem, path, "memory.min", "cgroups_memory_min_ratio", soft, err);
}

static int hard_write(struct cgroup_subsystem *subsystem, const char *path, uint64_t hard,
    struct err *err)
{
    return hard == MEMORY_UNLIMITED
               ? cgroup_write(subsystem->fs, path, "memory.max", "max", err)
               : cgroup_write_u64(subsystem->fs, path, "memory.max", hard, err);
}

static int memory_update(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const struct resources *requests, const struct resource_limits *limits, struct err *err)
{
    struct memory_container *memory = container->states[subsystem->index];
    uint64_t soft = 0, hard = 0, current = 0;
    int r = memory_targets(requests, limits, &soft, &hard, err);

    if (r == 0)
        r = cgroup_write_u64(subsystem->fs, container->path, "memory.low", soft, err);
    if (r == 0)
        r = max_read(subsystem, container->path, &current, err);
    if (r == 0 && memory_hard_is_due(!memory->hard_written, hard, current)) {
        r = hard_write(subsystem, container->path, hard, err);
        memory->hard_written = memory->hard_written || r == 0;
    }
    return r < 0 ? r : shares_write(subsystem, container->path, soft, err);
}

static int memory_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    _cleanup_strv_ char **lines = NULL;
    uint64_t current = 0;
    int r = cgroup_read_u64(subsystem->fs, container->path, "memory.current", &current, err);

    if (r < 0)
        return r;
    into->mem_total_bytes = (struct opt_u64)OPT(current);
    r = stat_read(subsystem, container->path, &lines, err);
    if (r < 0)
        return r;
    /* Missing keys are 0 on v2 (statistics.md 2.2). */
    into->mem_anon_bytes = into->mem_rss_bytes = (struct opt_u64)OPT(stat_value(lines, "anon"));
    into->mem_file_bytes = into->mem_cache_bytes = (struct opt_u64)OPT(stat_value(lines, "file"));
    into->mem_mapped_file_bytes = (struct opt_u64)OPT(stat_value(lines, "file_mapped"));
    into->mem_unevictable_bytes = (struct opt_u64)OPT(stat_value(lines, "unevictable"));
    into->mem_kmem_usage_bytes = (struct opt_u64)OPT(kernel_bytes(lines));
    into->mem_kmem_tcp_usage_bytes = (struct opt_u64)OPT(stat_value(lines, "sock"));
    return 0;
}

static void memory_cleanup(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct memory_container *memory = container->states[subsystem->index];

    if (!memory) /* preparing did not get here */
        return;
    cgroup_unwatch(subsystem->fs, memory->events);
    free(memory);
    container->states[subsystem->index] = NULL;
}

const struct cgroup_subsystem_ops cgroup_memory_v2_ops = {
    .name = "memory",
    .controller_v2 = "memory",
    .prepare = memory_prepare,
    .exited = memory_exited,
    .recover = memory_recover,
    .update = memory_update,
    .usage = memory_usage,
    .cleanup = memory_cleanup,
};
