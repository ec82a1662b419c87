/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix as JSON; its schema is in README.md. */
#include <stdio.h>
#include <string.h>

#include "ci/lab/matrix.h"
#include "reference/base/mem.h"

static json_t *strings_json(char *const *strings)
{
    json_t *array = json_array();
    for (size_t i = 0; strings && strings[i]; i++)
        json_array_append_new(array, json_string(strings[i]));
    return array;
}

static json_t *features_json(const struct cell *cell)
{
    json_t *object = json_object();
    for (size_t i = 0; cell->features && cell->features[i]; i++) {
        const char *line = cell->features[i];
        _cleanup_free_ char *name = str_ndup(line, strcspn(line, " "));
        json_object_set_new(object, name, json_string(cell_feature(cell, name)));
    }
    return object;
}

/* A guest that did not end well, or whose kernel log has a splat, counts as one that failed. */
static json_t *summary_json(const struct matrix *matrix)
{
    size_t counts[VERDICT_COUNT] = {0};
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        for (int k = 0; k < VERDICT_COUNT; k++)
            counts[k] += cell->counts[k];
        counts[VERDICT_FAILED] += !cell_ended_well(cell);
    }
    return json_pack("{sI sI sI sI}", "passed", (json_int_t)counts[VERDICT_PASSED], "failed",
        (json_int_t)counts[VERDICT_FAILED], "skipped", (json_int_t)counts[VERDICT_SKIPPED],
        "unexplained", (json_int_t)matrix->unexplained);
}

/* The table of what is known, and what became of it. */
static json_t *explanations_json(const struct matrix *matrix)
{
    json_t *array = json_array();
    for (size_t i = 0; i < matrix->explanations.count; i++) {
        const struct explanation *one = &matrix->explanations.items[i];
        json_array_append_new(array,
            json_pack("{ss sI sb sb}", "text", one->text, "matched", (json_int_t)one->matched,
                "stale", explanation_is_stale(one), "expired", one->expired));
    }
    return array;
}

void matrix_print_json(const struct matrix *matrix)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        json_array_append_new(cells,
            json_pack("{ss ss ss ss ss sf sI sI sI so so}", "name", cell->name, "kernel",
                cell->kernel, "cgroups", cell->cgroups, "state", cell->state, "note", cell->note,
                "boot_seconds", strtod(cell->boot, NULL), "passed",
                (json_int_t)cell->counts[VERDICT_PASSED], "failed",
                (json_int_t)cell->counts[VERDICT_FAILED], "skipped",
                (json_int_t)cell->counts[VERDICT_SKIPPED], "splats", strings_json(cell->splats),
                "features", features_json(cell)));
    }
    json_t *all = json_pack("{so so so sO sO}", "summary", summary_json(matrix), "cells", cells,
        "explanations", explanations_json(matrix), "differences", matrix->differences, "scenarios",
        matrix->rows);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(all);
}
