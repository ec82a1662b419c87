/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the cells together: a row for each scenario, and those in which kernels differ. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ci/lab/lab.h"
#include "ci/lab/matrix.h"
#include "reference/base/mem.h"

#define REASON_MAX 300
#define EXIT_USAGE 2

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

/* It fails there, or is skipped where another kernel with the same hierarchy runs it. */
static bool deviates(const struct matrix *matrix, const enum verdict *verdicts, size_t cell)
{
    for (size_t i = 0; verdicts[cell] == VERDICT_SKIPPED && i < matrix->count; i++) {
        bool runs = verdicts[i] == VERDICT_PASSED || verdicts[i] == VERDICT_FAILED;
        if (runs && str_equal(matrix->cells[i].cgroups, matrix->cells[cell].cgroups))
            return true;
    }
    return verdicts[cell] == VERDICT_FAILED;
}

static void row_explain(struct matrix *matrix, json_t *row, const enum verdict *verdicts)
{
    _cleanup_free_ char *scenario = str_printf("%s: %s",
        json_string_value(json_object_get(row, "file")),
        json_string_value(json_object_get(row, "name")));
    json_t *explained = json_object(), *unexplained = json_array();
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        if (verdicts[i] != VERDICT_ABSENT)
            explanations_played(&matrix->explanations, cell->name, scenario);
        if (!deviates(matrix, verdicts, i))
            continue;
        const struct explanation *why = explanations_find(
            &matrix->explanations, cell->name, scenario, row_reason(row, cell));
        if (why)
            json_object_set_new(explained, cell->name, json_string(why->text));
        else
            json_array_append_new(unexplained, json_string(cell->name));
    }
    if (json_object_size(explained) > 0)
        json_object_set(row, "explained", explained);
    if (json_array_size(unexplained) > 0)
        json_object_set(row, "unexplained", unexplained);
    json_decref(explained);
    json_decref(unexplained);
}

bool row_unexplained(const json_t *row)
{
    return json_object_get(row, "unexplained") != NULL;
}

const char *row_explanation(const json_t *row, const char *cell)
{
    return json_string_value(json_object_get(json_object_get(row, "explained"), cell));
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
    row_explain(matrix, row, verdicts);
    json_array_append_new(matrix->rows, row);
    const char *kind = difference_of(matrix, verdicts);
    if (kind) {
        json_t *difference = json_copy(row);
        json_object_set_new(difference, "kind", json_string(kind));
        if (row_unexplained(row))
            json_array_insert_new(matrix->differences, matrix->unexplained++, difference);
        else
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
        json_array_foreach(matrix->cells[i].scenarios, index, scenario) {
            const char *file = json_string_value(json_object_get(scenario, "file"));
            const char *name = json_string_value(json_object_get(scenario, "name"));
            if (file && name && !row_known(matrix, i, file, name))
                row_add(matrix, file, name);
        }
    }
}

bool cell_ended_well(const struct cell *cell)
{
    return strcmp(cell->state, "done") == 0 && strv_length(cell->splats) == 0;
}

bool cell_good(const struct cell *cell)
{
    return cell_ended_well(cell) && !cell->counts[VERDICT_FAILED];
}

static const char *row_text(const json_t *row, const char *field, const struct cell *cell)
{
    return json_string_value(json_object_get(json_object_get(row, field), cell->name));
}

const char *row_verdict(const json_t *row, const struct cell *cell)
{
    return row_text(row, "results", cell);
}

const char *row_reason(const json_t *row, const struct cell *cell)
{
    return row_text(row, "reasons", cell);
}

char *reason_short(const char *reason)
{
    size_t length = strcspn(reason, "\n");
    if (reason[length])
        length += 1 + strcspn(reason + length + 1, "\n");
    char *text = str_ndup(reason, length < REASON_MAX ? length : REASON_MAX);
    for (char *c = text; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    return text;
}

char **matrix_features(const struct matrix *matrix)
{
    char **names = NULL;
    for (size_t i = 0; i < matrix->count; i++) {
        for (size_t k = 0; matrix->cells[i].features && matrix->cells[i].features[k]; k++) {
            const char *line = matrix->cells[i].features[k];
            _cleanup_free_ char *name = str_ndup(line, strcspn(line, " "));
            if (!strv_contains(names, name))
                strv_add(&names, name);
        }
    }
    return names;
}

bool matrix_feature_same(const struct matrix *matrix, const char *name)
{
    for (size_t i = 1; i < matrix->count; i++) {
        if (!str_equal(
                cell_feature(&matrix->cells[0], name), cell_feature(&matrix->cells[i], name)))
            return false;
    }
    return true;
}

/* 2: a cell could not be tried; 1: something failed. */
static int matrix_status(const struct matrix *matrix)
{
    int status = 0;
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        if (strcmp(cell->state, "bad") == 0 || strcmp(cell->state, "qemu") == 0)
            return EXIT_USAGE;
        status = cell_good(cell) ? status : 1;
    }
    return status;
}

static const struct {
    const char *name;
    void (*print)(const struct matrix *matrix);
} formats[] = {
    {"pretty", matrix_print_pretty},
    {"json", matrix_print_json},
    {"junit", matrix_print_junit},
    {"html", matrix_print_html},
};

int lab_report(const char *format, const char *known, char *const *cells, int count)
{
    struct matrix matrix = {.cells = mem_alloc((size_t)count * sizeof(struct cell) + 1),
        .count = (size_t)count};
    _cleanup_err_ struct err err = ERR_INIT;
    char today[sizeof("2026-01-31")];
    time_t now = time(NULL);
    strftime(today, sizeof(today), "%Y-%m-%d", localtime(&now));
    if (explanations_read(known, today, &matrix.explanations, &err) < 0) {
        fprintf(stderr, "seatrial lab: %s\n", err_text(&err));
        free(matrix.cells);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < matrix.count; i++)
        cell_read(cells[i], &matrix.cells[i]);
    matrix_fill(&matrix);
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strcmp(format, formats[i].name) == 0)
            formats[i].print(&matrix);
    }
    int status = matrix_status(&matrix);
    for (size_t i = 0; i < matrix.count; i++)
        cell_release(&matrix.cells[i]);
    free(matrix.cells);
    explanations_release(&matrix.explanations);
    json_decref(matrix.rows);
    json_decref(matrix.differences);
    return status;
}
