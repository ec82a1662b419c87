/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix in JUnit's XML: a suite for each cell. */
#include <stdio.h>
#include <string.h>

#include "ci/lab/matrix.h"
#include "reference/base/mem.h"
#include "reference/base/xml.h"

static void print_case(const json_t *row, const struct cell *cell)
{
    const char *verdict = row_verdict(row, cell), *reason = row_reason(row, cell);
    if (!verdict || strcmp(verdict, verdict_words[VERDICT_ABSENT]) == 0)
        return;
    printf("    <testcase");
    xml_print_attribute(stdout, "classname", json_string_value(json_object_get(row, "file")));
    xml_print_attribute(stdout, "name", json_string_value(json_object_get(row, "name")));
    if (strcmp(verdict, verdict_words[VERDICT_PASSED]) == 0) {
        printf("/>\n");
        return;
    }
    bool failed = strcmp(verdict, verdict_words[VERDICT_FAILED]) == 0;
    _cleanup_free_ char *why = reason_short(reason ? reason : "");
    const char *known = row_explanation(row, cell->name);
    printf("><%s", failed ? "failure" : "skipped");
    xml_print_attribute(stdout, "message", why);
    printf(">");
    if (known) {
        printf("explained by ");
        xml_print(stdout, known, false);
        printf("\n");
    }
    if (failed && reason)
        xml_print(stdout, reason, false);
    printf("</%s></testcase>\n", failed ? "failure" : "skipped");
}

/* How the guest ended and what its kernel said count as one test of their own. */
static void print_guest(const struct cell *cell)
{
    bool done = strcmp(cell->state, "done") == 0;
    bool clean = strv_length(cell->splats) == 0;
    printf("    <testcase classname=\"lab\" name=\"the guest ends well\"");
    if (done && clean) {
        printf("/>\n");
        return;
    }
    printf("><failure");
    _cleanup_free_ char *text =
        str_printf("%s%s%s", cell->state, *cell->note ? ": " : "", cell->note);
    xml_print_attribute(stdout, "message", done ? "the kernel log has a splat" : text);
    printf(">");
    for (size_t i = 0; cell->splats && cell->splats[i]; i++) {
        xml_print(stdout, cell->splats[i], false);
        printf("\n");
    }
    printf("</failure></testcase>\n");
}

void matrix_print_junit(const struct matrix *matrix)
{
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < matrix->count; i++) {
        const struct cell *cell = &matrix->cells[i];
        const size_t *counts = cell->counts;
        bool well = cell_ended_well(cell);
        printf("  <testsuite");
        xml_print_attribute(stdout, "name", cell->name);
        printf(" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n",
            counts[VERDICT_PASSED] + counts[VERDICT_FAILED] + counts[VERDICT_SKIPPED] + 1,
            counts[VERDICT_FAILED] + !well, counts[VERDICT_SKIPPED]);
        size_t index;
        json_t *row;
        json_array_foreach(matrix->rows, index, row)
            print_case(row, cell);
        print_guest(cell);
        printf("  </testsuite>\n");
    }
    printf("</testsuites>\n");
}
