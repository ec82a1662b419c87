/* SPDX-License-Identifier: Apache-2.0 */
/* One kernel with one hierarchy, and what its run left. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum verdict {
    VERDICT_ABSENT,
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_SKIPPED,
    VERDICT_COUNT,
};
extern const char *const verdict_words[VERDICT_COUNT];

struct cell {
    char *name;   /* "debian:6.1 v2" */
    char *kernel;
    char *cgroups;
    char *state;  /* "done", or how the guest ended without a report */
    char *note;   /* says more on another state than done */
    char *boot;   /* seconds from its start to the first scenario, as a text */
    char **features; /* "NAME VALUE" */
    char **splats;
    json_t *scenarios; /* those that were told */
    size_t counts[VERDICT_COUNT];
};

/* Reads a cell's directory; what is missing there stays empty. */
void cell_read(const char *directory, struct cell *ret_cell);
void cell_release(struct cell *cell);

/* The scenario of that file and name; *ret_reason is borrowed, NULL where there is none. */
enum verdict cell_verdict(
    const struct cell *cell, const char *file, const char *name, const char **ret_reason);

/* The value of a feature; NULL: not told. Borrowed. */
const char *cell_feature(const struct cell *cell, const char *name);
