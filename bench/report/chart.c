/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/chart.h"

#include <math.h>
#include <string.h>

#include "bench/report/chart_base.h"
#include "reference/base/mem.h"

#define LEFT 130
#define RIGHT (CHART_WIDTH - 110)
#define TOP 56
#define ROW 30
#define DOTS_MAX 250 /* of a row; more would only make the file large */
#define PLOT_HEIGHT 300

/* --- distribution --- */

static void row_dots(struct strbuf *into, const struct series *series, const struct scale *scale,
    double y, size_t colour)
{
    const size_t step = series->count / DOTS_MAX + 1;

    strbuf_addf(into, "<g class=\"dots c%zu\">", colour % CHART_COLOURS);
    for (size_t i = 0; i < series->count; i += step) {
        /* Scattered by a fixed rule, so that equal samples are seen to be many. */
        const double scatter = (double)((i * 7919) % 17) - 8;

        strbuf_addf(into, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>",
            scale_place(scale, series->values[i]), y + scatter);
    }
    strbuf_add(into, "</g>");
}

static void row_ticks(
    struct strbuf *into, const struct series *series, const struct scale *scale, double y)
{
    const struct distribution d = distribution_of(series->values, series->count);
    const double marks[] = {d.p50, d.p99};
    _cleanup_free_ char *text = value_text(series->measure, d.p50);

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        const double x = scale_place(scale, marks[i]), half = i == 0 ? 12 : 7;

        strbuf_addf(into, "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
            x, x, y - half, y + half);
    }
    chart_text(into, RIGHT + 12, y + 4, "start", "", text);
}

static bool is_shown(const struct series *series, const char *measure)
{
    return series->count > 0 && !series->scene[0] && str_equal(series->measure, measure);
}

void chart_distribution(const struct report *report, const char *measure, struct strbuf *into)
{
    double least = INFINITY, most = 0, y = TOP;
    size_t rows = 0;

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        for (size_t k = 0; is_shown(series, measure) && k < series->count; k++) {
            least = fmin(least, series->values[k]);
            most = fmax(most, series->values[k]);
        }
        rows += is_shown(series, measure);
    }
    if (rows == 0)
        return;
    const struct scale scale = scale_of(least, most, LEFT, RIGHT, true);
    const double bottom = TOP + (double)rows * ROW;
    _cleanup_free_ char *title = str_printf("%s: every sample, one after the other", measure);

    chart_begin(into, bottom + 44, title);
    chart_text(into, RIGHT + 12, TOP - 10, "start", "soft", "median");
    chart_axis_x(into, &scale, measure, TOP - 4, bottom + 2);
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (!is_shown(series, measure))
            continue;
        chart_text(into, LEFT - 12, y + ROW / 2.0 + 4, "end", "", series->contender);
        row_dots(into, series, &scale, y + ROW / 2.0, i / 2);
        row_ticks(into, series, &scale, y + ROW / 2.0);
        y += ROW;
    }
    chart_text(into, LEFT, bottom + 36, "start", "soft",
        "long tick: median; short tick: p99; logarithmic scale");
    chart_end(into);
}

/* --- scaling --- */

struct extent {
    double x_least, x_most, y_least, y_most;
    struct names names;
};

static bool in_scene(const struct series *series, const char *scene, const char *measure)
{
    return series->count > 0 && str_equal(series->scene, scene) &&
           str_equal(series->measure, measure);
}

static struct extent extent_of(const struct report *report, const char *scene, const char *measure)
{
    struct extent extent = {INFINITY, 0, INFINITY, 0, {{NULL}, 0}};

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (!in_scene(series, scene, measure))
            continue;
        const double y = median_of(series->values, series->count);
        names_add(&extent.names, series->contender);
        extent.x_least = fmin(extent.x_least, series->x);
        extent.x_most = fmax(extent.x_most, series->x);
        extent.y_least = fmin(extent.y_least, y);
        extent.y_most = fmax(extent.y_most, y);
    }
    return extent;
}

/* Numbers go by their rank: 0, 100, 1000 have no common scale that shows them apart. */
static double rank_place(const struct report *report, const char *scene, const char *measure,
    double x, size_t *ret_count)
{
    double seen[NAMES_MAX];
    size_t count = 0, below = 0;

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        size_t k = 0;

        if (!in_scene(series, scene, measure))
            continue;
        while (k < count && fabs(seen[k] - series->x) > 1e-9)
            k++;
        if (k < count || count == NAMES_MAX)
            continue;
        seen[count++] = series->x;
        below += series->x < x;
    }
    *ret_count = count;
    return LEFT + 20 + (RIGHT - LEFT - 40.0) * (double)below / (double)(count > 1 ? count - 1 : 1);
}

static void scaling_line(const struct report *report, const char *scene, const char *measure,
    const char *name, size_t colour, const struct scale *scale, struct strbuf *into)
{
    struct strbuf dots = STRBUF_INIT;
    const char *join = "";
    size_t count;

    strbuf_addf(into, "<polyline class=\"lines c%zu\" points=\"", colour % CHART_COLOURS);
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (!in_scene(series, scene, measure) || !str_equal(series->contender, name))
            continue;
        const double x = rank_place(report, scene, measure, series->x, &count);
        const double y = scale_place(scale, median_of(series->values, series->count));
        strbuf_addf(into, "%s%.1f,%.1f", join, x, y);
        strbuf_addf(&dots, "<circle class=\"c%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>",
            colour % CHART_COLOURS, x, y);
        join = " ";
    }
    strbuf_addf(into, "\"/>%s", strbuf_text(&dots));
    strbuf_release(&dots);
}

static void legend(struct strbuf *into, const struct names *names, double y)
{
    double x = LEFT;

    for (size_t i = 0; i < names->count; i++) {
        strbuf_addf(into,
            "<rect class=\"c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" rx=\"2\"/>",
            i % CHART_COLOURS, x, y - 10);
        chart_text(into, x + 18, y, "start", "", names->items[i]);
        x += 36 + 7.5 * (double)strlen(names->items[i]);
    }
}

/* A label per number, once, although many lines have it. */
static void scaling_axis_x(
    const struct report *report, const char *scene, const char *measure, struct strbuf *into)
{
    struct names shown = {{NULL}, 0};
    char texts[NAMES_MAX][24];
    size_t count;

    for (size_t i = 0; i < report->series_count && shown.count < NAMES_MAX; i++) {
        const struct series *series = report->series[i];
        const size_t before = shown.count;

        if (!in_scene(series, scene, measure))
            continue;
        snprintf(texts[before], sizeof(texts[before]), "%.6g", series->x);
        names_add(&shown, texts[before]);
        if (shown.count > before)
            chart_text(into, rank_place(report, scene, measure, series->x, &count),
                TOP + PLOT_HEIGHT + 18, "middle", "soft", texts[before]);
    }
}

void chart_scaling(
    const struct report *report, const char *scene, const char *measure, struct strbuf *into)
{
    const struct extent extent = extent_of(report, scene, measure);
    _cleanup_free_ char *title = str_printf("%s, median, by %s", measure, scene);

    if (extent.names.count == 0 || extent.x_most <= extent.x_least)
        return;
    const struct scale scale =
        scale_of(extent.y_least, extent.y_most, TOP + PLOT_HEIGHT, TOP, true);
    chart_begin(into, TOP + PLOT_HEIGHT + 70, title);
    chart_axis_y(into, &scale, measure, LEFT, RIGHT);
    scaling_axis_x(report, scene, measure, into);
    for (size_t i = 0; i < extent.names.count; i++)
        scaling_line(report, scene, measure, extent.names.items[i], i, &scale, into);
    chart_text(into, RIGHT + 12, TOP + PLOT_HEIGHT + 18, "start", "soft", scene);
    legend(into, &extent.names, TOP + PLOT_HEIGHT + 50);
    chart_end(into);
}

/* --- phases --- */

static double phases_sum(const struct report *report, const char *contender)
{
    double sum = 0;

    for (size_t i = 0; i < report->phase_count; i++) {
        if (str_equal(report->phases[i].contender, contender))
            sum += report->phases[i].median_us;
    }
    return sum;
}

static void phases_bar(const struct report *report, const char *contender, struct names *phases,
    const struct scale *scale, double y, struct strbuf *into)
{
    double at = 0;

    for (size_t i = 0; i < report->phase_count; i++) {
        const struct phase *phase = &report->phases[i];

        if (!str_equal(phase->contender, contender))
            continue;
        const double x = scale_place(scale, at), end = scale_place(scale, at + phase->median_us);
        _cleanup_free_ char *text = value_text("_us", phase->median_us);
        strbuf_addf(into,
            "<rect class=\"part c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"18\" "
            "fill-opacity=\"%s\"><title>",
            names_add(phases, phase->name) % CHART_COLOURS, x, y, end - x,
            names_add(phases, phase->name) < CHART_COLOURS ? "1" : "0.45");
        xml_text(into, phase->name);
        strbuf_addf(into, ": %s</title></rect>", text);
        at += phase->median_us;
    }
}

void chart_phases(const struct report *report, struct strbuf *into)
{
    struct names contenders = {{NULL}, 0}, phases = {{NULL}, 0};
    double most = 0;

    for (size_t i = 0; i < report->phase_count; i++) {
        names_add(&contenders, report->phases[i].contender);
        names_add(&phases, report->phases[i].name);
    }
    if (contenders.count == 0)
        return;
    for (size_t i = 0; i < contenders.count; i++)
        most = fmax(most, phases_sum(report, contenders.items[i]));
    const struct scale scale = scale_of(0, most, LEFT, RIGHT, false);
    const double bottom = TOP + (double)contenders.count * ROW;
    _cleanup_free_ char *title =
        str_printf("phases of a lifecycle, medians, by %s", report->phase_source);

    chart_begin(into, bottom + 40 + 22 * (double)((phases.count + 2) / 3), title);
    chart_axis_x(into, &scale, "_us", TOP - 4, bottom);
    for (size_t i = 0; i < contenders.count; i++) {
        const double y = TOP + (double)i * ROW + 4;
        _cleanup_free_ char *text = value_text("_us", phases_sum(report, contenders.items[i]));

        chart_text(into, LEFT - 12, y + 14, "end", "", contenders.items[i]);
        phases_bar(report, contenders.items[i], &phases, &scale, y, into);
        chart_text(into, RIGHT + 12, y + 14, "start", "", text);
    }
    for (size_t i = 0; i < phases.count; i++) {
        const double x = 40 + 280 * (double)(i % 3), y = bottom + 46 + 22 * (double)(i / 3);

        strbuf_addf(into,
            "<rect class=\"part c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" "
            "fill-opacity=\"%s\"/>",
            i % CHART_COLOURS, x, y - 10, i < CHART_COLOURS ? "1" : "0.45");
        chart_text(into, x + 18, y, "start", "", phases.items[i]);
    }
    chart_end(into);
}
