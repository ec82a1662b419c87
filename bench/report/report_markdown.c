/* SPDX-License-Identifier: Apache-2.0 */
/* The report as Markdown. */
#include <stdint.h>

#include "bench/report/report.h"
#include "reference/base/mem.h"

/* A text in a cell: a bar would end it. */
static void cell(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', stream);
        fputc(*text == '\n' ? ' ' : *text, stream);
    }
}

static void series_rows(const struct report *report, FILE *stream)
{
    fprintf(stream, "| contender | measure | scene | p50 | p90 | p99 | p99.9 | max | samples |\n"
                    "|---|---|---|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        const struct distribution d = distribution_of(series->values, series->count);

        if (d.count == 0)
            continue;
        fprintf(stream, "| %s | %s | ", series->contender, series->measure);
        if (series->scene[0])
            fprintf(stream, "%s %.6g", series->scene, series->x);
        fprintf(stream, " | %.6g | %.6g | %.6g | %.6g | %.6g | %zu |\n", d.p50, d.p90, d.p99,
            d.p999, d.max, d.count);
    }
}

static void figure_rows(const struct report *report, FILE *stream)
{
    if (report->figure_count == 0)
        return;
    fprintf(stream, "\n## Ratios and figures\n\n| figure | measure | value | 95 %% interval | "
                    "verdict | goal |\n|---|---|---:|---|---|---|\n");
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct figure *figure = &report->figures[i];

        fprintf(stream, "| %s | %s | %.3f | ", figure->name, figure->measure, figure->ratio.value);
        if (!figure->plain)
            fprintf(stream, "%.3f to %.3f", figure->ratio.low, figure->ratio.high);
        fprintf(stream, " | %s | ", figure_verdict(figure));
        if (figure->goal > 0)
            fprintf(stream, "%s %.4g: %s", goal_comparison(figure), figure->goal,
                figure_goal_verdict(figure));
        fprintf(stream, " |\n");
    }
}

static void phase_rows(const struct report *report, FILE *stream)
{
    if (report->phase_count == 0)
        return;
    fprintf(stream, "\n## Phases (by %s)\n\n| contender | phase | median us |\n|---|---|---:|\n",
        report->phase_source);
    for (size_t i = 0; i < report->phase_count; i++)
        fprintf(stream, "| %s | %s | %.1f |\n", report->phases[i].contender, report->phases[i].name,
            report->phases[i].median_us);
}

static void object_rows(FILE *stream, const char *title, const json_t *object)
{
    const char *name;
    json_t *value;

    if (json_object_size(object) == 0)
        return;
    fprintf(stream, "\n## %s\n\n| | |\n|---|---|\n", title);
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        _cleanup_free_ char *text =
            json_is_string(value) ? str_dup(json_string_value(value))
                                  : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

        fprintf(stream, "| %s | ", name);
        cell(stream, text);
        fprintf(stream, " |\n");
    }
}

void report_markdown(const struct report *report, FILE *stream)
{
    fprintf(stream, "# seatrial bench %s\n\n", report->bench);
    if (report->stopped)
        fprintf(stream, "**Incomplete: %s.**\n\n", report->stopped);
    series_rows(report, stream);
    figure_rows(report, stream);
    phase_rows(report, stream);
    object_rows(stream, "Did not run", report->missing);
    object_rows(stream, "Environment", report->environment);
    object_rows(stream, "Settings", report->settings);
    if (report->leaks)
        fprintf(stream, "\n## Left behind\n\n");
    for (size_t i = 0; i < strv_length(report->leaks); i++)
        fprintf(stream, "- %s\n", report->leaks[i]);
}
