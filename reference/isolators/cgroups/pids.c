/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/pids: placement only, no limit is ever written (isolators.md 3.5). */
#include "reference/isolators/cgroups/subsystem.h"

const struct cgroup_subsystem_ops cgroup_pids_ops = {
    .name = "pids",
    .controller_v1 = "pids",
    .controller_v2 = "pids",
};
