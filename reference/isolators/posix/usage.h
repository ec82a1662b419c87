/* SPDX-License-Identifier: Apache-2.0 */
/* What posix/cpu and posix/mem share: they know the pid of each container and add up its process
 * tree. */
#pragma once

#include "reference/isolators/isolator.h"

/* Sums of a process tree. */
struct posix_sums {
    uint64_t user_ns;
    uint64_t system_ns;
    uint64_t rss_bytes;
};
typedef void (*posix_fill_fn)(const struct posix_sums *sums, struct statistics *into);

/* An isolator without isolation: prepare registers, isolate stores the pid, usage sums. */
struct isolator *posix_usage_new(struct host *host, const char *name, posix_fill_fn fill);
