/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts and file operations of a plan, in the words of a bundle. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "reference/model/launch_info.h"

/*
 * All mounts of the plan, by their order, as an array that the caller owns. Those outside of a root
 * of its own, which the change of root takes away, are left out. -EOPNOTSUPP for file operations
 * other than the links below /dev that every runtime makes.
 */
int bundle_mounts(const struct launch_info *info, const char *writable, json_t **ret_mounts,
    struct err *err);

/* The plan has a root of its own, and makes it read-only. */
bool bundle_root_is_read_only(const struct launch_info *info);

/* Paths that the plan binds on themselves to be read, as the container sees them; the caller's. */
json_t *bundle_read_only_paths(const struct launch_info *info);

/* The path as the container sees it; NULL when it is outside of its root. Points into path. */
const char *bundle_path_inside(const struct launch_info *info, const char *path);
