/* SPDX-License-Identifier: Apache-2.0 */
/* Removing cgroups, which may stay busy for a while after their last process died
 * (launchers.md 3.5). */
#pragma once

#include "reference/cgroups/cgroup_fs.h"

/*
 * Removes the cgroup and all below it, bottom-up. EBUSY is retried after 1, 2, 4 … ms until
 * timeout_ns have passed; what is missing is fine. done: ready, or failed with the path and the
 * last errno.
 */
void cgroup_tree_remove(
    struct cgroup_fs *fs, const char *path, uint64_t timeout_ns, struct done done);
