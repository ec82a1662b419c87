/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine under our feet has of cgroups, and what of it an agent is shown. */
#pragma once

#include <stdbool.h>

#include "scenarios/engine/backends/backend.h"

/* The freezer of version 1 is mounted at the standard place. */
bool machine_has_v1(void);
/* Where version 2 is mounted: the standard place, or beside version 1; NULL when nowhere. */
const char *machine_cgroup2(void);
/* Is docker among its containerizers? It reads and writes the cgroups of its containers, whoever
 * launches those of others. */
bool machine_has_docker(const struct node *agent);
/* Is that isolator among those of an agent? */
bool machine_has_isolator(const struct node *agent, const char *isolator);
/* Starts a CSI plugin for an agent that has volume/csi, on the observer's host. */
int machine_csi_start(struct world *world, const struct node *agent, struct err *err);
/* The flag with which an agent finds it. */
void machine_csi_flags(const struct world *world, struct flags *flags);
/* For host_linux_options.cgroups: the version that the agent asks for; without a wish that which
 * the machine stands on, as an agent refuses a hybrid layout. */
const char *machine_layout(const struct node *agent);
/* "needs the controller memory: …" for the isolators that an agent, or a restart of it, asks for;
 * owned, NULL when all are there. */
char *machine_lacks(const struct node *agent, const struct node *asks);
/* Mounts, below the directory, the v1 hierarchies that the isolators of an agent need and nobody
 * has mounted; for this process and its children only. */
int machine_mount(const struct node *agent, const char *directory, struct err *err);
/* From now on what is mounted is for this process and its children only; once. Negative errno. */
int machine_mounts_unshare(void);
