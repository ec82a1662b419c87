/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated kernel: processes (process.h, workload.h, sched.h) and the cgroup model (cgroup.h,
 * a file per controller), as discrete events on a loop of virtual time. It knows nothing of
 * containerizers. Nothing in it depends on addresses or on the host.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fakes/rng.h"
#include "reference/base/list.h"
#include "reference/base/loop.h"
#include "reference/base/map.h"

enum cgroup_layout { CGROUP_LAYOUT_V1, CGROUP_LAYOUT_V2, CGROUP_LAYOUT_HYBRID, CGROUP_LAYOUT_NONE };

struct kernel_config {
    const char *profile; /* "6.1", "6.12" or "6.18"; NULL = 6.12 */
    enum cgroup_layout layout;
    unsigned cpus;           /* 0 = 4 */
    uint64_t memory_bytes;   /* 0 = 8 GiB */
    uint64_t swap_bytes;
    uint64_t seed;
    /* Comma list of what the build lacks or has beyond the profile's default; see cgroup.h. NULL =
     * none. */
    const char *options;
};

struct process;
struct task;
struct cgroup;
struct cgroup_root;
struct sim_world;

#define KERNEL_MAX_HIERARCHIES 20

struct kernel {
    struct loop *loop; /* borrowed */
    struct rng rng;
    const struct kernel_profile *profile; /* cgroup.h */
    unsigned cpus;
    uint64_t memory_bytes;
    uint64_t memory_used_bytes;
    uint64_t swap_bytes;
    uint64_t page_bytes; /* 4096 */

    /* processes: process.c */
    struct u64map *tasks;    /* tid in the root pid namespace -> struct task * */
    struct list processes;   /* struct process.node, by creation */
    struct list reaped;      /* processes that are freed at the next fork */
    struct list untold;      /* reaped ones whose end somebody is still to be told */
    struct process *init;    /* pid 1, adopts orphans; ignores signals */
    pid_t last_pid;
    uint64_t last_namespace; /* inode numbers of namespaces */
    struct sched *sched;     /* sched.c */
    struct vfs *vfs;         /* files that workloads and agents share: fakes/vfs.h; owned */
    struct strmap *pipes; /* pipe.c: path -> struct pipe *; NULL: there never was one */
    struct sim_world *world; /* host/sim_world.c: mounts, users …; NULL without a host */
    void (*world_close)(struct sim_world *world); /* called by kernel_free while processes live */
    void (*world_free)(struct sim_world *world); /* and when there are none any more */
    uint64_t (*world_digest)(const struct sim_world *world, uint64_t hash); /* by kernel_digest */

    /* cgroups: cgroup.c */
    enum cgroup_layout layout;
    struct cgroup_root *hierarchies[KERNEL_MAX_HIERARCHIES]; /* v1 ones, then the v2 one */
    unsigned hierarchies_count;
    uint64_t last_cgroup_id;
    struct cgroup_world *cgroup_world; /* owned */
};

/* NULL when the configuration names no known profile. */
struct kernel *kernel_new(struct loop *loop, const struct kernel_config *config);
void kernel_free(struct kernel *kernel);
/* Canonical digest of processes and cgroup trees, for the rolling hash. */
uint64_t kernel_digest(struct kernel *kernel, uint64_t hash);
