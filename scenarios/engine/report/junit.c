/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit's XML, as CI systems read it. */
#include "reference/base/mem.h"
#include "reference/base/xml.h"
#include "scenarios/engine/report/report.h"

static void junit_begin(FILE *stream, size_t total)
{
    (void)stream, (void)total;
}

/* The counts stand in the head, so everything is written at the end. */
static void junit_outcome(FILE *stream, size_t index, const struct outcome *outcome)
{
    (void)stream, (void)index, (void)outcome;
}

static void print_case(FILE *stream, const struct outcome *outcome)
{
    const struct run_report *report = &outcome->report;
    fprintf(stream, "    <testcase");
    xml_print_attribute(stream, "classname", outcome->scenario->file);
    xml_print_attribute(stream, "name", outcome->scenario->name);
    fprintf(stream, " time=\"%.6f\"", report->seconds);
    if (report->result == RUN_PASSED) {
        fprintf(stream, "/>\n");
        return;
    }
    fprintf(stream, ">\n      <%s", report->result == RUN_FAILED ? "failure" : "skipped");
    xml_print_attribute(stream, "message", report->reason ? report->reason : "");
    if (report->result == RUN_FAILED) {
        _cleanup_free_ char *text = outcome_explain(outcome);
        fprintf(stream, ">");
        xml_print(stream, text, false);
        fprintf(stream, "</failure>\n");
    } else {
        fprintf(stream, "/>\n");
    }
    fprintf(stream, "    </testcase>\n");
}

static void junit_end(
    FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals)
{
    fprintf(stream, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    fprintf(stream,
        "  <testsuite name=\"seatrial\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
        "skipped=\"%zu\" time=\"%.6f\">\n",
        count, totals->failed, totals->skipped, totals->seconds);
    for (size_t i = 0; i < count; i++)
        print_case(stream, &outcomes[i]);
    fprintf(stream, "  </testsuite>\n</testsuites>\n");
}

const struct reporter reporter_junit = {"junit", junit_begin, junit_outcome, junit_end};
