/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between kernel versions and builds. A version gives the defaults; the comma list of
 * kernel_config.options changes what the build has:
 *
 *     no-memory-v1, no-cpuset-v1   v1 controllers that the build left out
 *     without=a+b                  controllers that were not built at all
 *     only=a+b                     all others were not built
 *     rt-group                     cpu.rt_runtime_us and cpu.rt_period_us (v1)
 *     uclamp, no-uclamp            cpu.uclamp.min and .max (v2)
 *     bfq                          blkio.bfq.* and io.bfq.weight
 *     kernel-memory                v1: what child cgroups cost counts against limits, and in kmem.*
 *     shown-ram                    a vendor's memory.shown_ram_in_bytes (v1)
 *     irq-pressure                 irq.pressure (v2)
 *     nsdelegate, no-nsdelegate    mount option of v2; on unless hybrid
 *     no-recursiveprot             without the mount option memory_recursiveprot of v2
 *     separate                     v1: one hierarchy per controller
 *     no-mount-namespaces, no-pid-namespaces, no-ipc-namespaces   likewise left out
 *     not-root                     the agent is some other user
 *     no-files=a+b, mute-files=a+b  control files that an older kernel lacks, or of which every
 *                                   read and event is refused with EOPNOTSUPP (one name each: 47
 *                                   characters at most)
 *     unmounted=a+b                v1: controllers whose hierarchy nobody has mounted yet
 *     v1=a+b, v2=a+b               hybrid: controllers of v1, all others in v2; or the reverse
 *     nodes-max=N, cpus-max=N      largest node and length of a cpu list (MAX_NUMNODES, NR_CPUS)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum kernel_version { KERNEL_6_1, KERNEL_6_12, KERNEL_6_18 };

enum cgroup_subsys {
    SUBSYS_CPUSET,
    SUBSYS_CPU,
    SUBSYS_CPUACCT,
    SUBSYS_IO,
    SUBSYS_MEMORY,
    SUBSYS_DEVICES,
    SUBSYS_FREEZER,
    SUBSYS_NET_CLS,
    SUBSYS_PERF_EVENT,
    SUBSYS_NET_PRIO,
    SUBSYS_HUGETLB,
    SUBSYS_PIDS,
    SUBSYS_RDMA,
    SUBSYS_MISC,
    SUBSYS_COUNT,
    SUBSYS_CORE = SUBSYS_COUNT, /* files of the cgroup itself */
};
#define SUBSYS_BIT(subsys) (1u << (subsys))

#define PROFILE_FILES 4
#define PROFILE_FILE_LENGTH 48
/* Names of control files; unused ones are empty. */
typedef char profile_files[PROFILE_FILES][PROFILE_FILE_LENGTH];

struct kernel_profile {
    const char *name;
    enum kernel_version version;
    uint32_t v1_missing;  /* SUBSYS_BITs that v1 does not have */
    uint32_t missing;     /* SUBSYS_BITs that neither has */
    uint32_t unmounted;   /* SUBSYS_BITs of v1 whose hierarchy is not mounted at boot */
    uint32_t v2_bound;    /* hybrid: SUBSYS_BITs that are bound to v2 */
    bool v2_bound_set;
    profile_files no_files;
    profile_files mute_files;
    bool rt_group;
    bool uclamp;
    bool bfq;
    bool shown_ram;
    bool kernel_memory;
    bool irq_pressure;
    bool nsdelegate;
    bool nsdelegate_set;
    bool no_recursiveprot;
    bool separate;
    bool no_mount_namespaces;
    bool no_pid_namespaces;
    bool no_ipc_namespaces;
    bool not_root;
    unsigned nodes_max; /* MAX_NUMNODES */
    unsigned cpus_max;  /* NR_CPUS: how long a cpu list may be */
};

/* The version's defaults; NULL when unknown. */
const struct kernel_profile *kernel_profile_find(const char *name);
/* Applies the comma list to a copy of the defaults. -EINVAL for a word that is not an option;
 * *ret_word then points at it. */
int kernel_profile_apply(
    struct kernel_profile *profile, const char *options, const char **ret_word);
bool profile_files_have(const profile_files files, const char *name);
/* By name of v1 or v2 ("blkio" and "io" are the same); -1 when unknown. */
int cgroup_subsys_find(const char *name);
