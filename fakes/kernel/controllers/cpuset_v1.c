/* SPDX-License-Identifier: Apache-2.0 */
/* The cpuset files of v1 (spec cgroupfs.md 6): a child is always a subset of its parent. */
#include <errno.h>

#include "fakes/kernel/cpuset.h"

#define RELAX_LEVEL_MAX 2 /* of a machine with one package */

static struct cpuset_css *cpuset(const struct cgroup_io *io)
{
    return cpuset_of(io->css);
}

/* Exclusive only below an exclusive one. */
static bool subset(const struct cpuset_css *inner, const struct cpuset_css *outer)
{
    return cpu_mask_within(&inner->cpus, &outer->cpus) &&
           cpu_mask_within(&inner->mems, &outer->mems) &&
           cpuset_has(inner, CPUSET_CPU_EXCLUSIVE) <= cpuset_has(outer, CPUSET_CPU_EXCLUSIVE) &&
           cpuset_has(inner, CPUSET_MEM_EXCLUSIVE) <= cpuset_has(outer, CPUSET_MEM_EXCLUSIVE);
}

static bool excludes(const struct cpuset_css *a, const struct cpuset_css *b)
{
    bool cpus = cpuset_has(a, CPUSET_CPU_EXCLUSIVE) || cpuset_has(b, CPUSET_CPU_EXCLUSIVE);
    bool mems = cpuset_has(a, CPUSET_MEM_EXCLUSIVE) || cpuset_has(b, CPUSET_MEM_EXCLUSIVE);
    return (cpus && cpu_mask_overlaps(&a->cpus, &b->cpus)) ||
           (mems && cpu_mask_overlaps(&a->mems, &b->mems));
}

int cpuset_v1_validate(const struct cpuset_css *set, const struct cpuset_css *trial)
{
    const struct cgroup *cgroup = set->css.cgroup;
    list_for_each(node, &cgroup->children) {
        const struct cgroup *child = list_entry(node, struct cgroup, sibling);
        if (!subset(cpuset_of(child->css[SUBSYS_CPUSET]), trial))
            return -EBUSY;
    }
    if (!cgroup->parent)
        return 0;
    if (!subset(trial, cpuset_parent(set)))
        return -EACCES;
    list_for_each(node, &cgroup->parent->children) {
        const struct cgroup *sibling = list_entry(node, struct cgroup, sibling);
        if (sibling != cgroup && excludes(trial, cpuset_of(sibling->css[SUBSYS_CPUSET])))
            return -EINVAL;
    }
    return cpuset_keeps_room(set, trial);
}

static int take(const struct cgroup_io *io, const struct cpuset_css *trial)
{
    struct cpuset_css *set = cpuset(io);
    int result = cpuset_v1_validate(set, trial);
    if (result)
        return result;
    set->cpus = set->effective = trial->cpus;
    set->mems = set->effective_mems = trial->mems;
    set->flags = trial->flags;
    sched_changed(io->kernel);
    return 0;
}

static int mask_read(const struct cgroup_io *io, struct strbuf *out)
{
    cpu_mask_print((const struct cpu_mask *)((const char *)io->css + io->file->argument), out);
    return 0;
}

static int mask_write(const struct cgroup_io *io, char *text)
{
    struct cpuset_css trial = *cpuset(io);
    bool mems = io->file->argument == offsetof(struct cpuset_css, mems);
    int result = cpuset_parse(io, text, mems, mems ? &trial.mems : &trial.cpus);
    return result ? result : take(io, &trial);
}

static int flag_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpuset_has(cpuset(io), (enum cpuset_flag)io->file->argument));
    return 0;
}

static int flag_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    struct cpuset_css trial = *cpuset(io);
    uint8_t bit = (uint8_t)(1u << io->file->argument);
    /* The kernel passes it on as an int; only the root's memory_pressure_enabled keeps 64 bits. */
    bool on = io->file->argument == CPUSET_PRESSURE_ENABLED ? value != 0 : (uint32_t)value != 0;
    trial.flags = (uint8_t)(on ? trial.flags | bit : trial.flags & ~bit);
    return take(io, &trial);
}

static int level_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_addf(out, "%d\n", cpuset(io)->relax_domain_level);
    return 0;
}

static int level_write(const struct cgroup_io *io, char *text)
{
    int64_t value;
    int result = text_s64(text, &value);
    if (result)
        return result;
    if (value < -1 || value > RELAX_LEVEL_MAX)
        return -EINVAL;
    cpuset(io)->relax_domain_level = (int8_t)value;
    return 0;
}

static int pressure_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_line_u64(out, 0);
    return 0;
}

#define SET_FIELD(member) ((intptr_t)offsetof(struct cpuset_css, member))
#define FLAG_ROW(name_, where_, flag_)                                                             \
    {                                                                                              \
        (name_), (where_), FILE_V1, 0644, flag_read, flag_write, NULL, (flag_), 0                  \
    }

const struct cgroup_file cpuset_files_v1[] = {
    {"cpuset.cpus", ON_BOTH, FILE_V1, 0644, mask_read, mask_write, NULL, SET_FIELD(cpus),
        cpuset_cpus_write_max},
    {"cpuset.mems", ON_BOTH, FILE_V1, 0644, mask_read, mask_write, NULL, SET_FIELD(mems),
        cpuset_mems_write_max},
    {"cpuset.effective_cpus", ON_BOTH, FILE_V1, 0444, mask_read, NULL, NULL, SET_FIELD(effective),
        0},
    {"cpuset.effective_mems", ON_BOTH, FILE_V1, 0444, mask_read, NULL, NULL,
        SET_FIELD(effective_mems), 0},
    FLAG_ROW("cpuset.cpu_exclusive", ON_BOTH, CPUSET_CPU_EXCLUSIVE),
    FLAG_ROW("cpuset.mem_exclusive", ON_BOTH, CPUSET_MEM_EXCLUSIVE),
    FLAG_ROW("cpuset.mem_hardwall", ON_BOTH, CPUSET_MEM_HARDWALL),
    FLAG_ROW("cpuset.memory_migrate", ON_BOTH, CPUSET_MEMORY_MIGRATE),
    FLAG_ROW("cpuset.sched_load_balance", ON_BOTH, CPUSET_LOAD_BALANCE),
    FLAG_ROW("cpuset.memory_spread_page", ON_BOTH, CPUSET_SPREAD_PAGE),
    FLAG_ROW("cpuset.memory_spread_slab", ON_BOTH, CPUSET_SPREAD_SLAB),
    FLAG_ROW("cpuset.memory_pressure_enabled", ON_ROOT, CPUSET_PRESSURE_ENABLED),
    {"cpuset.memory_pressure", ON_BOTH, FILE_V1, 0444, pressure_read, NULL, NULL, 0, 0},
    {"cpuset.sched_relax_domain_level", ON_BOTH, FILE_V1, 0644, level_read, level_write, NULL, 0,
        0},
    {.name = NULL},
};
