/* SPDX-License-Identifier: Apache-2.0 */
/* The cpuset controller from the inside: states, and the rules of v1 (controllers/cpuset_v1.c). */
#pragma once

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"
#include "fakes/kernel/cpu_mask.h"

enum cpuset_flag {
    CPUSET_CPU_EXCLUSIVE,
    CPUSET_MEM_EXCLUSIVE,
    CPUSET_MEM_HARDWALL,
    CPUSET_MEMORY_MIGRATE,
    CPUSET_LOAD_BALANCE,
    CPUSET_SPREAD_PAGE,
    CPUSET_SPREAD_SLAB,
    CPUSET_PRESSURE_ENABLED,
};
enum cpuset_partition { PARTITION_MEMBER, PARTITION_ROOT, PARTITION_ISOLATED };
enum partition_error {
    PARTITION_VALID,
    PARTITION_INVALID_CPUS,
    PARTITION_INVALID_PARENT,
    PARTITION_NO_PARENT,
    PARTITION_NOT_EXCLUSIVE,
    PARTITION_NO_CPUS,
    PARTITION_CPUS_EMPTY,
    PARTITION_NOT_PERMITTED,
};

struct cpuset_css {
    struct cgroup_css css;
    struct cpu_mask cpus;      /* as written */
    struct cpu_mask effective; /* v2; in v1 the same as cpus */
    struct cpu_mask exclusive; /* v2 since 6.12 */
    struct cpu_mask mems;
    struct cpu_mask effective_mems;
    uint8_t flags; /* 1 << enum cpuset_flag */
    int8_t relax_domain_level;
    enum cpuset_partition partition;
    enum partition_error partition_error;
    bool remote; /* of the root: there was a partition whose parent is none */
};

static inline struct cpuset_css *cpuset_of(const struct cgroup_css *css)
{
    return (struct cpuset_css *)css;
}
static inline struct cpuset_css *cpuset_parent(const struct cpuset_css *set)
{
    return cpuset_of(cgroup_css_parent(&set->css));
}
static inline bool cpuset_has(const struct cpuset_css *set, enum cpuset_flag flag)
{
    return set->flags >> flag & 1;
}

/* The text of cpuset.cpus or cpuset.mems: -EACCES on the root, and the parser's errors. */
int cpuset_parse(const struct cgroup_io *io, char *text, bool mems, struct cpu_mask *ret_mask);
/* How long a list of CPUs or nodes may be (kernel/cgroup/cpuset.c: 100U + 6 * NR_CPUS). */
size_t cpuset_cpus_write_max(const struct kernel_profile *profile);
size_t cpuset_mems_write_max(const struct kernel_profile *profile);
/* Processes may not lose their last CPU or node: -ENOSPC. */
int cpuset_keeps_room(const struct cpuset_css *set, const struct cpuset_css *trial);
int cpuset_v1_validate(const struct cpuset_css *set, const struct cpuset_css *trial);
extern const struct cgroup_file cpuset_files_v1[];
