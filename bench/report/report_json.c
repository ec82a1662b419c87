/* SPDX-License-Identifier: Apache-2.0 */
/* The report as JSON. Its schema is in bench/README.md. */
#include "bench/report/report.h"
#include "reference/base/mem.h"

static json_t *distribution_json(const struct series *series)
{
    const struct distribution d = distribution_of(series->values, series->count);

    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:I}", "p50", d.p50, "p90", d.p90, "p99", d.p99, "p999",
        d.p999, "max", d.max, "samples", (json_int_t)d.count);
}

/* The member of an object that is an object itself, made when it is missing. Borrowed. */
static json_t *object_in(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);

    if (!member) {
        member = json_object();
        json_object_set_new(object, name, member);
    }
    return member;
}

static json_t *contenders_json(const struct report *report)
{
    json_t *contenders = json_object();

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (series->count > 0 && !series->scene[0])
            json_object_set_new(object_in(contenders, series->contender), series->measure,
                distribution_json(series));
    }
    return contenders;
}

static json_t *scenes_json(const struct report *report)
{
    json_t *scenes = json_object();

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        _cleanup_free_ char *x = str_printf("%.6g", series->x);

        if (series->count == 0 || !series->scene[0])
            continue;
        json_t *contender = object_in(object_in(scenes, series->scene), series->contender);
        json_object_set_new(object_in(contender, x), series->measure, distribution_json(series));
    }
    return scenes;
}

static json_t *series_json(const struct report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        json_t *values = json_array();

        for (size_t k = 0; k < series->count; k++)
            json_array_append_new(values, json_real(series->values[k]));
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:f,s:o}", "contender", series->contender, "measure",
                      series->measure, "scene", series->scene, "x", series->x, "values", values));
    }
    return list;
}

static json_t *figures_json(const struct report *report, bool plain)
{
    json_t *figures = json_object();

    for (size_t i = 0; i < report->figure_count; i++) {
        const struct figure *figure = &report->figures[i];
        json_t *row;

        if (figure->plain != plain)
            continue;
        row = plain
                  ? json_pack("{s:s,s:f}", "measure", figure->measure, "value", figure->ratio.value)
                  : json_pack("{s:s,s:f,s:f,s:f,s:s}", "measure", figure->measure, "median",
                        figure->ratio.value, "low", figure->ratio.low, "high", figure->ratio.high,
                        "verdict", figure_verdict(figure));
        if (figure->goal > 0) {
            json_object_set_new(row, "goal", json_real(figure->goal));
            json_object_set_new(row, "at_least", json_boolean(figure->at_least));
            json_object_set_new(row, "goal_verdict", json_string(figure_goal_verdict(figure)));
        }
        json_object_set_new(figures, figure->name, row);
    }
    return figures;
}

static json_t *phases_json(const struct report *report)
{
    json_t *contenders = json_object();

    for (size_t i = 0; i < report->phase_count; i++) {
        const struct phase *phase = &report->phases[i];

        json_object_set_new(
            object_in(contenders, phase->contender), phase->name, json_real(phase->median_us));
    }
    return json_pack("{s:s?,s:o}", "source", report->phase_source, "contenders", contenders);
}

json_t *report_json(const struct report *report)
{
    json_t *leaks = json_array();
    json_t *json = json_pack("{s:s,s:s,s:b,s:s?}", "format", REPORT_FORMAT, "bench",
        report->bench, "complete", !report->stopped, "stopped", report->stopped);

    for (size_t i = 0; i < strv_length(report->leaks); i++)
        json_array_append_new(leaks, json_string(report->leaks[i]));
    json_object_update(json, report->extra);
    json_object_set(json, "settings", report->settings);
    json_object_set(json, "environment", report->environment);
    json_object_set_new(json, "contenders", contenders_json(report));
    json_object_set_new(json, "ratios", figures_json(report, false));
    json_object_set_new(json, "figures", figures_json(report, true));
    json_object_set_new(json, "scenes", scenes_json(report));
    json_object_set_new(json, "phases", phases_json(report));
    json_object_set(json, "missing", report->missing);
    json_object_set_new(json, "leaks", leaks);
    json_object_set_new(json, "series", series_json(report));
    return json;
}
