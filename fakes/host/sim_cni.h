/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI plugins of the simulated machine, in /usr/lib/cni as Debian has them: bridge and ptp, with
 * addresses by the ipam types host-local and static. They know the versions of the specification
 * that the real ones know, and are strict about what they are given. A configuration with
 * "fails": "ADD" or "DEL" makes that command fail, with "takes": SECONDS it lasts that long.
 *
 * nsenter is here too, as far as network/cni uses it: it fails when the process is gone.
 */
#pragma once

#include "fakes/host/sim_host.h"

#define SIM_CNI_DIRECTORY "/usr/lib/cni"

struct sim_cni;
void sim_cni_install(struct host *host);
void sim_cni_free(struct sim_cni *cni); /* NULL is fine */
/* /proc/PID/net/dev of a process in that network namespace; owned. cni may be NULL. */
char *sim_cni_devices(const struct sim_cni *cni, uint64_t network_inode);
/* "CONTAINER/INTERFACE" of what is attached and was never detached; owned. */
char **sim_cni_attached(const struct sim_cni *cni);
