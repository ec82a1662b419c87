/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated machine with one launcher at a time, for the tests of launchers. */
#pragma once

#include "fakes/faults.h"
#include "fakes/host/sim_host.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/sim_loop.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/launchers/launcher.h"

#define SIM_ROOT "mesos"

struct sim {
    struct loop *loop;
    struct kernel *kernel;
    struct host *host;
    struct launcher *launcher;
    struct fault_plan faults;
    bool v2;
    bool posix;
};

/* layout: of the cgroups; posix: that launcher instead of the linux one. */
void sim_open(struct sim *sim, enum cgroup_layout layout, bool posix);
void sim_close(struct sim *sim);
/* The agent ends, crashed already or not, and a new one comes: with a launcher that knows nothing.
 * The faults are gone. */
void sim_restart(struct sim *sim);
void sim_fault(struct sim *sim, struct fault_rule rule);
void sim_no_faults(struct sim *sim);

/* Forks and releases a container that plays the arguments of the workload program. */
int sim_fork(
    struct sim *sim, const char *id, const char *workload, pid_t *ret_pid, struct err *err);
pid_t sim_start(struct sim *sim, const char *id, const char *workload);

struct sim_outcome {
    bool done;
    int result;
    char message[256];
    uint64_t elapsed_ns;
    char **orphans;
};
/* Destroys and runs until that is done. */
struct sim_outcome sim_destroy(struct sim *sim, const char *id);
/* Recovers; the orphans are owned by the caller. */
struct sim_outcome sim_recover(
    struct sim *sim, const struct container_state *states, size_t count);
/* Runs for a while. */
void sim_pass(struct sim *sim, uint64_t duration_ns);
/* Processes that are neither init nor the agent, zombies of ours not counted. */
unsigned sim_processes(const struct sim *sim);
/* The hierarchy of the launcher: the freezer's or the unified one. */
struct cgroup_fs *sim_fs(const struct sim *sim);
/* True when no container's cgroup is left in any hierarchy. */
bool sim_is_clean(const struct sim *sim);
