/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the real kernel, on which an OCI runtime makes the processes: spawning a plan is the
 * runtime's `create`, opening its gate `start`, and once the process has ended comes `delete`. All
 * else is host_linux's.
 *
 * A runtime's container has no init of its own: its first process is the workload. Its status is
 * written by us where the init helper would, as its end is heard of.
 */
#pragma once

#include "reference/host.h"

struct oci_world;

/*
 * What outlives agents: the runtime, its containers, their bundles, in a new directory below the
 * world's, which is all that a container without a root of its own may write to. `cgroups` is the
 * name of a cgroup that the runtime may fill until the launcher moves its processes. One at a time
 * in a process, which adopts the orphans of runtimes from here on.
 */
int oci_world_new(const char *program, const char *directory, const char *cgroups,
    struct oci_world **ret_world, struct err *err);
/* Has the runtime delete what is left, and frees. NULL is fine. */
void oci_world_free(struct oci_world *world);
/* What was asked for that a bundle has no word for; NULL: nothing so far. */
const char *oci_world_beyond(const struct oci_world *world);
/* Says that the scenario asks for something that can't be had here. */
void oci_world_refuse(struct oci_world *world, const char *what);
/* A line for each container that lives; what has ended without being watched is deleted. `final`:
 * no descriptor stays open either. */
void oci_world_audit(struct oci_world *world, bool final, char ***lines);

/* Takes a host of the real kernel over. */
void oci_host_take(struct host *host);
