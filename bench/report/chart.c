/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/chart.h"

#include <math.h>
#include <string.h>

#include "bench/report/chart_base.h"
#include "reference/base/mem.h"

#define LEFT 130 /* unless names need more */
#define LETTER 7 /* width of one in a label */
#define RIGHT (CHART_WIDTH - 110)
#define TOP 56
#define ROW 30
#define DOTS_MAX 250 /* of a row; more would only make the file large */
#define PLOT_HEIGHT 300
#define SPREAD 7 /* between the bars of contenders at the same number */

/* --- distribution --- */

static void row_dots(struct strbuf *into, const struct series *series, const struct scale *scale,
    double y, size_t colour)
{
    const size_t step = series->count / DOTS_MAX + 1;

    strbuf_addf(into, "<g class=\"dots c%zu\">", colour);
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

/* The width that labels at the left take. */
static double left_widen(double left, const char *label)
{
    return fmax(left, LETTER * (double)strlen(label) + 24);
}

static void distribution_rows(const struct report *report, const char *measure,
    const struct scale *scale, struct strbuf *into)
{
    double y = TOP + ROW / 2.0;

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (!is_shown(series, measure))
            continue;
        chart_text(into, scale->from - 12, y + 4, "end", "", series->contender);
        row_dots(into, series, scale, y, contender_colour(report, series->contender));
        row_ticks(into, series, scale, y);
        y += ROW;
    }
}

void chart_distribution(const struct report *report, const char *measure, struct strbuf *into)
{
    struct scale_range range = range_of(measure);
    double left = LEFT;
    size_t rows = 0;

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];

        if (!is_shown(series, measure))
            continue;
        for (size_t k = 0; k < series->count; k++)
            range_add(&range, series->values[k]);
        left = left_widen(left, series->contender);
        rows++;
    }
    if (rows == 0)
        return;
    const struct scale scale = scale_of(&range, left, RIGHT, true);
    const double bottom = TOP + (double)rows * ROW;

    chart_begin(into, bottom + 44, measure_words(measure));
    chart_text(into, RIGHT + 12, TOP - 10, "start", "soft", "median");
    chart_axis_x(into, &scale, measure, TOP - 4, bottom + 2);
    distribution_rows(report, measure, &scale, into);
    chart_text(into, left, bottom + 36, "start", "soft",
        range.zeros
            ? "a dot for each sample; long tick: median, short tick: p99; logarithmic scale, "
              "with 0 at its left end"
            : "a dot for each sample; long tick: median, short tick: p99; logarithmic scale");
    chart_end(into);
}

/* --- scaling --- */

struct extent {
    double x_least, x_most;
    struct scale_range y;
    struct names names;
};

static bool in_scene(const struct series *series, const char *scene, const char *measure)
{
    return series->count > 0 && str_equal(series->scene, scene) &&
           str_equal(series->measure, measure);
}

/* The middle half of the samples, and their median. */
static void quartiles(const struct series *series, double *ret_values)
{
    static const double parts[] = {25, 50, 75};
    _cleanup_free_ double *sorted = sorted_copy(series->values, series->count);

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        ret_values[i] = percentile(sorted, series->count, parts[i]);
    ret_values[1] = median_of(series->values, series->count);
}

static struct extent extent_of(const struct report *report, const char *scene, const char *measure)
{
    struct extent extent = {INFINITY, 0, range_of(measure), {{NULL}, 0}};

    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        double values[3];

        if (!in_scene(series, scene, measure))
            continue;
        quartiles(series, values);
        for (size_t k = 0; k < ARRAY_SIZE(values); k++)
            range_add(&extent.y, values[k]);
        names_add(&extent.names, series->contender);
        extent.x_least = fmin(extent.x_least, series->x);
        extent.x_most = fmax(extent.x_most, series->x);
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

/* The bars stand aside of the dots, so that those of different contenders hide none. */
static void scaling_line(const struct report *report, const char *scene, const char *measure,
    const char *name, double aside, const struct scale *scale, struct strbuf *into)
{
    const size_t colour = contender_colour(report, name);
    struct strbuf dots = STRBUF_INIT;
    const char *join = "";
    size_t count;

    strbuf_addf(into, "<polyline class=\"lines c%zu\" points=\"", colour);
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        double values[3];

        if (!in_scene(series, scene, measure) || !str_equal(series->contender, name))
            continue;
        quartiles(series, values);
        const double x = rank_place(report, scene, measure, series->x, &count);
        const double y = scale_place(scale, values[1]);
        strbuf_addf(into, "%s%.1f,%.1f", join, x, y);
        strbuf_addf(&dots,
            "<line class=\"spread c%zu\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<circle class=\"c%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>",
            colour, x + aside, x + aside, scale_place(scale, values[0]),
            scale_place(scale, values[2]), colour, x, y);
        join = " ";
    }
    strbuf_addf(into, "\"/>%s", strbuf_text(&dots));
    strbuf_release(&dots);
}

static void legend(
    struct strbuf *into, const struct report *report, const struct names *names, double y)
{
    double x = LEFT;

    for (size_t i = 0; i < names->count; i++) {
        strbuf_addf(into,
            "<rect class=\"c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" rx=\"2\"/>",
            contender_colour(report, names->items[i]), x, y - 10);
        chart_text(into, x + 18, y, "start", "", names->items[i]);
        x += 36 + LETTER * (double)strlen(names->items[i]);
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
    const double bottom = TOP + PLOT_HEIGHT;

    if (extent.names.count == 0 || extent.x_most <= extent.x_least)
        return;
    const struct scale scale = scale_of(&extent.y, bottom, TOP, true);
    chart_begin(into, bottom + 88, measure_words(measure));
    chart_axis_y(into, &scale, measure, LEFT, RIGHT);
    scaling_axis_x(report, scene, measure, into);
    for (size_t i = 0; i < extent.names.count; i++)
        scaling_line(report, scene, measure, extent.names.items[i],
            ((double)i - (double)(extent.names.count - 1) / 2) * SPREAD, &scale, into);
    chart_text(into, (LEFT + RIGHT) / 2.0, bottom + 36, "middle", "soft", scene_words(scene));
    legend(into, report, &extent.names, bottom + 62);
    chart_text(into, LEFT, bottom + 80, "start", "soft",
        "dots: medians; bars: the middle half of the samples; logarithmic scale");
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
            "<rect class=\"part c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"18\">"
            "<title>",
            names_add(phases, phase->name) % CHART_COLOURS, x, y, end - x);
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
    const struct scale scale = scale_of(&(struct scale_range){.most = most}, LEFT, RIGHT, false);
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
            "<rect class=\"part c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/>",
            i % CHART_COLOURS, x, y - 10);
        chart_text(into, x + 18, y, "start", "", phases.items[i]);
    }
    chart_end(into);
}
