/* SPDX-License-Identifier: Apache-2.0 */
/* What a store throws away: moved aside at once, deleted afterwards (provisioner.md 7). */
#pragma once

#include "reference/host.h"

struct garbage {
    struct host *host;
    char *directory; /* …/gc */
    struct host_request *timer;
    char **left; /* names still to be deleted in this round */
    size_t next;
};
void garbage_init(struct garbage *garbage, struct host *host, const char *store);
void garbage_release(struct garbage *garbage);
/* Renames into gc/ every entry of the directory that is not kept by name. */
int garbage_sweep(struct garbage *garbage, const char *directory, char *const *kept,
    struct err *err);
/* Deletes all in gc/ in the background, an entry at a time; failures are left for the next time. */
void garbage_collect(struct garbage *garbage);
