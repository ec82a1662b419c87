/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix as one page, without anything from elsewhere: features, cells, differences, then every
 * scenario. */
#include <stdio.h>
#include <string.h>

#include "ci/lab/matrix.h"
#include "reference/base/mem.h"
#include "reference/base/xml.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>seatrial lab</title>\n"
    "<style>body{font:14px/1.4 sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}\n"
    "th,td{border:1px solid #ccc;padding:2px 8px;text-align:left;vertical-align:top}\n"
    "th{background:#eee;position:sticky;top:0}.passed{background:#dfd}.failed{background:#fcc}\n"
    ".skipped{color:#777}.absent{color:#bbb}.differs{background:#ffd}</style></head><body>\n"
    "<h1>Scenarios by kernel and hierarchy</h1>\n";

/* A cell of a table; the class gives its colour, the title is shown on pointing. */
static void print_cell(const char *element, const char *class, const char *title, const char *text)
{
    printf("<%s", element);
    if (class)
        xml_print_attribute(stdout, "class", class);
    if (title && *title)
        xml_print_attribute(stdout, "title", title);
    printf(">");
    xml_print(stdout, text ? text : "-", false);
    printf("</%s>", element);
}

/* The heading of a table with a column for each cell of the matrix. */
static void print_table(const struct matrix *matrix, const char *heading, const char *first)
{
    printf("<h2>%s</h2>\n<table><tr><th>%s</th>", heading, first);
    for (size_t i = 0; i < matrix->count; i++)
        print_cell("th", NULL, NULL, matrix->cells[i].name);
    printf("</tr>\n");
}

static void print_features(const struct matrix *matrix)
{
    _cleanup_strv_ char **names = matrix_features(matrix);
    print_table(matrix, "Features of the kernels", "feature");
    for (size_t k = 0; names && names[k]; k++) {
        const char *class = matrix_feature_same(matrix, names[k]) ? NULL : "differs";
        printf("<tr>");
        print_cell("td", NULL, NULL, names[k]);
        for (size_t i = 0; i < matrix->count; i++)
            print_cell("td", class, NULL, cell_feature(&matrix->cells[i], names[k]));
        printf("</tr>\n");
    }
    printf("</table>\n");
}

static void print_cells(const struct matrix *matrix)
{
    printf("<h2>Counts</h2>\n<table><tr><th>kernel and cgroups</th><th>passed</th><th>failed</th>"
           "<th>skipped</th><th>boot s</th><th>state</th><th>kernel log</th></tr>\n");
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        printf("<tr>");
        print_cell("td", NULL, NULL, cell->name);
        printf("<td>%zu</td><td>%zu</td><td>%zu</td>", cell->counts[VERDICT_PASSED],
            cell->counts[VERDICT_FAILED], cell->counts[VERDICT_SKIPPED]);
        print_cell("td", NULL, NULL, cell->boot);
        print_cell("td", cell_good(cell) ? "passed" : "failed", cell->note, cell->state);
        printf("<td>");
        for (size_t k = 0; cell->splats && cell->splats[k]; k++) {
            xml_print(stdout, cell->splats[k], false);
            printf("<br>");
        }
        printf("</td></tr>\n");
    }
    printf("</table>\n");
}

/* What is known of a row's cells, each once. */
static void print_explanations(const struct matrix *matrix, const json_t *row)
{
    const char *last = NULL;
    printf("<td>");
    if (row_unexplained(row))
        printf("<b>not explained</b> ");
    for (size_t i = 0; i < matrix->count; i++) {
        const char *text = row_explanation(row, matrix->cells[i].name);
        if (text && !str_equal(text, last))
            xml_print(stdout, text, false);
        last = text ? text : last;
    }
    printf("</td>");
}

static void print_rows(const struct matrix *matrix, const json_t *rows, const char *heading)
{
    size_t index;
    json_t *row;
    print_table(matrix, heading, "scenario</th><th>known");
    json_array_foreach(rows, index, row) {
        printf("<tr>");
        print_cell("td", NULL, json_string_value(json_object_get(row, "file")),
            json_string_value(json_object_get(row, "name")));
        print_explanations(matrix, row);
        for (size_t i = 0; i < matrix->count; i++) {
            const char *verdict = row_verdict(row, &matrix->cells[i]);
            print_cell("td", verdict, row_reason(row, &matrix->cells[i]), verdict);
        }
        printf("</tr>\n");
    }
    printf("</table>\n");
}

void matrix_print_html(const struct matrix *matrix)
{
    fputs(head, stdout);
    print_features(matrix);
    print_cells(matrix);
    _cleanup_free_ char *heading =
        str_printf("Differences between kernels: %zu, not explained %zu",
            json_array_size(matrix->differences), matrix->unexplained);
    print_rows(matrix, matrix->differences, heading);
    print_rows(matrix, matrix->rows, "All scenarios");
    printf("</body></html>\n");
}
