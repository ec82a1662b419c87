/* SPDX-License-Identifier: Apache-2.0 */
/* memory.stat and memory.numa_stat: which lines each kernel prints, and what they count. */
#include "fakes/kernel/memory.h"

enum stat_source {
    STAT_ZERO, /* what the model does not have: kernel memory, huge pages, migration, … */
    STAT_ANON,
    STAT_FILE,
    STAT_FAULTS,
    STAT_SWAPPED,
    STAT_LIMIT,
    STAT_MEMSW_LIMIT,
};

struct stat_line {
    const char *name;
    enum stat_source source;
    enum kernel_version since;
    bool numa; /* also in memory.numa_stat */
};

static const struct stat_line lines_v2[] = {
    {"anon", STAT_ANON, KERNEL_6_1, true},
    {"file", STAT_FILE, KERNEL_6_1, true},
    {"kernel", STAT_ZERO, KERNEL_6_1, false},
    {"kernel_stack", STAT_ZERO, KERNEL_6_1, true},
    {"pagetables", STAT_ZERO, KERNEL_6_1, true},
    {"sec_pagetables", STAT_ZERO, KERNEL_6_1, true},
    {"percpu", STAT_ZERO, KERNEL_6_1, false},
    {"sock", STAT_ZERO, KERNEL_6_1, false},
    {"vmalloc", STAT_ZERO, KERNEL_6_1, false},
    {"shmem", STAT_ZERO, KERNEL_6_1, true},
    {"file_mapped", STAT_ZERO, KERNEL_6_1, true},
    {"file_dirty", STAT_ZERO, KERNEL_6_1, true},
    {"file_writeback", STAT_ZERO, KERNEL_6_1, true},
    {"swapcached", STAT_ZERO, KERNEL_6_1, true},
    {"anon_thp", STAT_ZERO, KERNEL_6_1, true},
    {"file_thp", STAT_ZERO, KERNEL_6_1, true},
    {"shmem_thp", STAT_ZERO, KERNEL_6_1, true},
    {"inactive_anon", STAT_ANON, KERNEL_6_1, true},
    {"active_anon", STAT_ZERO, KERNEL_6_1, true},
    {"inactive_file", STAT_FILE, KERNEL_6_1, true},
    {"active_file", STAT_ZERO, KERNEL_6_1, true},
    {"unevictable", STAT_ZERO, KERNEL_6_1, true},
    {"slab_reclaimable", STAT_ZERO, KERNEL_6_1, true},
    {"slab_unreclaimable", STAT_ZERO, KERNEL_6_1, true},
    {"slab", STAT_ZERO, KERNEL_6_1, false},
    {"workingset_refault_anon", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_refault_file", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_activate_anon", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_activate_file", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_restore_anon", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_restore_file", STAT_ZERO, KERNEL_6_1, true},
    {"workingset_nodereclaim", STAT_ZERO, KERNEL_6_1, true},
    {"pgdemote_kswapd", STAT_ZERO, KERNEL_6_12, true},
    {"pgdemote_direct", STAT_ZERO, KERNEL_6_12, true},
    {"pgdemote_khugepaged", STAT_ZERO, KERNEL_6_12, true},
    {"pgdemote_proactive", STAT_ZERO, KERNEL_6_18, true},
    {"pgpromote_success", STAT_ZERO, KERNEL_6_12, true},
    {"pgscan", STAT_ZERO, KERNEL_6_1, false},
    {"pgsteal", STAT_ZERO, KERNEL_6_1, false},
    {"pswpin", STAT_ZERO, KERNEL_6_18, false},
    {"pswpout", STAT_ZERO, KERNEL_6_18, false},
    {"pgscan_kswapd", STAT_ZERO, KERNEL_6_1, false},
    {"pgscan_direct", STAT_ZERO, KERNEL_6_1, false},
    {"pgscan_khugepaged", STAT_ZERO, KERNEL_6_12, false},
    {"pgscan_proactive", STAT_ZERO, KERNEL_6_18, false},
    {"pgsteal_kswapd", STAT_ZERO, KERNEL_6_1, false},
    {"pgsteal_direct", STAT_ZERO, KERNEL_6_1, false},
    {"pgsteal_khugepaged", STAT_ZERO, KERNEL_6_12, false},
    {"pgsteal_proactive", STAT_ZERO, KERNEL_6_18, false},
    {"pgfault", STAT_FAULTS, KERNEL_6_1, false},
    {"pgmajfault", STAT_ZERO, KERNEL_6_1, false},
    {"pgrefill", STAT_ZERO, KERNEL_6_1, false},
    {"pgactivate", STAT_ZERO, KERNEL_6_1, false},
    {"pgdeactivate", STAT_ZERO, KERNEL_6_1, false},
    {"pglazyfree", STAT_ZERO, KERNEL_6_1, false},
    {"pglazyfreed", STAT_ZERO, KERNEL_6_1, false},
    {"swpin_zero", STAT_ZERO, KERNEL_6_12, false},
    {"swpout_zero", STAT_ZERO, KERNEL_6_12, false},
    {"thp_fault_alloc", STAT_ZERO, KERNEL_6_1, false},
    {"thp_collapse_alloc", STAT_ZERO, KERNEL_6_1, false},
    {"thp_swpout", STAT_ZERO, KERNEL_6_12, false},
    {"thp_swpout_fallback", STAT_ZERO, KERNEL_6_12, false},
    {"numa_pages_migrated", STAT_ZERO, KERNEL_6_12, false},
    {"numa_pte_updates", STAT_ZERO, KERNEL_6_12, false},
    {"numa_hint_faults", STAT_ZERO, KERNEL_6_12, false},
};

/* memory.numa_stat of 6.18 has one line that memory.stat of these builds lacks. */
static const char numa_only_6_18[] = "hugetlb";
static const char numa_only_after[] = "slab_unreclaimable";

static const struct stat_line lines_v1[] = {
    {"cache", STAT_FILE, KERNEL_6_1, false},
    {"rss", STAT_ANON, KERNEL_6_1, false},
    {"rss_huge", STAT_ZERO, KERNEL_6_1, false},
    {"shmem", STAT_ZERO, KERNEL_6_1, false},
    {"mapped_file", STAT_ZERO, KERNEL_6_1, false},
    {"dirty", STAT_ZERO, KERNEL_6_1, false},
    {"writeback", STAT_ZERO, KERNEL_6_1, false},
    {"workingset_refault_anon", STAT_ZERO, KERNEL_6_1, false},
    {"workingset_refault_file", STAT_ZERO, KERNEL_6_1, false},
    {"swap", STAT_SWAPPED, KERNEL_6_1, false},
    {"swapcached", STAT_ZERO, KERNEL_6_18, false},
    {"pgpgin", STAT_ZERO, KERNEL_6_1, false},
    {"pgpgout", STAT_ZERO, KERNEL_6_1, false},
    {"pgfault", STAT_FAULTS, KERNEL_6_1, false},
    {"pgmajfault", STAT_ZERO, KERNEL_6_1, false},
    {"inactive_anon", STAT_ANON, KERNEL_6_1, false},
    {"active_anon", STAT_ZERO, KERNEL_6_1, false},
    {"inactive_file", STAT_FILE, KERNEL_6_1, false},
    {"active_file", STAT_ZERO, KERNEL_6_1, false},
    {"unevictable", STAT_ZERO, KERNEL_6_1, false},
};

static uint64_t smallest_limit(const struct memory_css *memory, bool memsw)
{
    uint64_t pages = PAGES_MAX;
    for (const struct memory_css *at = memory; at; at = memory_parent(at)) {
        uint64_t here = memsw ? at->memsw_max : at->max;
        pages = here < pages ? here : pages;
    }
    return pages * PAGE_BYTES;
}

static uint64_t value_of(const struct memory_css *memory, enum stat_source source, bool subtree)
{
    const uint64_t *bytes = subtree ? memory->usage : memory->own;
    switch (source) {
    case STAT_ZERO:
        return 0;
    case STAT_ANON:
        return whole_pages(bytes[MEMORY_ANON]);
    case STAT_FILE:
        return whole_pages(bytes[MEMORY_FILE]);
    case STAT_FAULTS:
        return memory->faults;
    case STAT_SWAPPED:
        return whole_pages(subtree ? memory->swapped : memory->own_swapped);
    case STAT_LIMIT:
        return smallest_limit(memory, false);
    case STAT_MEMSW_LIMIT:
        return smallest_limit(memory, true);
    }
    return 0;
}

int memory_stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(lines_v2); i++)
        if (cgroup_since(io->cgroup, lines_v2[i].since))
            print_key_u64(out, lines_v2[i].name,
                value_of(memory_of(io->css), lines_v2[i].source, true));
    return 0;
}

static void print_node(struct strbuf *out, const char *name, uint64_t value)
{
    strbuf_add(out, name);
    strbuf_add(out, " N0=");
    print_line_u64(out, value);
}

int memory_numa_stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    bool more = cgroup_since(io->cgroup, KERNEL_6_18);
    for (size_t i = 0; i < ARRAY_SIZE(lines_v2); i++) {
        const struct stat_line *line = &lines_v2[i];
        if (!line->numa || !cgroup_since(io->cgroup, line->since))
            continue;
        print_node(out, line->name, value_of(memory_of(io->css), line->source, true));
        if (more && str_equal(line->name, numa_only_after))
            print_node(out, numa_only_6_18, 0);
    }
    return 0;
}

int memory_stat_v1_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct memory_css *memory = memory_of(io->css);
    for (int subtree = 0; subtree <= 1; subtree++) {
        for (size_t i = 0; i < ARRAY_SIZE(lines_v1); i++) {
            if (!cgroup_since(io->cgroup, lines_v1[i].since))
                continue;
            strbuf_add(out, subtree ? "total_" : "");
            print_key_u64(
                out, lines_v1[i].name, value_of(memory, lines_v1[i].source, subtree));
        }
        if (!subtree) {
            print_key_u64(
                out, "hierarchical_memory_limit", value_of(memory, STAT_LIMIT, true));
            print_key_u64(
                out, "hierarchical_memsw_limit", value_of(memory, STAT_MEMSW_LIMIT, true));
        }
    }
    return 0;
}

int memory_numa_stat_v1_read(const struct cgroup_io *io, struct strbuf *out)
{
    static const char *const names[] = {"total", "file", "anon", "unevictable"};
    const struct memory_css *memory = memory_of(io->css);
    for (int subtree = 0; subtree <= 1; subtree++) {
        const uint64_t *bytes = subtree ? memory->usage : memory->own;
        const uint64_t pages[] = {
            (whole_pages(bytes[MEMORY_ANON]) + whole_pages(bytes[MEMORY_FILE])) / PAGE_BYTES,
            whole_pages(bytes[MEMORY_FILE]) / PAGE_BYTES,
            whole_pages(bytes[MEMORY_ANON]) / PAGE_BYTES,
            0,
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            strbuf_add(out, subtree ? "hierarchical_" : "");
            strbuf_add(out, names[i]);
            strbuf_add(out, "=");
            print_u64(out, pages[i]);
            strbuf_add(out, " N0=");
            print_line_u64(out, pages[i]);
        }
    }
    return 0;
}
