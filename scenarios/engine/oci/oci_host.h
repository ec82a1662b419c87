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

#include "scenarios/engine/oci/containers.h"

/* Takes a host of the real kernel over: its containers are the world's, which outlives it. */
void oci_host_take(struct host *host, struct oci_world *world);
