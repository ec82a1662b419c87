/* SPDX-License-Identifier: Apache-2.0 */
/* One report of all cells: features, differences between kernels, counts, failures. */
#include <stdio.h>
#include <string.h>

#include "ci/lab/cell.h"
#include "ci/lab/lab.h"
#include "reference/base/mem.h"

#define REASON_MAX 300

struct matrix {
    struct cell *cells;
    size_t count;
    json_t *rows;        /* of each scenario: file, name, results by cell, reasons by cell */
    json_t *differences; /* those that differ, with the kind */
};

/* Fails somewhere and passes elsewhere; or, of two kernels with the same hierarchy, only one can
 * run it. NULL: the same everywhere. */
static const char *difference_of(const struct matrix *matrix, const enum verdict *verdicts)
{
    bool seen[VERDICT_COUNT] = {false};
    for (size_t i = 0; i < matrix->count; i++)
        seen[verdicts[i]] = true;
    if (seen[VERDICT_PASSED] && seen[VERDICT_FAILED])
        return "passes and fails";
    for (size_t i = 0; i < matrix->count; i++) {
        for (size_t k = i + 1; k < matrix->count; k++) {
            bool one = verdicts[i] == VERDICT_SKIPPED, other = verdicts[k] == VERDICT_SKIPPED;
            bool both = verdicts[i] != VERDICT_ABSENT && verdicts[k] != VERDICT_ABSENT;
            bool alike = str_equal(matrix->cells[i].cgroups, matrix->cells[k].cgroups);
            if (both && alike && one != other)
                return "runs and is skipped";
        }
    }
    return NULL;
}

static bool row_known(const struct matrix *matrix, size_t until, const char *file, const char *name)
{
    const char *reason;
    for (size_t i = 0; i < until; i++) {
        if (cell_verdict(&matrix->cells[i], file, name, &reason) != VERDICT_ABSENT)
            return true;
    }
    return false;
}

static void row_add(struct matrix *matrix, const char *file, const char *name)
{
    _cleanup_free_ enum verdict *verdicts = mem_alloc(matrix->count * sizeof(*verdicts));
    json_t *results = json_object(), *reasons = json_object();
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        const char *reason;
        verdicts[i] = cell_verdict(cell, file, name, &reason);
        json_object_set_new(results, cell->name, json_string(verdict_words[verdicts[i]]));
        if (reason)
            json_object_set_new(reasons, cell->name, json_string(reason));
    }
    json_t *row = json_pack(
        "{ss ss so so}", "file", file, "name", name, "results", results, "reasons", reasons);
    json_array_append_new(matrix->rows, row);
    const char *kind = difference_of(matrix, verdicts);
    if (kind) {
        json_t *difference = json_copy(row);
        json_object_set_new(difference, "kind", json_string(kind));
        json_array_append_new(matrix->differences, difference);
    }
}

static void matrix_fill(struct matrix *matrix)
{
    matrix->rows = json_array();
    matrix->differences = json_array();
    for (size_t i = 0; i < matrix->count; i++) {
        size_t index;
        json_t *scenario;
        json_array_foreach(json_object_get(matrix->cells[i].report, "scenarios"), index, scenario) {
            const char *file = json_string_value(json_object_get(scenario, "file"));
            const char *name = json_string_value(json_object_get(scenario, "name"));
            if (file && name && !row_known(matrix, i, file, name))
                row_add(matrix, file, name);
        }
    }
}

static void print_features(const struct matrix *matrix)
{
    _cleanup_strv_ char **names = NULL;
    for (size_t i = 0; i < matrix->count; i++) {
        for (size_t k = 0; matrix->cells[i].features && matrix->cells[i].features[k]; k++) {
            const char *line = matrix->cells[i].features[k];
            _cleanup_free_ char *name = str_ndup(line, strcspn(line, " "));
            if (!strv_contains(names, name))
                strv_add(&names, name);
        }
    }
    printf("Features\n");
    for (size_t k = 0; names && names[k]; k++) {
        const char *first = matrix->count ? cell_feature(&matrix->cells[0], names[k]) : NULL;
        bool same = true;
        for (size_t i = 1; i < matrix->count; i++)
            same = same && str_equal(first, cell_feature(&matrix->cells[i], names[k]));
        if (same) {
            printf("  %-16s %s\n", names[k], first ? first : "-");
            continue;
        }
        printf("  %s\n", names[k]);
        for (size_t i = 0; i < matrix->count; i++) {
            const char *value = cell_feature(&matrix->cells[i], names[k]);
            printf("    %-24s %s\n", matrix->cells[i].name, value && *value ? value : "-");
        }
    }
}

/* Where it failed and why, without the trace behind it; owned by the caller. */
static char *reason_short(const char *reason)
{
    size_t length = strcspn(reason, "\n");
    if (reason[length])
        length += 1 + strcspn(reason + length + 1, "\n");
    char *text = str_ndup(reason, length < REASON_MAX ? length : REASON_MAX);
    for (char *c = text; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    return text;
}

/* A line for each cell, the same verdicts together. */
static void print_row(const json_t *row, const char *kind)
{
    printf("  %s: %s (%s)\n", json_string_value(json_object_get(row, "file")),
        json_string_value(json_object_get(row, "name")), kind);
    for (int word = VERDICT_PASSED; word < VERDICT_COUNT; word++) {
        const char *cell;
        json_t *result;
        json_object_foreach(json_object_get(row, "results"), cell, result) {
            if (strcmp(json_string_value(result), verdict_words[word]) != 0)
                continue;
            const char *reason =
                json_string_value(json_object_get(json_object_get(row, "reasons"), cell));
            _cleanup_free_ char *why = reason ? reason_short(reason) : NULL;
            printf("    %-8s %s%s%s\n", verdict_words[word], cell, why ? ": " : "",
                why ? why : "");
        }
    }
}

static void print_differences(const struct matrix *matrix)
{
    size_t index;
    json_t *row;
    printf("\nDifferences: %zu\n", json_array_size(matrix->differences));
    json_array_foreach(matrix->differences, index, row)
        print_row(row, json_string_value(json_object_get(row, "kind")));
}

/* Those that fail wherever they run; the others stand among the differences. */
static void print_failures(const struct matrix *matrix)
{
    size_t index;
    json_t *row;
    json_array_foreach(matrix->rows, index, row) {
        bool failed = false, passed = false;
        const char *cell;
        json_t *result;
        json_object_foreach(json_object_get(row, "results"), cell, result) {
            failed = failed || strcmp(json_string_value(result), "failed") == 0;
            passed = passed || strcmp(json_string_value(result), "passed") == 0;
        }
        if (failed && !passed)
            print_row(row, "fails wherever it runs");
    }
}

static void print_pretty(const struct matrix *matrix)
{
    print_features(matrix);
    print_differences(matrix);
    printf("\nFailures that no kernel is without\n");
    print_failures(matrix);
    printf("\n%-28s %7s %7s %7s %7s  %s\n", "Kernel and cgroups", "passed", "failed", "skipped",
        "boot s", "state");
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        printf("%-28s %7zu %7zu %7zu %7s  %s%s%s\n", cell->name, cell->counts[VERDICT_PASSED],
            cell->counts[VERDICT_FAILED], cell->counts[VERDICT_SKIPPED],
            *cell->boot ? cell->boot : "-", cell->state, *cell->note ? ": " : "", cell->note);
        for (size_t k = 0; cell->splats && cell->splats[k]; k++)
            printf("    kernel log: %s\n", cell->splats[k]);
    }
}

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

static void print_json(const struct matrix *matrix)
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
    json_t *all = json_pack("{so sO sO}", "cells", cells, "differences", matrix->differences,
        "scenarios", matrix->rows);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(all);
}

/* 2: a cell could not be tried; 1: something failed. */
static int matrix_status(const struct matrix *matrix)
{
    int status = 0;
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        if (strcmp(cell->state, "bad") == 0 || strcmp(cell->state, "qemu") == 0)
            return 2;
        if (strcmp(cell->state, "done") != 0 || cell->counts[VERDICT_FAILED] ||
            strv_length(cell->splats) > 0)
            status = 1;
    }
    return status;
}

int lab_report(const char *format, char *const *cells, int count)
{
    struct matrix matrix = {.cells = mem_alloc((size_t)count * sizeof(struct cell) + 1),
        .count = (size_t)count};
    for (size_t i = 0; i < matrix.count; i++)
        cell_read(cells[i], &matrix.cells[i]);
    matrix_fill(&matrix);
    if (strcmp(format, "json") == 0)
        print_json(&matrix);
    else
        print_pretty(&matrix);
    int status = matrix_status(&matrix);
    for (size_t i = 0; i < matrix.count; i++)
        cell_release(&matrix.cells[i]);
    free(matrix.cells);
    json_decref(matrix.rows);
    json_decref(matrix.differences);
    return status;
}
