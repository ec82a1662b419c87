/* SPDX-License-Identifier: Apache-2.0 */
/* Between the v1 freezer (controllers/freezer.c) and the deferred freezing (cgroup_freezer.c). */
#pragma once

struct cgroup;

/* Has the tasks of the cgroup frozen in a later step of the loop, if they still are to be then. */
void cgroup_freeze_later(struct cgroup *cgroup);
void freezer_v1_settle(struct cgroup *cgroup);
