/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scenario may need of a backend. The need comes from `needs`, from the agent it describes
 * and from its steps; a backend says what it has, and why not when it has not: a reasoned skip.
 */
#pragma once

#include <stdint.h>

enum capability {
    CAPABILITY_VIRTUAL_TIME, /* long waits cost nothing */
    CAPABILITY_FAULTS,       /* faults and crashes at any effect */
    CAPABILITY_CRASHES,      /* the agent can be killed and started anew */
    CAPABILITY_PARTS,        /* the agent's parts can be held and counted, its trace read */
    CAPABILITY_KERNEL_KNOBS, /* stuck freezer, unkillable processes, small machines */
    CAPABILITY_SHELL,        /* runs any command, not only workloads */
    CAPABILITY_ROOT,
    CAPABILITY_LINUX_LAUNCHER,
    CAPABILITY_CGROUPS_V1,
    CAPABILITY_CGROUPS_V2,
    CAPABILITY_CGROUPS_HYBRID,
    CAPABILITY_NAMESPACES, /* that a process can look at */
    CAPABILITY_MOUNTS,
    CAPABILITY_IMAGES,
    CAPABILITY_DOCKER,
    CAPABILITY_NETWORK,
    CAPABILITY_PRIVATE_NETWORK, /* a network of the scenario's own, with eth0 and a gateway */
    CAPABILITY_TRAFFIC_CONTROL, /* filters that redirect packets */
    CAPABILITY_TRAFFIC_SHAPING, /* limits of rates */
    CAPABILITY_XFS, /* the work directory on XFS with project quotas */
    CAPABILITY_DISK, /* the work directory is on a block device */
    CAPABILITY_STEADY_CPUS, /* a second of CPU time takes about a second */
    CAPABILITY_CNI, /* CNI plugins at Debian's place */
    CAPABILITY_PERF,
    CAPABILITY_FUSE,       /* a workload may serve a file system */
    CAPABILITY_SIMULATION, /* nothing but the simulated kernel will do */
    CAPABILITY_COUNT
};
#define NEED(capability) (UINT64_C(1) << (capability))

struct capability_row {
    const char *name;
    const char *help;
};
extern const struct capability_row capability_rows[CAPABILITY_COUNT];
extern const char *const capability_names[CAPABILITY_COUNT + 1];
