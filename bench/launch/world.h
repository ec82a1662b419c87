/* SPDX-License-Identifier: Apache-2.0 */
/* What the contenders of one run share, and what must be gone after it. */
#pragma once

#include <stddef.h>

#include "reference/base/err.h"

struct launch_world {
    char *directory; /* of this run, below /tmp */
    char *rootfs;    /* there: the payload and mount points, nothing else */
    char *payload;   /* the program, as the host sees it */
    char *init_helper;
    char *cgroup;       /* the one that contenders use in each hierarchy: seatrial-bench-PID */
    const char *docker; /* the socket of an engine; NULL: its usual one */
    struct audit *before;
};

/*
 * Makes the directory and the root, and hides the unified hierarchy from this process (crun refuses
 * hybrid layouts, so all contenders run without it). -EPERM without root; -ENOENT when a program of
 * ours is missing.
 */
int world_open(struct launch_world *world, struct err *err);
/* Removes what is ours; adds what was left behind (mounts, cgroups, processes, files) to leaks. */
void world_close(struct launch_world *world, char ***leaks);

/* The v1 hierarchies of a container of the reference with cgroups/cpu, mem and pids. */
extern const char *const world_hierarchies[];
#define WORLD_HIERARCHIES 5
