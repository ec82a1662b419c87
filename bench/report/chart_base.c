/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/chart_base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

const char chart_style[] =
    "svg{--ink:#1d2430;--soft:#5d6778;--line:#dde2ea;--paper:#ffffff;"
    "--c0:#2563c9;--c1:#d9711c;--c2:#1f8a55;--c3:#a838a4;--c4:#b3261e;--c5:#0d8596;--c6:#8a6d00;"
    "--c7:#5c5cd6;--c8:#5c9a1f;--c9:#d1447f;--c10:#64748b;--c11:#7b4b2a}"
    "@media(prefers-color-scheme:dark){svg{--ink:#e6eaf2;--soft:#9aa5b8;--line:#313a49;"
    "--paper:#151a22;--c0:#6ea2ff;--c1:#ffa257;--c2:#56c98d;--c3:#df86db;--c4:#ff8a80;"
    "--c5:#4fc7d8;--c6:#d9b93a;--c7:#a3a3ff;--c8:#a9d96b;--c9:#ff8fbb;--c10:#a8b5c7;"
    "--c11:#d3a682}}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--ink)}"
    "svg text.title{font-size:15px;font-weight:600}svg text.soft{fill:var(--soft);font-size:11px}"
    "svg .paper{fill:var(--paper)}svg .grid{stroke:var(--line);stroke-width:1}"
    "svg .tick{stroke:var(--ink);stroke-width:2}svg .dots{fill-opacity:.45}"
    "svg .lines{stroke-width:2}svg .spread{stroke-width:5;stroke-opacity:.3}"
    "svg .c0{fill:var(--c0);stroke:var(--c0)}svg .c1{fill:var(--c1);stroke:var(--c1)}"
    "svg .c2{fill:var(--c2);stroke:var(--c2)}svg .c3{fill:var(--c3);stroke:var(--c3)}"
    "svg .c4{fill:var(--c4);stroke:var(--c4)}svg .c5{fill:var(--c5);stroke:var(--c5)}"
    "svg .c6{fill:var(--c6);stroke:var(--c6)}svg .c7{fill:var(--c7);stroke:var(--c7)}"
    "svg .c8{fill:var(--c8);stroke:var(--c8)}svg .c9{fill:var(--c9);stroke:var(--c9)}"
    "svg .c10{fill:var(--c10);stroke:var(--c10)}svg .c11{fill:var(--c11);stroke:var(--c11)}"
    "svg .dots{stroke:none}svg .part{stroke:var(--paper);stroke-width:1}"
    "svg polyline.lines{fill:none}";

/* --- words --- */

static const char *const words[][2] = {
    {"launch_us", "launch: from the call to the first instruction"},
    {"lifecycle_us", "lifecycle: from the call until nothing is left"},
    {"destroy_us", "destroy: from the call until nothing is left"},
    {"cpu_us", "CPU time of a container with its runtime"},
    {"peak_memory_bytes", "peak memory of a container with its runtime"},
    {"lifecycles_per_second", "lifecycles in a second"},
    {"launches_per_second", "launches in a second"},
    {"destroys_per_second", "destroys in a second"},
    {"agent_bytes", "the agent's memory for a live container"},
    {"live", "live containers"},
    {"workers", "workers, each with one container after the other"},
    {"parallel", "containers at once"},
    {"agent", "MiB resident in the agent"},
    {"open", "containers a second that are asked for"},
    {"burst", "containers of a burst"},
};

static const char *words_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_equal(words[i][0], name))
            return words[i][1];
    }
    return name;
}

const char *measure_words(const char *measure)
{
    return words_of(measure);
}

const char *scene_words(const char *scene)
{
    return words_of(scene);
}

void xml_text(struct strbuf *into, const char *text)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

    for (; *text; text++) {
        const char *entity = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
            if (*text == entities[i].character)
                entity = entities[i].entity;
        }
        if (entity)
            strbuf_add(into, entity);
        else if ((unsigned char)*text >= ' ') /* XML knows no control characters */
            strbuf_add_bytes(into, text, 1);
    }
}

/* --- scales --- */

struct scale_range range_of(const char *measure)
{
    return (struct scale_range){.bytes = str_equal(measure_of(measure)->unit, "bytes")};
}

void range_add(struct scale_range *range, double value)
{
    if (value <= 0) {
        range->zeros = true;
        return;
    }
    range->least = range->least > 0 ? fmin(range->least, value) : value;
    range->most = fmax(range->most, value);
}

/* 1, 2 or 5 times a power of ten, at least `value`. */
static double round_up(double value)
{
    const double power = pow(10, floor(log10(value)));
    const double digit = value / power;

    return power * (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10);
}

/* The k-th tick of a logarithmic scale; k may be negative. */
static double tick_value(const struct scale *scale, int k)
{
    const int digit = ((k % scale->digit_count) + scale->digit_count) % scale->digit_count;

    return pow(scale->base, (k - digit) / scale->digit_count) * scale->digits[digit];
}

/* As many ticks as the span of the values takes without crowding. */
static void ticks_choose(struct scale *scale, double span, bool bytes)
{
    static const double one[] = {1}, some[] = {1, 2, 5}, many[] = {1, 1.5, 2, 3, 5, 7};

    scale->digits = one;
    scale->digit_count = 1;
    scale->base = !bytes ? 10 : span <= 1 << 8 ? 2 : span <= 1 << 16 ? 4 : 16;
    if (!bytes && span <= 12) {
        scale->digits = many;
        scale->digit_count = ARRAY_SIZE(many);
    } else if (!bytes && span <= 3000) {
        scale->digits = some;
        scale->digit_count = ARRAY_SIZE(some);
    }
}

static void logarithmic_ends(struct scale *scale, const struct scale_range *range)
{
    const double most = range->most > 0 ? range->most : 1;
    const double least = range->least > 0 ? range->least : most;
    int last;

    ticks_choose(scale, most / least, range->bytes);
    scale->first = (int)floor(log(least) / log(scale->base)) * scale->digit_count;
    while (tick_value(scale, scale->first + 1) <= least * 1.0001)
        scale->first++;
    last = scale->first + 1;
    while (tick_value(scale, last) < most * 0.9999)
        last++;
    scale->first -= range->zeros;
    scale->low = tick_value(scale, scale->first);
    scale->high = tick_value(scale, last);
}

struct scale scale_of(const struct scale_range *range, double from, double to, bool logarithmic)
{
    struct scale scale = {.from = from, .to = to, .logarithmic = logarithmic};

    if (logarithmic) {
        logarithmic_ends(&scale, range);
    } else {
        scale.high = range->most > 0 ? range->most : 1;
        const double step = round_up(scale.high / 5);
        scale.high = ceil(scale.high / step) * step;
    }
    return scale;
}

double scale_place(const struct scale *scale, double value)
{
    double part;

    if (scale->logarithmic)
        part = log(fmax(value, scale->low) / scale->low) / log(scale->high / scale->low);
    else
        part = (value - scale->low) / (scale->high - scale->low);
    return scale->from + part * (scale->to - scale->from);
}

bool scale_tick(const struct scale *scale, size_t i, double *ret_value)
{
    *ret_value = scale->logarithmic ? tick_value(scale, scale->first + (int)i)
                                    : (double)i * round_up(scale->high / 5);
    return *ret_value <= scale->high * 1.0001;
}

static char *scaled(double value, double base, const char *const *units, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && fabs(value) >= base) {
        value /= base;
        i++;
    }
    return str_printf("%.3g %s", value, units[i]);
}

char *value_text(const char *measure, double value)
{
    static const char *const times[] = {"ns", "us", "ms", "s"};
    static const char *const sizes[] = {"B", "KiB", "MiB", "GiB"};
    const char *unit = measure_of(measure)->unit;

    for (size_t i = 0; i < 3; i++) {
        if (str_equal(unit, times[i]) && value > 0)
            return scaled(value, 1000, times + i, ARRAY_SIZE(times) - i);
    }
    if (str_equal(unit, "bytes"))
        return scaled(value, 1024, sizes, ARRAY_SIZE(sizes));
    return str_printf("%.6g%s", value, unit[0] == '/' ? unit : "");
}

void chart_begin(struct strbuf *into, double height, const char *title)
{
    strbuf_addf(into,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
        "height=\"%.0f\" role=\"img\"><style>%s</style><title>",
        CHART_WIDTH, height, CHART_WIDTH, height, chart_style);
    xml_text(into, title);
    strbuf_addf(
        into, "</title><rect class=\"paper\" width=\"%d\" height=\"%.0f\"/>", CHART_WIDTH, height);
    chart_text(into, 16, 26, "start", "title", title);
}

void chart_end(struct strbuf *into)
{
    strbuf_add(into, "</svg>\n");
}

void chart_text(struct strbuf *into, double x, double y, const char *anchor, const char *class,
    const char *text)
{
    strbuf_addf(
        into, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
    xml_text(into, text);
    strbuf_add(into, "</text>");
}

void chart_axis_x(
    struct strbuf *into, const struct scale *scale, const char *measure, double top, double bottom)
{
    double value;

    for (size_t i = 0; scale_tick(scale, i, &value); i++) {
        const double x = scale_place(scale, value);
        _cleanup_free_ char *text = value_text(measure, value);

        strbuf_addf(into, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
            x, x, top, bottom);
        chart_text(into, x, bottom + 16, "middle", "soft", text);
    }
}

void chart_axis_y(
    struct strbuf *into, const struct scale *scale, const char *measure, double left, double right)
{
    double value;

    for (size_t i = 0; scale_tick(scale, i, &value); i++) {
        const double y = scale_place(scale, value);
        _cleanup_free_ char *text = value_text(measure, value);

        strbuf_addf(into, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
            left, right, y, y);
        chart_text(into, left - 8, y + 4, "end", "soft", text);
    }
}

size_t names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (str_equal(names->items[i], name))
            return i;
    }
    if (names->count == NAMES_MAX)
        return NAMES_MAX - 1;
    names->items[names->count] = name;
    return names->count++;
}

size_t contender_colour(const struct report *report, const char *contender)
{
    struct names names = {{NULL}, 0};

    for (size_t i = 0; i < report->series_count; i++)
        names_add(&names, report->series[i]->contender);
    return names_add(&names, contender) % CHART_COLOURS;
}
