/* SPDX-License-Identifier: Apache-2.0 */
/* For people: a line per scenario (on a terminal one that changes), failures in full. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "scenarios/engine/report/report.h"

static bool is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

static void pretty_begin(FILE *stream, size_t total)
{
    if (is_terminal(stream))
        fprintf(stream, "%zu scenarios\n", total);
}

static void pretty_outcome(FILE *stream, size_t index, const struct outcome *outcome)
{
    const struct run_report *report = &outcome->report;
    bool terminal = is_terminal(stream);
    if (terminal)
        fprintf(stream, "\r\033[K");
    if (report->result == RUN_FAILED) {
        _cleanup_free_ char *text = outcome_explain(outcome);
        fprintf(stream, "FAIL %s", text);
    } else if (terminal) {
        fprintf(stream, "%zu %.60s", index + 1, outcome->scenario->name);
    } else if (report->result == RUN_SKIPPED) {
        fprintf(stream, "skip %s: %s: %s\n", outcome->scenario->file, outcome->scenario->name,
            report->reason);
    } else {
        fprintf(stream, "ok   %s: %s", outcome->scenario->file, outcome->scenario->name);
        if (outcome->tortured)
            fprintf(stream, ": %" PRIu64 " of %" PRIu64 " points survived",
                outcome->torture.survived, outcome->torture.points);
        fprintf(stream, "\n");
    }
    fflush(stream);
}

/* Why scenarios were skipped, each reason once with its count. */
static void print_skips(FILE *stream, const struct outcome *outcomes, size_t count)
{
    struct strmap *reasons = strmap_new();
    for (size_t i = 0; i < count; i++) {
        const struct run_report *report = &outcomes[i].report;
        if (report->result != RUN_SKIPPED)
            continue;
        uintptr_t seen = (uintptr_t)strmap_get(reasons, report->reason);
        strmap_set(reasons, report->reason, (void *)(seen + 1));
    }
    size_t cursor = 0;
    const char *reason;
    void *number;
    while (strmap_next(reasons, &cursor, &reason, &number))
        fprintf(stream, "%zu skipped: %s\n", (size_t)(uintptr_t)number, reason);
    strmap_free(reasons);
}

static void pretty_end(
    FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals)
{
    if (is_terminal(stream))
        fprintf(stream, "\r\033[K");
    print_skips(stream, outcomes, count);
    if (totals->points)
        fprintf(stream, "%" PRIu64 " of %" PRIu64 " points survived\n", totals->survived,
            totals->points);
    fprintf(stream, "%zu passed, %zu failed, %zu skipped in %.2f s (seed %" PRIu64, totals->passed,
        totals->failed, totals->skipped, totals->seconds, totals->seed_first);
    if (totals->seed_last != totals->seed_first)
        fprintf(stream, "..%" PRIu64, totals->seed_last);
    fprintf(stream, ")\n");
}

const struct reporter reporter_pretty = {"pretty", pretty_begin, pretty_outcome, pretty_end};
