/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces that net_prio knows. */
#pragma once

struct net_world {
    char **interfaces; /* "lo" first */
    unsigned last_index; /* net_prio.prioidx */
};
struct net_world *net_world_new(void);
void net_world_free(struct net_world *world);
