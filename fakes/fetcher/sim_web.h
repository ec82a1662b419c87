/* SPDX-License-Identifier: Apache-2.0 */
/* The web of the simulated machine (sim_fetcher.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fakes/vfs.h"
#include "reference/base/err.h"

/* Counts the request. -ENODATA: the server tells no length, or something else than 200. */
int sim_web_head(struct vfs *vfs, const char *uri, uint64_t *ret_size, struct err *err);
/* Counts the request; the content is borrowed. */
int sim_web_get(struct vfs *vfs, const char *uri, const char **ret_text, size_t *ret_length,
    struct err *err);
/* How long a download takes; *ret_stalls: for ever. */
uint64_t sim_web_duration_ns(struct vfs *vfs, const char *uri, bool *ret_stalls);
