/* SPDX-License-Identifier: Apache-2.0 */
/* What memory_v1.c and memory_v2.c share: targets, the rule of when the hard limit is written,
 * limitations. */
#pragma once

#include "reference/isolators/cgroups/subsystem.h"

#define MEMORY_UNLIMITED UINT64_MAX

/* Soft and hard targets in bytes from requests and limits (isolators.md 3.7): at least 32 MB each,
 * whole MB; MEMORY_UNLIMITED for an infinite limit. -EINVAL without mem in the requests. */
int memory_targets(const struct resources *requests, const struct resource_limits *limits,
    uint64_t *ret_soft_bytes, uint64_t *ret_hard_bytes, struct err *err);

/* The hard limit is written first of all, when it becomes unlimited, and when it rises; never
 * lowered. */
bool memory_hard_is_due(bool first, uint64_t target_bytes, uint64_t current_bytes);

/* Tells the container's limitation: resource mem of that many bytes. */
void memory_limited(struct cgroup_container *container, uint64_t limit_bytes, uint64_t used_bytes,
    const char *statistics);
