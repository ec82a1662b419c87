/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences that are known: a table of what differs, where, of which kind it is and why, each
 * with the last day on which that is taken for granted.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "reference/base/err.h"

struct explanation {
    char *text; /* "KIND: REASON (until DATE)" */
    regex_t cells;     /* "debian:6.12 v1" */
    regex_t scenarios; /* "FILE: NAME" */
    regex_t told;      /* the reason of the failure or of the skip */
    bool expired;
    size_t played;  /* so many of its scenarios were told by one of its cells */
    size_t matched; /* so many of them differ as it says */
};

struct explanations {
    struct explanation *items;
    size_t count;
};

/*
 * Reads a table of lines "LAST-DAY KIND CELLS SCENARIOS TOLD REASON" by tabs; empty lines and those
 * that begin with # are none. KIND is kernel, emulation or ours; the three after it are extended
 * regular expressions. today as YYYY-MM-DD. A missing file is an empty table. -EINVAL names the
 * line.
 */
int explanations_read(
    const char *path, const char *today, struct explanations *ret_explanations, struct err *err);
void explanations_release(struct explanations *explanations);

/* Why a cell differs in a scenario, and counts it; NULL: not known. told may be NULL. */
const struct explanation *explanations_find(struct explanations *explanations, const char *cell,
    const char *scenario, const char *told);
/* Counts a scenario that a cell has told, whether it differs or not. */
void explanations_played(struct explanations *explanations, const char *cell, const char *scenario);
/* Its scenarios were played where they should differ, and none does. */
bool explanation_is_stale(const struct explanation *explanation);
