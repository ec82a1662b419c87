/* SPDX-License-Identifier: Apache-2.0 */
/* A report from the JSON that another run wrote. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "bench/report/report.h"
#include "reference/base/mem.h"

static int refuse(const char *where, const json_error_t *problem, struct err *err)
{
    return err_set(err, -EINVAL, "%s: %s", where, problem->text);
}

static int series_read(struct report *report, const json_t *json, size_t index, struct err *err)
{
    const char *contender, *measure, *scene;
    double x;
    json_t *values, *value;
    json_error_t problem;
    size_t i;
    _cleanup_free_ char *where = str_printf("series[%zu]", index);

    if (json_unpack_ex((json_t *)(uintptr_t)json, &problem, 0, "{s:s,s:s,s:s,s:F,s:o}", "contender",
            &contender, "measure", &measure, "scene", &scene, "x", &x, "values", &values) < 0)
        return refuse(where, &problem, err);
    struct series *series = report_series(report, contender, measure, scene, x);
    json_array_foreach(values, i, value)
    {
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return err_set(err, -EINVAL, "%s.values[%zu]: expected a number", where, i);
        series_add(series, json_number_value(value));
    }
    return json_is_array(values) ? 0 : err_set(err, -EINVAL, "%s.values: expected an array", where);
}

static int all_series_read(struct report *report, const json_t *json, struct err *err)
{
    const json_t *list = json_object_get(json, "series"), *item;
    size_t i;
    int r = json_is_array(list) ? 0 : err_set(err, -EINVAL, "series: expected an array");

    json_array_foreach(list, i, item)
    {
        if (r == 0)
            r = series_read(report, item, i, err);
    }
    return r;
}

static int figure_read(
    struct report *report, const char *name, json_t *json, bool plain, struct err *err)
{
    struct figure figure = {.plain = plain};
    const char *measure;
    int at_least = 0;
    json_error_t problem;
    int r = plain ? json_unpack_ex(json, &problem, 0, "{s:s,s:F,s?F,s?b}", "measure", &measure,
                        "value", &figure.ratio.value, "goal", &figure.goal, "at_least", &at_least)
                  : json_unpack_ex(json, &problem, 0, "{s:s,s:F,s:F,s:F,s?F,s?b}", "measure",
                        &measure, "median", &figure.ratio.value, "low", &figure.ratio.low, "high",
                        &figure.ratio.high, "goal", &figure.goal, "at_least", &at_least);

    if (r < 0)
        return refuse(name, &problem, err);
    if (plain)
        figure.ratio.low = figure.ratio.high = figure.ratio.value;
    figure.name = str_dup(name);
    figure.measure = str_dup(measure);
    figure.at_least = at_least;
    report_figure_add(report, &figure);
    return 0;
}

static int figures_read(struct report *report, const json_t *json, struct err *err)
{
    static const char *const members[] = {"ratios", "figures"};
    const char *name;
    json_t *row;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        json_object_foreach(json_object_get(json, members[i]), name, row)
        {
            int r = figure_read(report, name, row, i == 1, err);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

static void phases_read(struct report *report, const json_t *json)
{
    const json_t *phases = json_object_get(json, "phases");
    const char *contender, *name;
    json_t *row, *value;

    report->phase_source = str_dup(json_string_value(json_object_get(phases, "source")));
    json_object_foreach(json_object_get(phases, "contenders"), contender, row)
    {
        json_object_foreach(row, name, value)
            report_phase(report, contender, name, json_number_value(value));
    }
}

static void object_read(json_t *into, const json_t *json, const char *name)
{
    json_t *object = json_object_get(json, name);

    if (json_is_object(object))
        json_object_update(into, object);
}

static int members_read(struct report *report, const json_t *json, struct err *err)
{
    const json_t *leaks = json_object_get(json, "leaks"), *leak;
    size_t i;
    int r = all_series_read(report, json, err);

    if (r == 0)
        r = figures_read(report, json, err);
    if (r < 0)
        return r;
    phases_read(report, json);
    object_read(report->missing, json, "missing");
    object_read(report->settings, json, "settings");
    object_read(report->environment, json, "environment");
    json_array_foreach(leaks, i, leak)
    {
        if (json_is_string(leak))
            strv_add(&report->leaks, json_string_value(leak));
    }
    report->stopped = str_dup(json_string_value(json_object_get(json, "stopped")));
    return 0;
}

int report_from_json(const json_t *json, struct report *ret_report, struct err *err)
{
    const char *format = json_string_value(json_object_get(json, "format"));
    const char *bench = json_string_value(json_object_get(json, "bench"));
    int r;

    if (format && str_starts(format, "seatrial-bench/") && !str_equal(format, REPORT_FORMAT))
        return err_set(err, -EINVAL,
            "written by another version of `seatrial bench`: its format is \"%s\", not \"%s\"",
            format, REPORT_FORMAT);
    if (!str_equal(format, REPORT_FORMAT) || !bench)
        return err_set(err, -EINVAL,
            "not a result of `seatrial bench`: \"format\" is not \"%s\"", REPORT_FORMAT);
    report_init(ret_report, bench);
    r = members_read(ret_report, json, err);
    if (r < 0)
        report_release(ret_report);
    return r;
}

int report_read(const char *path, struct report *ret_report, struct err *err)
{
    json_error_t problem;
    FILE *file = fopen(path, "re");
    json_t *json;
    int r;

    if (!file)
        return err_errno(err, -errno, "open %s", path);
    json = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    fclose(file);
    if (!json)
        return err_set(err, -EINVAL, "%s:%d: not JSON: %s", path, problem.line, problem.text);
    r = report_from_json(json, ret_report, err);
    json_decref(json);
    return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
