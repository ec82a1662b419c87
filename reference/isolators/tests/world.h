/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated world with one host, for tests of isolators. */
#pragma once

#include "fakes/host/sim_host.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/sim_loop.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/isolators/isolator.h"

struct world {
    struct loop *loop;
    struct kernel *kernel;
    struct host *host;
    struct flags flags;
    struct isolator_list isolators;
};

/* Keeps what a done was called with. */
struct outcome {
    unsigned calls;
    int result;
    char *message;
    const void *value; /* only valid inside the call; see the copies below */
    struct statistics statistics;
    struct limitation limitation;
};

/* isolation as in --isolation; asserts success. */
void world_start(struct world *world, enum cgroup_layout layout, const char *isolation,
    const char *const *flags);
void world_stop(struct world *world);
struct isolator *world_isolator(struct world *world, const char *name);
/* Runs the loop until nothing is due within a (virtual) second. */
void world_settle(struct world *world);
/* The content of a control file without its last newline; asserts that it can be read. */
char *world_read(struct world *world, const char *controller, const char *path, const char *file);

void outcome_done(void *arg, int result, const void *value, const struct err *err);
void outcome_statistics(void *arg, int result, const void *value, const struct err *err);
void outcome_limitation(void *arg, int result, const void *value, const struct err *err);
void outcome_release(struct outcome *outcome);

/* A config with these requests and limits; NAN = none. Release with json_type_release. */
struct container_config world_config(
    double cpus, double mem_mb, double cpus_limit, double mem_limit_mb);
