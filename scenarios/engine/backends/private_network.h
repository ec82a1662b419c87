/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network of a scenario's own, for agents that change their host's for good: a network namespace
 * with eth0 (10.77.0.2/24), behind which is a gateway (10.77.0.1) in another one, and a mount
 * namespace in which /sys tells of it and /run is empty. The process that enters is in them until
 * it leaves; whom it starts meanwhile stays there.
 */
#pragma once

#include <stdbool.h>

#include "reference/base/err.h"

struct private_network;
/* Needs root and the program ip. */
int private_network_enter(struct private_network **ret_network, struct err *err);
void private_network_leave(struct private_network *network); /* NULL is fine; frees */
/* Links and names of namespaces that a scenario has made and that are still there, a line each;
 * bridges, which a CNI plugin leaves on purpose, do not count. NULL: no lines. */
void private_network_audit(const struct private_network *network, char ***lines);

/* What the kernel and the machine's tools can do, found out once, in namespaces of their own. */
bool private_network_works(void);
/* Ingress qdiscs, u32 filters that redirect, `tc` and `ethtool`. */
bool traffic_control_works(void);
/* HTB with fq_codel below it. */
bool traffic_shaping_works(void);
