/* SPDX-License-Identifier: Apache-2.0 */
/* The mounted cgroup hierarchies, as the probes number them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/base/err.h"

struct hierarchy {
    uint32_t number;    /* 0: the unified one */
    char *mount_point;
    char **controllers; /* of v1, "name=systemd" too; of v2 empty */
};
struct hierarchy_list {
    struct hierarchy *items;
    size_t count;
};

/* Reads /proc/self/mountinfo and /proc/self/cgroup. None is no error. */
int hierarchies_read(struct hierarchy_list *list, struct err *err);
/* The same from texts of these two files: what the tests give. */
void hierarchies_parse(const char *mountinfo, const char *cgroup, struct hierarchy_list *list);
void hierarchies_release(struct hierarchy_list *list);

/* That of a v1 controller, or the unified one for NULL; NULL when it is not mounted. */
const struct hierarchy *hierarchy_of(const struct hierarchy_list *list, const char *controller);
/* Which one holds this path of the file system, and the path below its root ("" for that); NULL
 * when none does. */
const struct hierarchy *hierarchy_of_path(
    const struct hierarchy_list *list, const char *path, const char **ret_below);
/* The number of the cgroup, unique in its hierarchy. -ENOENT, … */
int cgroup_id_read(const struct hierarchy *hierarchy, const char *cgroup, uint64_t *ret_id);
