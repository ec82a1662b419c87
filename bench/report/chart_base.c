/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/chart_base.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

const char chart_style[] =
    "svg{--ink:#1d2430;--soft:#5d6778;--line:#dde2ea;--paper:#ffffff;"
    "--c0:#2563c9;--c1:#d9711c;--c2:#1f8a55;--c3:#a838a4;--c4:#b3261e;--c5:#0d8596;--c6:#8a6d00;"
    "--c7:#5c5cd6}"
    "@media(prefers-color-scheme:dark){svg{--ink:#e6eaf2;--soft:#9aa5b8;--line:#313a49;"
    "--paper:#151a22;--c0:#6ea2ff;--c1:#ffa257;--c2:#56c98d;--c3:#df86db;--c4:#ff8a80;"
    "--c5:#4fc7d8;--c6:#d9b93a;--c7:#a3a3ff}}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--ink)}"
    "svg text.title{font-size:15px;font-weight:600}svg text.soft{fill:var(--soft);font-size:11px}"
    "svg .paper{fill:var(--paper)}svg .grid{stroke:var(--line);stroke-width:1}"
    "svg .tick{stroke:var(--ink);stroke-width:2}svg .dots{fill-opacity:.45}"
    "svg .lines{fill:none;stroke-width:2}"
    "svg .c0{fill:var(--c0);stroke:var(--c0)}svg .c1{fill:var(--c1);stroke:var(--c1)}"
    "svg .c2{fill:var(--c2);stroke:var(--c2)}svg .c3{fill:var(--c3);stroke:var(--c3)}"
    "svg .c4{fill:var(--c4);stroke:var(--c4)}svg .c5{fill:var(--c5);stroke:var(--c5)}"
    "svg .c6{fill:var(--c6);stroke:var(--c6)}svg .c7{fill:var(--c7);stroke:var(--c7)}"
    "svg .dots{stroke:none}svg .part{stroke:var(--paper);stroke-width:1}"
    "svg .lines.c0,svg .lines.c1,svg .lines.c2,svg .lines.c3,svg .lines.c4,svg .lines.c5,"
    "svg .lines.c6,svg .lines.c7{fill:none}";

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

/* 1, 2 or 5 times a power of ten, at least `value`. */
static double round_up(double value)
{
    const double power = pow(10, floor(log10(value)));
    const double digit = value / power;

    return power * (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10);
}

struct scale scale_of(double least, double most, double from, double to, bool logarithmic)
{
    struct scale scale = {0, most > 0 ? most : 1, from, to, logarithmic};

    if (logarithmic) {
        scale.high = round_up(scale.high);
        scale.low = least > 0 ? pow(10, floor(log10(least))) : scale.high / 1000;
        for (double step = 5; step > 1; step = step > 2 ? 2 : 1) { /* 5, 2: as close as they fit */
            if (least >= scale.low * step) {
                scale.low *= step;
                break;
            }
        }
        if (scale.low >= scale.high)
            scale.low = scale.high / 10;
    } else {
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
    static const double digits[] = {1, 2, 5};

    if (!scale->logarithmic) {
        *ret_value = (double)i * round_up(scale->high / 5);
        return *ret_value <= scale->high * 1.0001;
    }
    const double power = pow(10, floor(log10(scale->low * 1.0001)));
    const bool wide = scale->high / scale->low > 3000; /* then powers of ten alone */
    size_t skipped = 0;

    while (!wide && power * digits[skipped] < scale->low * 0.9999)
        skipped++;
    const size_t k = i + skipped;
    *ret_value =
        wide ? power * pow(10, (double)i) : power * pow(10, (double)(k / 3)) * digits[k % 3];
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
