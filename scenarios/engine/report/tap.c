/* SPDX-License-Identifier: Apache-2.0 */
/* TAP 14. */
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/report/report.h"

/* TAP takes '#' and '\' in descriptions only with a backslash; lines must stay lines. */
static void print_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '#' || *text == '\\')
            fputc('\\', stream);
        fputc(*text == '\n' ? ' ' : *text, stream);
    }
}

static void tap_begin(FILE *stream, size_t total)
{
    fprintf(stream, "TAP version 14\n1..%zu\n", total);
}

static void tap_outcome(FILE *stream, size_t index, const struct outcome *outcome)
{
    const struct run_report *report = &outcome->report;
    fprintf(stream, "%sok %zu - ", report->result == RUN_FAILED ? "not " : "", index + 1);
    print_escaped(stream, outcome->scenario->name);
    if (report->result == RUN_SKIPPED) {
        fprintf(stream, " # SKIP ");
        print_escaped(stream, report->reason);
    }
    fprintf(stream, "\n");
    if (report->result != RUN_FAILED)
        return;
    _cleanup_free_ char *text = outcome_explain(outcome);
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    fprintf(stream, "  ---\n  message: |\n");
    for (size_t i = 0; lines[i]; i++)
        fprintf(stream, "    %s\n", lines[i]);
    fprintf(stream, "  ...\n");
}

static void tap_end(
    FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals)
{
    (void)outcomes, (void)count;
    fprintf(stream, "# %zu passed, %zu failed, %zu skipped\n", totals->passed, totals->failed,
        totals->skipped);
}

const struct reporter reporter_tap = {"tap", tap_begin, tap_outcome, tap_end};
