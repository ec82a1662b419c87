/* SPDX-License-Identifier: Apache-2.0 */
/* What both worlds look for when they look for what was left behind. */
#pragma once

#include "scenarios/engine/backends/backend.h"

/* Each adds lines such as "cgroup memory mesos/c1". */
void audit_cgroups(struct world *world, char ***lines);
void audit_runtime(struct world *world, char ***lines);
void audit_processes(struct world *world, char ***lines);
