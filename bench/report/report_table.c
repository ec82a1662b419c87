/* SPDX-License-Identifier: Apache-2.0 */
/* The report as a table on the terminal. */
#include <string.h>

#include "bench/report/report.h"
#include "reference/base/mem.h"

/* The situation in words: "live 1000". */
static char *scene_text(const struct series *series)
{
    return series->scene[0] ? str_printf("%s %.6g", series->scene, series->x) : str_dup("");
}

struct widths {
    int contender, measure, scene;
};

static void widen(int *width, const char *text)
{
    if ((int)strlen(text) > *width)
        *width = (int)strlen(text);
}

static struct widths widths_of(const struct report *report)
{
    struct widths widths = {
        (int)strlen("contender"), (int)strlen("measure"), (int)strlen("scene")};

    for (size_t i = 0; i < report->series_count; i++) {
        _cleanup_free_ char *scene = scene_text(report->series[i]);

        widen(&widths.contender, report->series[i]->contender);
        widen(&widths.measure, report->series[i]->measure);
        widen(&widths.scene, scene);
    }
    return widths;
}

static void series_table(const struct report *report, FILE *stream)
{
    const struct widths w = widths_of(report);

    fprintf(stream, "%-*s %-*s %-*s %10s %10s %10s %10s %10s %6s\n", w.contender, "contender",
        w.measure, "measure", w.scene, "scene", "p50", "p90", "p99", "p99.9", "max", "n");
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        const struct distribution d = distribution_of(series->values, series->count);
        _cleanup_free_ char *scene = scene_text(series);

        if (d.count > 0)
            fprintf(stream, "%-*s %-*s %-*s %10.6g %10.6g %10.6g %10.6g %10.6g %6zu\n",
                w.contender, series->contender, w.measure, series->measure, w.scene, scene, d.p50,
                d.p90, d.p99, d.p999, d.max, d.count);
    }
}

static void figures_table(const struct report *report, FILE *stream)
{
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct figure *figure = &report->figures[i];

        fprintf(stream, "%-44s %-22s %8.3f", figure->name, figure->measure, figure->ratio.value);
        if (!figure->plain)
            fprintf(stream, " (95 %%: %.3f to %.3f) %s", figure->ratio.low, figure->ratio.high,
                figure_verdict(figure));
        if (figure->goal > 0)
            fprintf(stream, "; goal %s %.4g: %s", goal_comparison(figure), figure->goal,
                figure_goal_verdict(figure));
        fprintf(stream, "\n");
    }
}

static void phases_table(const struct report *report, FILE *stream)
{
    if (report->phase_count > 0)
        fprintf(stream, "\nphases, median us, by %s\n", report->phase_source);
    for (size_t i = 0; i < report->phase_count; i++)
        fprintf(stream, "%-16s %-28s %10.1f\n", report->phases[i].contender, report->phases[i].name,
            report->phases[i].median_us);
}

static void remarks(const struct report *report, FILE *stream)
{
    const char *name;
    json_t *reason;

    if (json_object_size(report->missing) > 0)
        fprintf(stream, "\n%zu did not run:\n", json_object_size(report->missing));
    json_object_foreach(report->missing, name, reason)
        fprintf(stream, "  %s: %s\n", name, json_string_value(reason));
    for (size_t i = 0; i < strv_length(report->leaks); i++)
        fprintf(stream, "left behind: %s\n", report->leaks[i]);
    if (report->stopped)
        fprintf(stream, "INCOMPLETE: %s\n", report->stopped);
}

void report_table(const struct report *report, FILE *stream)
{
    series_table(report, stream);
    if (report->figure_count > 0)
        fprintf(stream, "\n");
    figures_table(report, stream);
    phases_table(report, stream);
    remarks(report, stream);
}
