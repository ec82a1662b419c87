/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/report.h"

#include <math.h>
#include <string.h>

#include "reference/base/mem.h"

/* Longer suffixes first. What varies by itself on a machine shared with others is from pairs of
 * runs of the same program: bench/README.md. */
static const struct measure measures[] = {
    {"_per_second", "/s", true, 0.10},
    {"_percent", "%", false, 0.50},
    {"_ratio", "", false, 0.05},
    {"_bytes", "bytes", false, 0.03},
    {"bytes_per_live_container", "bytes", false, 0.03},
    {"destroy_us", "us", false, 0.10},
    {"cpu_us", "us", false, 0.05},
    {"_us", "us", false, 0.05},
    {"_ns", "ns", false, 0.10},
    {"_ms", "ms", false, 0.10},
    {"", "", false, 0.10},
};

const struct measure *measure_of(const char *name)
{
    size_t i = 0;

    while (!str_ends(name, measures[i].suffix)) /* the last row fits all */
        i++;
    return &measures[i];
}

void report_init(struct report *report, const char *bench)
{
    *report = (struct report){.bench = str_dup(bench),
        .missing = json_object(),
        .settings = json_object(),
        .environment = json_object(),
        .extra = json_object()};
}

static void series_free(struct series *series)
{
    free(series->contender);
    free(series->measure);
    free(series->scene);
    free(series->values);
    free(series);
}

void report_release(struct report *report)
{
    for (size_t i = 0; i < report->series_count; i++)
        series_free(report->series[i]);
    for (size_t i = 0; i < report->figure_count; i++) {
        free(report->figures[i].name);
        free(report->figures[i].measure);
    }
    for (size_t i = 0; i < report->phase_count; i++) {
        free(report->phases[i].contender);
        free(report->phases[i].name);
    }
    free(report->series);
    free(report->figures);
    free(report->phases);
    free(report->phase_source);
    free(report->bench);
    free(report->stopped);
    json_decref(report->missing);
    json_decref(report->settings);
    json_decref(report->environment);
    json_decref(report->extra);
    strv_free(report->leaks);
    *report = (struct report){0};
}

static struct series *series_lookup(const struct report *report, const char *contender,
    const char *measure, const char *scene, double x)
{
    for (size_t i = 0; i < report->series_count; i++) {
        struct series *series = report->series[i];

        if (str_equal(series->contender, contender) && str_equal(series->measure, measure) &&
            str_equal(series->scene, scene) && series->x >= x && series->x <= x)
            return series;
    }
    return NULL;
}

struct series *report_series(
    struct report *report, const char *contender, const char *measure, const char *scene, double x)
{
    struct series *series = series_lookup(report, contender, measure, scene, x);

    if (series)
        return series;
    series = mem_alloc(sizeof(*series));
    *series = (struct series){.contender = str_dup(contender),
        .measure = str_dup(measure),
        .scene = str_dup(scene),
        .x = x};
    report->series = mem_grow(report->series, &report->series_capacity, report->series_count + 1,
        sizeof(*report->series));
    report->series[report->series_count++] = series;
    return series;
}

const struct series *report_find(const struct report *report, const char *contender,
    const char *measure, const char *scene, double x)
{
    const struct series *series = series_lookup(report, contender, measure, scene, x);

    return series && series->count > 0 ? series : NULL;
}

void series_add(struct series *series, double value)
{
    series->values =
        mem_grow(series->values, &series->capacity, series->count + 1, sizeof(*series->values));
    series->values[series->count++] = value;
}

void series_clear(struct series *series)
{
    series->count = 0;
}

void report_missing(struct report *report, const char *contender, const char *reason)
{
    json_object_set_new(report->missing, contender, json_string(reason));
}

void report_phase(struct report *report, const char *contender, const char *name, double median_us)
{
    report->phases = mem_grow(
        report->phases, &report->phase_capacity, report->phase_count + 1, sizeof(*report->phases));
    report->phases[report->phase_count++] =
        (struct phase){str_dup(contender), str_dup(name), median_us};
}

void report_figure_add(struct report *report, const struct figure *figure)
{
    report->figures = mem_grow(report->figures, &report->figure_capacity, report->figure_count + 1,
        sizeof(*report->figures));
    report->figures[report->figure_count++] = *figure;
}

void report_ratio(struct report *report, const char *name, const struct series *a,
    const struct series *b, double goal, bool at_least)
{
    if (!a || !b || a->count == 0 || b->count == 0)
        return;
    const struct ratio ratio = ratio_of(a->values, a->count, b->values, b->count);
    if (!isfinite(ratio.value) || !isfinite(ratio.low) || !isfinite(ratio.high))
        return; /* many samples of nothing: there is no ratio to that */
    report_figure_add(report, &(struct figure){.name = str_dup(name),
                                  .measure = str_dup(a->measure),
                                  .ratio = ratio,
                                  .goal = goal,
                                  .at_least = at_least});
}

void report_number(struct report *report, const char *name, const char *measure, double value,
    double goal, bool at_least)
{
    report_figure_add(report, &(struct figure){.name = str_dup(name),
                                  .measure = str_dup(measure),
                                  .ratio = {value, value, value},
                                  .plain = true,
                                  .goal = goal,
                                  .at_least = at_least});
}

const char *figure_verdict(const struct figure *figure)
{
    if (figure->plain)
        return "";
    if (figure->ratio.low <= 1 && figure->ratio.high >= 1)
        return "no difference beyond the noise";
    const bool more = figure->ratio.low > 1;

    return more == measure_of(figure->measure)->more_is_better ? "better" : "worse";
}

const char *figure_goal_verdict(const struct figure *figure)
{
    const struct ratio *ratio = &figure->ratio;

    if (figure->goal <= 0)
        return "";
    if (figure->at_least ? ratio->low >= figure->goal : ratio->high <= figure->goal)
        return "met";
    if (figure->at_least ? ratio->high < figure->goal : ratio->low > figure->goal)
        return "missed";
    return "within the noise";
}

const char *goal_comparison(const struct figure *figure)
{
    return figure->at_least ? ">=" : "<=";
}
