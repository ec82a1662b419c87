/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix for a terminal: features, differences between kernels, failures, counts. */
#include <stdio.h>
#include <string.h>

#include "ci/lab/matrix.h"
#include "reference/base/mem.h"

static void print_features(const struct matrix *matrix)
{
    _cleanup_strv_ char **names = matrix_features(matrix);
    printf("Features\n");
    for (size_t k = 0; names && names[k]; k++) {
        if (matrix_feature_same(matrix, names[k])) {
            const char *value = cell_feature(&matrix->cells[0], names[k]);
            printf("  %-16s %s\n", names[k], value ? value : "-");
            continue;
        }
        printf("  %s\n", names[k]);
        for (size_t i = 0; i < matrix->count; i++) {
            const char *value = cell_feature(&matrix->cells[i], names[k]);
            printf("    %-24s %s\n", matrix->cells[i].name, value && *value ? value : "-");
        }
    }
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
            const char *known = row_explanation(row, cell);
            printf("    %-8s %s%s%s\n", verdict_words[word], cell, why ? ": " : "",
                why ? why : "");
            if (known)
                printf("             %s\n", known);
        }
    }
}

/* The files of the rows that have this explanation, with so many of them. */
static void print_explained(const struct matrix *matrix, const struct explanation *explanation)
{
    const char *file = NULL;
    size_t index, count = 0;
    json_t *row;
    printf("  %s\n", explanation->text);
    json_array_foreach(matrix->differences, index, row) {
        bool has = false;
        for (size_t i = 0; i < matrix->count && !row_unexplained(row); i++)
            has = has ||
                  str_equal(row_explanation(row, matrix->cells[i].name), explanation->text);
        const char *its_file = json_string_value(json_object_get(row, "file"));
        if (has && !str_equal(file, its_file)) {
            if (count > 0)
                printf("    %s: %zu\n", file, count);
            file = its_file;
            count = 0;
        }
        count += has;
    }
    if (count > 0)
        printf("    %s: %zu\n", file, count);
}

static void print_differences(const struct matrix *matrix)
{
    size_t index;
    json_t *row;
    printf("\nDifferences: %zu, not explained %zu\n", json_array_size(matrix->differences),
        matrix->unexplained);
    json_array_foreach(matrix->differences, index, row) {
        if (row_unexplained(row))
            print_row(row, json_string_value(json_object_get(row, "kind")));
    }
    printf("Explained, by file\n");
    for (size_t i = 0; i < matrix->explanations.count; i++) {
        const struct explanation *one = &matrix->explanations.items[i];
        if (one->matched > 0)
            print_explained(matrix, one);
    }
    for (size_t i = 0; i < matrix->explanations.count; i++) {
        const struct explanation *one = &matrix->explanations.items[i];
        if (one->expired || explanation_is_stale(one))
            printf("  %s: %s\n", one->expired ? "has expired" : "is no longer so", one->text);
    }
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

void matrix_print_pretty(const struct matrix *matrix)
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
