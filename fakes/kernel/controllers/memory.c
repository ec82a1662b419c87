/* SPDX-License-Identifier: Apache-2.0 */
/* The memory controller: its states, and the files of v2 (spec cgroupfs.md 4.2). */
#include "fakes/kernel/memory.h"

#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_open.h"

#define SWAPPINESS_DEFAULT 60
#define SWAPPINESS_MAX 200

/*
 * What a child costs in its parent, in bytes, by version. Measured with 2 CPUs: on 6.1 as the
 * limits at which one to six children fit, on 6.12 as those
 * at which one and three fit, on 6.18 from 1, 2 and 3 children that make 3, 5 and 8 pages.
 */
static const uint64_t child_kernel_bytes[] = {
    [KERNEL_6_1] = 8192,
    [KERNEL_6_12] = 9900,
    [KERNEL_6_18] = 9900,
};
/* How often the kernel tries before it gives up, each counted as an event. */
#define CHILD_TRIES 18

uint64_t memory_children_bytes(const struct memory_css *memory)
{
    struct cgroup *top = memory->css.cgroup;
    uint64_t child = child_kernel_bytes[cgroup_profile(top)->version];
    uint64_t bytes = 0;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at))
        if (at->css[SUBSYS_MEMORY])
            bytes += whole_pages((at->children_count + at->dying_children) * child);
    return bytes;
}

uint64_t memory_kernel_bytes(const struct memory_css *memory)
{
    return cgroup_profile(memory->css.cgroup)->kernel_memory ? memory_children_bytes(memory) : 0;
}

/* The kernel tries until nobody is left in the cgroup whom it could kill for that. */
static void child_failed(struct memory_css *memory)
{
    bool v2 = memory->css.cgroup->root->v2;
    do {
        for (int i = 0; v2 && i < CHILD_TRIES; i++)
            memory_event_count(memory, MEMORY_MAX);
        if (v2)
            memory_event_count(memory, MEMORY_OOM);
        else if (memory->oom_kill_disable)
            return;
        else
            memory_oom_notify(memory);
    } while (memory_oom_kill(memory));
}

bool memory_child_fits(struct cgroup_css *css)
{
    for (struct memory_css *at = memory_of(css); at; at = memory_parent(at)) {
        const struct cgroup *cgroup = at->css.cgroup;
        if (at->max == PAGES_MAX)
            continue;
        uint64_t child = child_kernel_bytes[cgroup_profile(cgroup)->version];
        uint64_t children = css == &at->css ? cgroup->children_count + cgroup->dying_children : 0;
        uint64_t more = css == &at->css
                            ? whole_pages((children + 1) * child) - whole_pages(children * child)
                            : child;
        if (memory_children_bytes(at) + memory_usage(at) + more > limit_bytes(at->max)) {
            child_failed(at);
            return false;
        }
    }
    return true;
}

static void kernel_peaks(struct memory_css *memory)
{
    for (struct memory_css *at = memory; at; at = memory_parent(at)) {
        uint64_t bytes = memory_kernel_bytes(at);
        at->kernel_peak = bytes > at->kernel_peak ? bytes : at->kernel_peak;
    }
}

static void memory_init(struct cgroup_css *css)
{
    struct memory_css *memory = memory_of(css);
    const struct memory_css *parent = memory_parent(memory);
    memory->max = memory->high = memory->swap_max = memory->swap_high = PAGES_MAX;
    memory->memsw_max = memory->soft_max = memory->tcp_max = PAGES_MAX;
    memory->swappiness = parent ? parent->swappiness : SWAPPINESS_DEFAULT;
    memory->oom_kill_disable = parent && parent->oom_kill_disable;
    list_init(&memory->charges);
    list_init(&memory->listeners);
    list_init(&memory->waiters);
    if (parent && cgroup_profile(css->cgroup)->kernel_memory)
        kernel_peaks(memory_parent(memory));
}

static void memory_offline(struct cgroup_css *css)
{
    struct memory_css *memory = memory_of(css);
    memory_events_gone(memory);
    memory_oom_recover(memory);
    if (!css->cgroup->dead)
        memory_reparent(memory);
}

/* Memory stays charged to a removed cgroup until it is freed. */
static bool memory_busy(const struct cgroup_css *css)
{
    return !list_empty(&((const struct memory_css *)css)->charges);
}

static void memory_free(struct cgroup_css *css)
{
    struct memory_css *memory = memory_of(css);
    while (!list_empty(&memory->waiters)) {
        struct list *node = memory->waiters.next;
        list_remove(node);
        free(node); /* the node is a waiter's first member */
    }
    memory_events_gone(memory);
}

static struct memory_css *memory_io(const struct cgroup_io *io)
{
    return memory_of(io->css);
}

static uint64_t *field(const struct cgroup_io *io)
{
    return (uint64_t *)((char *)io->css + io->file->argument);
}

static int limit_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_pages(out, *field(io), "max");
    return 0;
}

static int limit_write(const struct cgroup_io *io, char *text)
{
    return text_pages(text_strip(text), "max", field(io));
}

static int max_write(const struct cgroup_io *io, char *text)
{
    int result = limit_write(io, text);
    if (!result)
        memory_enforce_max(memory_io(io));
    return result;
}

static int high_write(const struct cgroup_io *io, char *text)
{
    struct memory_css *memory = memory_io(io);
    int result = limit_write(io, text);
    uint64_t high = limit_bytes(memory->high);
    if (!result && memory_usage(memory) > high)
        memory_reclaim(memory, memory_usage(memory) - high);
    return result;
}

static int current_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, whole_pages(memory_usage(memory_io(io))));
    return 0;
}

static int swap_current_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, whole_pages(memory_io(io)->swapped));
    return 0;
}

/* An open file that was written shows the peak since then. */
static int peak_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_io(io);
    uint64_t peak = *field(io);
    if (io->open && io->open->peak_reset) {
        bool swap = io->file->argument != offsetof(struct memory_css, peak);
        uint64_t since = swap ? memory->swapped : memory->local_peak;
        peak = since > io->open->peak_bytes ? since : io->open->peak_bytes;
    }
    print_line_u64(out, whole_pages(peak));
    return 0;
}

/* Other open files that were reset before keep what they have seen up to now. */
static int peak_write(const struct cgroup_io *io, char *text)
{
    struct memory_css *memory = memory_io(io);
    (void)text;
    bool swap = io->file->argument != offsetof(struct memory_css, peak);
    uint64_t usage = swap ? memory->swapped : memory_usage(memory);
    list_for_each(node, &io->cgroup->listeners) {
        struct cgroup_open *other = cgroup_open_of(list_entry(node, struct cgroup_listener, node));
        if (!other || other->node.file != io->file || !other->peak_reset || swap)
            continue;
        if (memory->local_peak > other->peak_bytes)
            other->peak_bytes = memory->local_peak;
    }
    if (!swap)
        memory->local_peak = usage;
    if (io->open) {
        io->open->peak_reset = true;
        io->open->peak_bytes = usage;
    }
    return 0;
}

static int events_print(struct strbuf *out, const uint64_t *events)
{
    static const char *const names[MEMORY_EVENTS] = {
        "low", "high", "max", "oom", "oom_kill", "oom_group_kill"};
    for (int i = 0; i < MEMORY_EVENTS; i++)
        print_key_u64(out, names[i], events[i]);
    return 0;
}

static int events_read(const struct cgroup_io *io, struct strbuf *out)
{
    return events_print(out, memory_io(io)->events);
}

static int events_local_read(const struct cgroup_io *io, struct strbuf *out)
{
    return events_print(out, memory_io(io)->events_local);
}

static int swap_events_read(const struct cgroup_io *io, struct strbuf *out)
{
    static const char *const names[SWAP_EVENTS] = {"high", "max", "fail"};
    for (int i = 0; i < SWAP_EVENTS; i++)
        print_key_u64(out, names[i], memory_io(io)->swap_events[i]);
    return 0;
}

static int oom_group_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, memory_io(io)->oom_group);
    return 0;
}

static int oom_group_write(const struct cgroup_io *io, char *text)
{
    int value;
    int result = text_int(text_strip(text), &value);
    if (result)
        return result;
    if (value != 0 && value != 1)
        return -EINVAL;
    memory_io(io)->oom_group = value;
    return 0;
}

/* "swappiness=N", and since 6.18 "swappiness=max". */
static int parse_reclaim_option(const struct cgroup_io *io, const char *option)
{
    static const char key[] = "swappiness=";
    uint64_t value;
    if (!str_starts(option, key))
        return -EINVAL;
    option += sizeof(key) - 1;
    if (!strcmp(option, "max"))
        return cgroup_since(io->cgroup, KERNEL_6_18) ? 0 : -EINVAL;
    int result = text_u64(option, &value);
    return result || value > SWAPPINESS_MAX ? -EINVAL : 0;
}

static int parse_reclaim(const struct cgroup_io *io, char *text, uint64_t *ret_pages)
{
    text = text_strip(text);
    if (!cgroup_since(io->cgroup, KERNEL_6_12))
        return text_pages(text, "", ret_pages);
    const char *end;
    uint64_t bytes = text_memparse(text, &end);
    if (end == text)
        return -EINVAL;
    *ret_pages = bytes / PAGE_BYTES;
    char *options = text_strip(text + (end - text));
    for (char *option; (option = text_next_item(&options));) {
        int result = *option ? parse_reclaim_option(io, option) : 0;
        if (result)
            return result;
    }
    return 0;
}

static int reclaim_write(const struct cgroup_io *io, char *text)
{
    uint64_t pages;
    int result = parse_reclaim(io, text, &pages);
    if (result)
        return result;
    uint64_t bytes = pages * PAGE_BYTES;
    return memory_reclaim(memory_io(io), bytes) < bytes ? -EAGAIN : 0;
}

static bool before_6_12(const struct kernel_profile *profile)
{
    return profile->version < KERNEL_6_12;
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

static uint64_t memory_digest(const struct cgroup_css *css, uint64_t hash)
{
    const struct memory_css *memory = (const struct memory_css *)css;
    const uint64_t facts[] = {memory_usage(memory), memory->swapped, memory->max, memory->high,
        memory->events[MEMORY_OOM_KILL], memory->under_oom};
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
        hash = (hash ^ facts[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#define MEMORY_FIELD(member) ((intptr_t)offsetof(struct memory_css, member))

static const struct cgroup_file files[] = {
    {"memory.current", ON_CHILD, FILE_V2, 0444, current_read, NULL, NULL, 0, 0},
    {"memory.peak", ON_CHILD, FILE_V2, 0444, peak_read, NULL, before_6_12, MEMORY_FIELD(peak), 0},
    {"memory.peak", ON_CHILD, FILE_V2, 0644, peak_read, peak_write, since_6_12,
        MEMORY_FIELD(peak), 0},
    {"memory.min", ON_CHILD, FILE_V2, 0644, limit_read, limit_write, NULL, MEMORY_FIELD(min), 0},
    {"memory.low", ON_CHILD, FILE_V2, 0644, limit_read, limit_write, NULL, MEMORY_FIELD(low), 0},
    {"memory.high", ON_CHILD, FILE_V2, 0644, limit_read, high_write, NULL, MEMORY_FIELD(high), 0},
    {"memory.max", ON_CHILD, FILE_V2, 0644, limit_read, max_write, NULL, MEMORY_FIELD(max), 0},
    {"memory.events", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_read, NULL, NULL, 0, 0},
    {"memory.events.local", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_local_read, NULL, NULL,
        0, 0},
    {"memory.stat", ON_BOTH, FILE_V2, 0444, memory_stat_read, NULL, NULL, 0, 0},
    {"memory.numa_stat", ON_BOTH, FILE_V2, 0444, memory_numa_stat_read, NULL, NULL, 0, 0},
    {"memory.oom.group", ON_CHILD, FILE_V2 | FILE_DELEGATABLE, 0644, oom_group_read,
        oom_group_write, NULL, 0, 0},
    {"memory.reclaim", ON_BOTH, FILE_V2 | FILE_DELEGATABLE, 0200, NULL, reclaim_write, NULL, 0, 0},
    {"memory.swap.current", ON_CHILD, FILE_V2, 0444, swap_current_read, NULL, NULL, 0, 0},
    {"memory.swap.high", ON_CHILD, FILE_V2, 0644, limit_read, limit_write, NULL,
        MEMORY_FIELD(swap_high), 0},
    {"memory.swap.max", ON_CHILD, FILE_V2, 0644, limit_read, limit_write, NULL,
        MEMORY_FIELD(swap_max), 0},
    {"memory.swap.peak", ON_CHILD, FILE_V2, 0644, peak_read, peak_write, since_6_12,
        MEMORY_FIELD(swap_peak), 0},
    {"memory.swap.events", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, swap_events_read, NULL, NULL, 0,
        0},
};

const struct cgroup_controller cgroup_controller_memory = {
    .name = "memory",
    .legacy_name = "memory",
    .subsys = SUBSYS_MEMORY,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .legacy_files = memory_files_v1,
    .css_size = sizeof(struct memory_css),
    .init = memory_init,
    .offline = memory_offline,
    .busy = memory_busy,
    .free = memory_free,
    .exited = memory_process_exited,
    .digest = memory_digest,
};
