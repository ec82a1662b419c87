/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure stall information: totals per cgroup and resource, and triggers on open files. */
#pragma once

#include <stdint.h>

struct cgroup;
struct task;
struct psi_trigger;

enum psi_resource { PSI_IO, PSI_MEMORY, PSI_CPU, PSI_IRQ, PSI_COUNT };

/* Some, or all (full), tasks of the cgroup stalled for that long; counts for the ancestors too. */
void psi_stall(struct cgroup *cgroup, enum psi_resource resource, uint64_t some_us,
    uint64_t full_us);
/* A task slept that long for want of the resource; in full where nobody else is. */
void psi_task_stalled(const struct task *task, enum psi_resource resource, uint64_t us);
/*
 * CPU pressure, of what the scheduler did since last time: first each task that wanted a CPU says
 * which share of it it had, then each again for how long. A cgroup stalls for the share of time
 * that somebody waits, in full for that in which nobody runs.
 */
void psi_cpu_add(const struct task *task, double running);
void psi_cpu_settle(const struct task *task, uint64_t elapsed_ns);
void psi_trigger_free(struct psi_trigger *trigger); /* NULL is fine */
/* POLLPRI when it fired since the last call; POLLPRI | POLLERR without a trigger. */
unsigned psi_trigger_poll(struct psi_trigger *trigger);
