/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure stall information: totals per cgroup and resource, and triggers on open files. */
#pragma once

#include <stdint.h>

struct cgroup;
struct psi_trigger;

enum psi_resource { PSI_IO, PSI_MEMORY, PSI_CPU, PSI_IRQ, PSI_COUNT };

/* Some, or all (full), tasks of the cgroup stalled for that long; counts for the ancestors too. */
void psi_stall(struct cgroup *cgroup, enum psi_resource resource, uint64_t some_us,
    uint64_t full_us);
void psi_trigger_free(struct psi_trigger *trigger); /* NULL is fine */
/* POLLPRI when it fired since the last call; POLLPRI | POLLERR without a trigger. */
unsigned psi_trigger_poll(struct psi_trigger *trigger);
