/* SPDX-License-Identifier: Apache-2.0 */
/* The memory files of v1 (spec cgroupfs.md 6). */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/memory.h"

#define SWAPPINESS_MAX 200
#define MOVE_CHARGE_MAX 3u

enum limit_kind { LIMIT_MEMORY, LIMIT_MEMSW, LIMIT_KMEM, LIMIT_TCP, LIMIT_SOFT };

static struct memory_css *memory_io(const struct cgroup_io *io)
{
    return memory_of(io->css);
}

static int limit_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_io(io);
    const uint64_t pages[] = {
        [LIMIT_MEMORY] = memory->max,
        [LIMIT_MEMSW] = memory->memsw_max,
        [LIMIT_KMEM] = PAGES_MAX,
        [LIMIT_TCP] = memory->tcp_max,
        [LIMIT_SOFT] = memory->soft_max,
    };
    print_pages(out, pages[io->file->argument], NULL);
    return 0;
}

static uint64_t with_swap(const struct memory_css *memory)
{
    return memory_usage(memory) + memory->swapped;
}

/* Memory may not be limited above memory and swap together; and a limit below the usage, to which
 * belongs what cgroups below cost, must be reached by reclaim, else the old one stays. */
static int resize(struct memory_css *memory, bool memsw, uint64_t pages)
{
    uint64_t *limit = memsw ? &memory->memsw_max : &memory->max;
    if (memsw ? pages < memory->max : pages > memory->memsw_max)
        return -EINVAL;
    uint64_t kernel = memory_children_bytes(memory);
    uint64_t usage = kernel + (memsw ? with_swap(memory) : memory_usage(memory));
    if (usage > limit_bytes(pages)) {
        memory_reclaim(memory, usage - limit_bytes(pages));
        usage = kernel + (memsw ? with_swap(memory) : memory_usage(memory));
        if (usage > limit_bytes(pages))
            return -EBUSY;
    }
    bool grows = pages > *limit;
    *limit = pages;
    if (grows)
        memory_oom_recover(memory);
    return 0;
}

static int limit_write(const struct cgroup_io *io, char *text)
{
    struct memory_css *memory = memory_io(io);
    uint64_t pages;
    int result = text_pages(text_strip(text), "-1", &pages);
    if (result)
        return result;
    if (io->file->argument == LIMIT_SOFT) {
        memory->soft_max = pages;
        return 0;
    }
    if (!io->cgroup->parent)
        return -EINVAL;
    switch (io->file->argument) {
    case LIMIT_MEMORY:
        return resize(memory, false, pages);
    case LIMIT_MEMSW:
        return resize(memory, true, pages);
    case LIMIT_TCP:
        memory->tcp_max = pages;
        return 0;
    default: /* kernel memory: taken and ignored */
        return 0;
    }
}

static int usage_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_io(io);
    uint64_t bytes = io->file->argument == LIMIT_MEMSW ? with_swap(memory) : memory_usage(memory);
    print_line_u64(out, memory_kernel_bytes(memory) + whole_pages(bytes));
    return 0;
}

static int zero_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_line_u64(out, 0);
    return 0;
}

static int kernel_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_kernel_bytes(memory_io(io)));
    return 0;
}

static int kernel_peak_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_io(io)->kernel_peak);
    return 0;
}

static int kernel_peak_write(const struct cgroup_io *io, char *text)
{
    (void)text;
    memory_io(io)->kernel_peak = memory_kernel_bytes(memory_io(io));
    return 0;
}

static int nothing_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    (void)out;
    return 0;
}

/* Whatever is written resets. */
static int nothing_write(const struct cgroup_io *io, char *text)
{
    (void)io;
    (void)text;
    return 0;
}

static int peak_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_io(io);
    print_line_u64(
        out, whole_pages(io->file->argument == LIMIT_MEMSW ? memory->memsw_peak : memory->peak));
    return 0;
}

static int peak_write(const struct cgroup_io *io, char *text)
{
    struct memory_css *memory = memory_io(io);
    (void)text;
    if (io->file->argument == LIMIT_MEMSW)
        memory->memsw_peak = with_swap(memory);
    else
        memory->peak = memory_usage(memory);
    return 0;
}

static uint64_t *failures(const struct cgroup_io *io)
{
    struct memory_css *memory = memory_io(io);
    return io->file->argument == LIMIT_MEMSW ? &memory->memsw_failures : &memory->failures;
}

static int failures_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, *failures(io));
    return 0;
}

static int failures_write(const struct cgroup_io *io, char *text)
{
    (void)text;
    *failures(io) = 0;
    return 0;
}

static int swappiness_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_io(io)->swappiness);
    return 0;
}

static int swappiness_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    if (value > SWAPPINESS_MAX)
        return -EINVAL;
    memory_io(io)->swappiness = (uint8_t)value;
    return 0;
}

static int hierarchy_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_line_u64(out, 1);
    return 0;
}

static int hierarchy_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    (void)io;
    int result = text_u64(text, &value);
    if (result)
        return result;
    return value == 1 ? 0 : -EINVAL;
}

static int move_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_io(io)->move_charge);
    return 0;
}

static int move_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    /* The kernel's mask is of 32 bits: what is above them is taken as it is. */
    if (cgroup_since(io->cgroup, KERNEL_6_18) ? value != 0 : ((uint32_t)value & ~MOVE_CHARGE_MAX))
        return -EINVAL;
    memory_io(io)->move_charge = value;
    return 0;
}

static int oom_control_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_io(io);
    print_key_u64(out, "oom_kill_disable", memory->oom_kill_disable);
    print_key_u64(out, "under_oom", memory_is_under_oom(memory));
    print_key_u64(out, "oom_kill", memory->events_local[MEMORY_OOM_KILL]);
    return 0;
}

static int oom_control_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    if (!io->cgroup->parent || value > 1)
        return -EINVAL;
    memory_io(io)->oom_kill_disable = value;
    if (!value)
        memory_oom_recover(memory_io(io));
    return 0;
}

static int force_empty_write(const struct cgroup_io *io, char *text)
{
    (void)text;
    if (!io->cgroup->parent)
        return -EINVAL;
    memory_reclaim(memory_io(io), UINT64_MAX);
    return 0;
}

static int shown_ram_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_io(io)->shown_ram * PAGE_BYTES);
    return 0;
}

static int shown_ram_write(const struct cgroup_io *io, char *text)
{
    uint64_t bytes;
    int result = text_u64(text, &bytes);
    if (result)
        return result;
    uint64_t pages = bytes / PAGE_BYTES;
    memory_io(io)->shown_ram = pages < PAGES_MAX ? pages : PAGES_MAX;
    return 0;
}

static bool shown_ram(const struct kernel_profile *profile)
{
    return profile->shown_ram;
}

static bool before_6_12(const struct kernel_profile *profile)
{
    return profile->version < KERNEL_6_12;
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

const struct cgroup_file memory_files_v1[] = {
    {"memory.usage_in_bytes", ON_BOTH, FILE_V1, 0444, usage_read, NULL, NULL, LIMIT_MEMORY, 0},
    {"memory.max_usage_in_bytes", ON_BOTH, FILE_V1, 0644, peak_read, peak_write, NULL,
        LIMIT_MEMORY, 0},
    {"memory.limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL, LIMIT_MEMORY,
        0},
    {"memory.soft_limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL,
        LIMIT_SOFT, 0},
    {"memory.failcnt", ON_BOTH, FILE_V1, 0644, failures_read, failures_write, NULL, LIMIT_MEMORY,
        0},
    {"memory.stat", ON_BOTH, FILE_V1, 0444, memory_stat_v1_read, NULL, NULL, 0, 0},
    {"memory.force_empty", ON_BOTH, FILE_V1, 0200, NULL, force_empty_write, NULL, 0, 0},
    {"memory.use_hierarchy", ON_BOTH, FILE_V1, 0644, hierarchy_read, hierarchy_write, NULL, 0, 0},
    {"cgroup.event_control", ON_BOTH, FILE_V1, 0222, NULL, memory_event_control_write,
        before_6_12, 0, 0},
    {"cgroup.event_control", ON_BOTH, FILE_V1, 0200, NULL, memory_event_control_write, since_6_12,
        0, 0},
    {"memory.swappiness", ON_BOTH, FILE_V1, 0644, swappiness_read, swappiness_write, NULL, 0, 0},
    {"memory.move_charge_at_immigrate", ON_BOTH, FILE_V1, 0644, move_read, move_write, NULL, 0, 0},
    {"memory.oom_control", ON_BOTH, FILE_V1, 0644, oom_control_read, oom_control_write, NULL, 0,
        0},
    {"memory.pressure_level", ON_BOTH, FILE_V1, 0000, NULL, NULL, before_6_12, 0, 0},
    {"memory.pressure_level", ON_BOTH, FILE_V1, 0444, NULL, NULL, since_6_12, 0, 0},
    {"memory.numa_stat", ON_BOTH, FILE_V1, 0444, memory_numa_stat_v1_read, NULL, NULL, 0, 0},
    {"memory.kmem.limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL,
        LIMIT_KMEM, 0},
    {"memory.kmem.usage_in_bytes", ON_BOTH, FILE_V1, 0444, kernel_read, NULL, NULL, 0, 0},
    {"memory.kmem.failcnt", ON_BOTH, FILE_V1, 0644, zero_read, nothing_write, NULL, 0, 0},
    {"memory.kmem.max_usage_in_bytes", ON_BOTH, FILE_V1, 0644, kernel_peak_read,
        kernel_peak_write, NULL, 0, 0},
    {"memory.kmem.slabinfo", ON_BOTH, FILE_V1, 0444, nothing_read, NULL, NULL, 0, 0},
    {"memory.kmem.tcp.limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL,
        LIMIT_TCP, 0},
    {"memory.kmem.tcp.usage_in_bytes", ON_BOTH, FILE_V1, 0444, zero_read, NULL, NULL, 0, 0},
    {"memory.kmem.tcp.failcnt", ON_BOTH, FILE_V1, 0644, zero_read, nothing_write, NULL, 0, 0},
    {"memory.kmem.tcp.max_usage_in_bytes", ON_BOTH, FILE_V1, 0644, zero_read, nothing_write, NULL,
        0, 0},
    {"memory.memsw.usage_in_bytes", ON_BOTH, FILE_V1, 0444, usage_read, NULL, NULL, LIMIT_MEMSW,
        0},
    {"memory.memsw.max_usage_in_bytes", ON_BOTH, FILE_V1, 0644, peak_read, peak_write, NULL,
        LIMIT_MEMSW, 0},
    {"memory.memsw.limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL,
        LIMIT_MEMSW, 0},
    {"memory.memsw.failcnt", ON_BOTH, FILE_V1, 0644, failures_read, failures_write, NULL,
        LIMIT_MEMSW, 0},
    {"memory.shown_ram_in_bytes", ON_BOTH, FILE_V1, 0644, shown_ram_read, shown_ram_write,
        shown_ram, 0, 0},
    {.name = NULL},
};
