/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated init helper: what a process made from a plan does, step by step, with small virtual
 * delays. It creates `status`, blocks at its gate, walks the stages of launchers.md 5 as far as the
 * simulated machine has them, starts the workload as its child, forwards signals, reaps, writes the
 * workload's wait status, and exits 0. It needs no agent to go on.
 */
#pragma once

#include "fakes/host/sim_world.h"
#include "reference/launchers/plan.h"

struct process;

/* The writing end of a control pipe. Owned by its host, known to its init. */
struct sim_gate {
    struct sim_init *init; /* NULL: it has ended */
};

/* Makes the fresh process play the plan, of which it keeps copies. `outputs`: paths of what it
 * inherits where the plan names descriptors. ret_gate is the caller's. */
void sim_init_start(struct sim_world *world, struct process *process, const struct plan *plan,
    char *const outputs[2], struct sim_gate **ret_gate);
/* True when the process is an init that has opened this file for its status. */
bool sim_init_holds(const struct process *process, const char *path);
/* The byte: -EPIPE when the init has ended. */
int sim_gate_release(struct sim_gate *gate);
/* Closes and frees; an init that has had no byte ends. */
void sim_gate_close(struct sim_gate *gate);
