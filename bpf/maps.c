/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of the probes: made with sizes from the limits, read in batches. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

struct map_shape {
    const char *name;
    enum bpf_map_type type;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t flags;
};

#define PERCPU(map_name, structure)                                                                \
    {map_name, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct structure), 0}
static const struct map_shape shapes[MAP_COUNT] = {
    [MAP_SCHED] = PERCPU("sched", sched_stats),
    [MAP_PROCESS] = PERCPU("process", process_stats),
    [MAP_MEMORY] = PERCPU("memory", memory_stats),
    [MAP_BLOCK] = PERCPU("block", block_stats),
    [MAP_NETWORK] = PERCPU("network", network_stats),
    [MAP_SYSCALL] = PERCPU("syscall", syscall_stats),
    [MAP_SIGNAL] = PERCPU("signal", signal_stats),
    [MAP_GAUGES] = {"gauges", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct gauge), 0},
    [MAP_TIMELINES] = {"timelines", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct timeline), 0},
    [MAP_CONTAINERS] = {"containers", BPF_MAP_TYPE_HASH, sizeof(struct cgroup_key), 4, 0},
    [MAP_CONTROL] = {STATS_CONTROL, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct control), BPF_F_MMAPABLE},
    [MAP_SWITCHES] = {"switches", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(uint64_t), 0},
    [MAP_CPUS] = {"cpus", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct cpu_state), 0},
    [MAP_TASKS] = {"tasks", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct task_entry), 0},
    [MAP_NEWBORN] = {"newborn", BPF_MAP_TYPE_LRU_HASH, sizeof(struct cgroup_key),
        sizeof(struct newborn_entry), 0},
};

/* A line for each pid that the machine gives, up to TASKS_MAX; a power of two. */
static uint32_t tasks_wanted(void)
{
    _cleanup_free_ char *text = text_read("/proc/sys/kernel/pid_max");
    uint64_t pids = text ? strtoull(text, NULL, 10) : TASKS_MAX;
    uint32_t count = 1024;
    while (count < pids && count < TASKS_MAX)
        count *= 2;
    return count;
}

static uint32_t entries_of(const struct stats *stats, enum map_index index)
{
    switch (index) {
    case MAP_CONTROL:
    case MAP_CPUS:
    case MAP_SWITCHES:
        return 1;
    case MAP_CONTAINERS:
        return stats->slots * KEYS_MAX;
    case MAP_TASKS:
        return tasks_wanted();
    case MAP_NEWBORN:
        return 4096; /* cgroups between their making and their publication */
    default:
        return stats->slots;
    }
}

int maps_create(struct stats *stats, struct err *err)
{
    stats->cpus = libbpf_num_possible_cpus();
    for (size_t i = 0; i < MAP_COUNT; i++) {
        LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = shapes[i].flags);
        int fd = bpf_map_create(shapes[i].type, shapes[i].name, shapes[i].key_size,
            shapes[i].value_size, entries_of(stats, (enum map_index)i), &options);
        if (fd < 0)
            return err_errno(err, fd, "create the map %s", shapes[i].name);
        stats->maps[i] = (struct shared_map){shapes[i].name, fd};
    }
    stats->task_mask = tasks_wanted() - 1;
    long page = sysconf(_SC_PAGESIZE);
    void *memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED,
        stats->maps[MAP_CONTROL].fd, 0);
    if (memory == MAP_FAILED)
        return err_errno(err, -errno, "map the map control");
    stats->control = memory;
    return 0;
}

void maps_close(struct stats *stats)
{
    if (stats->control)
        munmap(stats->control, (size_t)sysconf(_SC_PAGESIZE));
    for (size_t i = 0; i < MAP_COUNT; i++)
        if (stats->maps[i].name)
            close(stats->maps[i].fd);
    free(stats->batch);
}

/* --- a slot is given away --- */

int slot_clear(struct stats *stats, uint32_t slot)
{
    size_t largest = sizeof(struct stats_raw);
    _cleanup_free_ void *zeros = mem_alloc(largest * (size_t)stats->cpus);
    for (size_t i = 0; i < MAP_CONTAINERS; i++) {
        if (bpf_map_update_elem(stats->maps[i].fd, &slot, zeros, BPF_ANY) < 0)
            return -errno;
    }
    return 0;
}

/* --- all slots at once --- */

/* One map's values of the first `count` slots, each of `size` bytes, in the batch buffer. Older
 * kernels have no batches for this kind of map: then one by one. */
static bool batch_read(struct stats *stats, enum map_index index, size_t size, uint32_t count)
{
    stats->batch = mem_realloc(stats->batch, size * count + count * sizeof(uint32_t));
    char *values = stats->batch;
    uint32_t *keys = (uint32_t *)(void *)(values + size * count);
    uint32_t cursor = 0;
    uint32_t got = count;
    int fd = stats->maps[index].fd;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    int result = bpf_map_lookup_batch(fd, NULL, &cursor, keys, values, &got, &options);
    if ((result == 0 || result == -ENOENT) && got == count)
        return true;
    for (uint32_t slot = 0; slot < count; slot++)
        if (bpf_map_lookup_elem(fd, &slot, values + slot * size) < 0)
            return false;
    return true;
}

static void sum_cpus(struct stats_raw *into, const struct family_layout *layout, const char *values,
    size_t stride, int cpus)
{
    uint64_t *sums = (uint64_t *)(void *)((char *)into + layout->offset);
    uint32_t *sums32 = (uint32_t *)(void *)(sums + layout->u64_count);
    size_t count32 = (layout->size - layout->u64_count * sizeof(uint64_t)) / sizeof(uint32_t);
    memset(sums, 0, layout->size);
    for (int cpu = 0; cpu < cpus; cpu++, values += stride) {
        const uint64_t *one = (const uint64_t *)(const void *)values;
        const uint32_t *one32 = (const uint32_t *)(const void *)(one + layout->u64_count);
        for (size_t i = 0; i < layout->u64_count; i++)
            sums[i] += one[i];
        for (size_t i = 0; i < count32; i++)
            sums32[i] += one32[i];
    }
}

static void family_read(struct stats *stats, enum map_index family)
{
    const struct family_layout *layout = &family_layouts[family];
    size_t stride = (layout->size + 7) / 8 * 8;
    size_t size = stride * (size_t)stats->cpus;
    if (!batch_read(stats, family, size, stats->slots_used))
        return;
    for (size_t i = 0; i < stats->records_count; i++) {
        struct record *record = stats->records[i];
        const char *values = (const char *)stats->batch + record->slot * size;
        sum_cpus(&record->own, layout, values, stride, stats->cpus);
    }
}

static void shared_read(struct stats *stats, enum map_index index, size_t offset, size_t size)
{
    if (!batch_read(stats, index, size, stats->slots_used))
        return;
    for (size_t i = 0; i < stats->records_count; i++) {
        struct record *record = stats->records[i];
        memcpy((char *)&record->own + offset, (char *)stats->batch + record->slot * size, size);
    }
}

static bool cpus_read(struct stats *stats, struct cpu_state *states)
{
    uint32_t zero = 0;
    return bpf_map_lookup_elem(stats->maps[MAP_CPUS].fd, &zero, states) == 0;
}

static void add_time(struct stats *stats, uint32_t slot, uint64_t ns)
{
    for (size_t i = 0; i < stats->records_count; i++)
        if (stats->records[i]->slot == slot)
            stats->records[i]->own.sched.cpu_ns += ns;
}

/* What the task that runs has run since its last switch; the kernel is at most a tick behind. */
static void add_running_task(struct stats *stats, uint32_t pid)
{
    struct task_entry entry = {0};
    uint32_t line = pid & stats->task_mask;
    if (bpf_map_lookup_elem(stats->maps[MAP_TASKS].fd, &line, &entry) < 0 || entry.pid != pid ||
        entry.slot >= stats->slots)
        return;
    uint64_t ran_ns = 0;
    uint64_t waited_ns = 0;
    if (task_times(pid, &ran_ns, &waited_ns) && ran_ns > entry.ran_ns)
        add_time(stats, entry.slot, ran_ns - entry.ran_ns);
}

/* The time of who runs right now is not in the sums yet. A CPU that has another task after we read
 * them is left out: there it is, or will be. */
static void add_running(struct stats *stats, const struct cpu_state *before,
    const struct cpu_state *after, uint64_t now_ns)
{
    for (int cpu = 0; cpu < stats->cpus; cpu++) {
        if (before[cpu].pid != after[cpu].pid || before[cpu].since_ns != after[cpu].since_ns)
            continue;
        if (before[cpu].since_ns && before[cpu].slot < stats->slots)
            add_time(stats, before[cpu].slot, now_ns - before[cpu].since_ns);
        else if (!before[cpu].since_ns && before[cpu].pid)
            add_running_task(stats, before[cpu].pid);
    }
}

void maps_read(struct stats *stats)
{
    if (!stats->loaded || stats->slots_used == 0)
        return;
    size_t size = sizeof(struct cpu_state) * (size_t)stats->cpus;
    _cleanup_free_ struct cpu_state *before = mem_alloc(size);
    _cleanup_free_ struct cpu_state *after = mem_alloc(size);
    tasks_collect(stats);
    bool running = cpus_read(stats, before);
    family_read(stats, MAP_SCHED);
    running = running && cpus_read(stats, after);
    if (running)
        add_running(stats, before, after, stats->reading.time_ns);
    stats->reading.lost_waits = 0;
    for (int cpu = 0; running && cpu < stats->cpus; cpu++)
        stats->reading.lost_waits += after[cpu].lost;
    for (int family = MAP_PROCESS; family < FAMILY_COUNT; family++)
        family_read(stats, (enum map_index)family);
    shared_read(stats, MAP_GAUGES, offsetof(struct stats_raw, gauge), sizeof(struct gauge));
    shared_read(
        stats, MAP_TIMELINES, offsetof(struct stats_raw, timeline), sizeof(struct timeline));
}
