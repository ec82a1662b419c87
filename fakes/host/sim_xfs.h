/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XFS with project quotas, as far as xfs_quota and xfs_io tell of it: who has which project id, the
 * limits of each, and what its directories take (as du has it). Limits are kept and told; writes
 * beyond the hard one do not fail.
 */
#pragma once

#include "fakes/host/sim_host.h"

/* Files for whoever looks: the limits of each project ("bsoft=N bhard=N"), and the project of each
 * directory by its last name. */
#define SIM_XFS_LIMITS "/sim/xfs/limits"
#define SIM_XFS_DIRECTORIES "/sim/xfs/projects"

struct sim_xfs;
/* The machine's file system is XFS from now on, and has the tools of xfsprogs. */
void sim_xfs_install(struct host *host);
void sim_xfs_free(struct sim_xfs *xfs); /* NULL is fine */
