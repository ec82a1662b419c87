/* SPDX-License-Identifier: Apache-2.0 */
/* The paths of a container whose disk use is limited, with quotas from its resources (isolators.md
 * 11). */
#pragma once

#include "reference/model/resources.h"
#include "reference/model/statistics.h"

struct disk_path {
    char *path;
    uint64_t quota_bytes; /* UINT64_MAX: none */
    bool sandbox;         /* shares the sandbox's quota: the sandbox itself, ephemeral volumes */
    bool root_of_sandbox; /* the sandbox itself */
    bool volume;       /* a persistent volume, or any other disk resource with a path of its own */
    bool mount_source; /* reported, not enforced */
    struct resources resources; /* those that make up the quota */
    json_t *source;
    json_t *persistence;
    struct opt_u64 used_bytes;
    uint64_t last_turn;
};

/* Recomputes the paths from resources; results of paths that stay are kept. */
void disk_paths_update(struct disk_path **paths, size_t *count, const char *directory,
    char *const *ephemeral, const struct resources *resources);
/* One DiskStatistics per volume, one without source for the sandbox, and the sandbox's totals. */
void disk_paths_usage(const struct disk_path *paths, size_t count, struct statistics *into);
/* Those of volumes alone; one that is a mount of its own has no limit. */
void disk_paths_volumes(const struct disk_path *paths, size_t count, struct statistics *into);
void disk_paths_free(struct disk_path *paths, size_t count);
