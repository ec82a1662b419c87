/* SPDX-License-Identifier: Apache-2.0 */
/* The check of each kind of value. */
#pragma once

#include "scenarios/engine/parse/schema.h"

struct kind {
    const char *expected; /* after "expected " */
    void (*check)(const struct key *key, struct node *node, struct problems *problems);
};
extern const struct kind value_kinds[VALUE_KIND_COUNT];

/* "10s" to ns, "64MiB" to bytes; false when it is none. */
bool duration_text(const char *text, double *ret_ns);
bool bytes_text(const char *text, double *ret_bytes);
/* The number of an errno's name, 0 when unknown. */
int errno_number(const char *name);
/* argv of a workload, "seatrial-workload" first; NULL-terminated, owned. */
char **workload_arguments(const struct node *list);
