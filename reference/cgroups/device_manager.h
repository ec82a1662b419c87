/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device manager of v2 (isolators.md 3.8): what each cgroup may access, kept in one state file
 * that is written before a program is attached, so that a restarted agent can attach them anew.
 */
#pragma once

#include "reference/cgroups/cgroup_fs.h"
#include "reference/cgroups/device.h"

struct device_manager;
/* fs: the unified hierarchy. state_path: the checkpoint file. */
struct device_manager *device_manager_new(struct cgroup_fs *fs, const char *state_path);
void device_manager_free(struct device_manager *manager); /* NULL is fine */

/* First configuration of a cgroup. -EEXIST when it has one; -EINVAL for lists that are not
 * normalized, a deny entry with a wildcard, or an allow entry that a deny entry encompasses. */
int device_manager_configure(struct device_manager *manager, const char *cgroup,
    const struct device_list *allow, const struct device_list *deny, struct err *err);
/* Adds and removes accesses, without wildcards; an unknown cgroup starts from empty lists. */
int device_manager_reconfigure(struct device_manager *manager, const char *cgroup,
    const struct device_list *add, const struct device_list *remove, struct err *err);
/* Forgets; the file follows at the next change. */
void device_manager_remove(struct device_manager *manager, const char *cgroup);
/* Loads the file (missing is fine, unparsable fails), keeps only the cgroups in `known`, attaches
 * them again. */
int device_manager_recover(struct device_manager *manager, char *const *known, struct err *err);
/* The lists in force; NULL when there are none. */
const struct device_list *device_manager_allowed(
    struct device_manager *manager, const char *cgroup);
const struct device_list *device_manager_denied(struct device_manager *manager, const char *cgroup);
