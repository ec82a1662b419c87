/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of the simulated host, for `ip`, `tc`, `nsenter … tc` and scripts of `sh`: eth0
 * (10.0.2.15/24, 10 Gbit/s, a default gateway), lo, pairs of veth, qdiscs and u32 filters; in
 * containers their limits, and sockets that are always the same. Nothing moves in it.
 * It is strict: what is there can't be added, what is not there can't be deleted.
 *
 * For whoever looks: SIM_NET/filters and SIM_NET/qdiscs, a line each; SIM_NET/script, the last
 * script of a container; SIM_NET/inside, the last batch inside one.
 */
#pragma once

#include "fakes/host/sim_host.h"

#define SIM_NET "/sim/net"

struct sim_net;
void sim_net_install(struct host *host);
void sim_net_free(struct sim_net *net); /* NULL is fine */
/* Links and filters of containers that are left; owned. net may be NULL. */
char **sim_net_left(const struct sim_net *net);
