/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fetcher of an agent (fetcher.md): decides what of a request comes from the cache, keeps its
 * books, and lets the helper program mesos-fetcher do all work with files and the net, one process
 * a request.
 */
#pragma once

#include "reference/containerizer.h"
#include "reference/fetcher.h"
#include "reference/flags.h"

/* Empties the cache of an earlier agent; a failure is the agent's. */
int cached_fetcher_new(
    struct host *host, const struct flags *flags, struct fetcher **ret_fetcher, struct err *err);
/* For one more owner, who frees it too; the requests of each end with it, and all with the last. */
struct fetcher *cached_fetcher_share(struct fetcher *fetcher);
/* Where its metrics are counted; borrowed, and outlives the fetcher's last request. */
void cached_fetcher_count_into(struct fetcher *fetcher, struct containerizer *containerizer);
/* Is it one? */
bool cached_fetcher_is(const struct fetcher *fetcher);
