/* SPDX-License-Identifier: Apache-2.0 */
/* What the cells hold together, and the formats in which it is told. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ci/lab/cell.h"
#include "ci/lab/explain.h"

struct matrix {
    struct cell *cells;
    size_t count;
    /* Of each scenario: file, name, results by cell, reasons by cell; and of one that fails or
     * differs: explained by cell, and unexplained, the cells for which nothing is known. */
    json_t *rows;
    json_t *differences; /* those that differ, with the kind; the unexplained first */
    size_t unexplained;  /* so many of them */
    struct explanations explanations;
};

/* The guest told all, and its kernel's log is clean. */
bool cell_ended_well(const struct cell *cell);

/* Its scenarios are all told and passed, and its kernel's log is clean. */
bool cell_good(const struct cell *cell);

/* A row's verdict in a cell, and why (NULL: nothing to say). Borrowed. */
const char *row_verdict(const json_t *row, const struct cell *cell);
const char *row_reason(const json_t *row, const struct cell *cell);

/* It fails or differs in that cell, and nothing is known of why / what is known (NULL). */
bool row_unexplained(const json_t *row);
const char *row_explanation(const json_t *row, const char *cell);

/* Where it failed and why, without the trace behind it; owned by the caller. */
char *reason_short(const char *reason);

/* The names of all features that some cell tells, in their order; owned. */
char **matrix_features(const struct matrix *matrix);
/* The same value in every cell. */
bool matrix_feature_same(const struct matrix *matrix, const char *name);

void matrix_print_pretty(const struct matrix *matrix);
void matrix_print_json(const struct matrix *matrix);
void matrix_print_junit(const struct matrix *matrix);
void matrix_print_html(const struct matrix *matrix);
