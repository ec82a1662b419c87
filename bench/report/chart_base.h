/* SPDX-License-Identifier: Apache-2.0 */
/* What the charts share: the frame, scales, axes, names and colours. */
#pragma once

#include "bench/report/chart.h"

#define CHART_COLOURS 12 /* classes c0 … c11 */
#define NAMES_MAX 48

/* From values to places, linear or by the logarithm. */
struct scale {
    double low;
    double high;
    double from;
    double to;
    bool logarithmic;
    /* Ticks of a logarithmic one: the digits, times powers of the base; the number of the first. */
    double base;
    const double *digits;
    int digit_count;
    int first;
};
/* Wide enough for the values, with round ends: powers of two where the unit is bytes. Zeros have a
 * place of their own at the low end of a logarithmic one: `zeros` says that there are some. */
struct scale_range {
    double least; /* above zero for a logarithmic scale */
    double most;
    bool zeros;
    bool bytes;
};
struct scale scale_of(const struct scale_range *range, double from, double to, bool logarithmic);
double scale_place(const struct scale *scale, double value);
/* The i-th value that gets a label; false past the last one. */
bool scale_tick(const struct scale *scale, size_t i, double *ret_value);

/* An empty range of that measure, and with one more value in it. */
struct scale_range range_of(const char *measure);
void range_add(struct scale_range *range, double value);

/* What a measure or a scene is, in words; the name itself where there are none. */
const char *measure_words(const char *measure);
const char *scene_words(const char *scene);

void chart_begin(struct strbuf *into, double height, const char *title);
void chart_end(struct strbuf *into);
void chart_text(struct strbuf *into, double x, double y, const char *anchor, const char *class,
    const char *text);
/* Lines at the ticks and their labels: below for x, left for y. */
void chart_axis_x(
    struct strbuf *into, const struct scale *scale, const char *measure, double top, double bottom);
void chart_axis_y(
    struct strbuf *into, const struct scale *scale, const char *measure, double left, double right);

/* Distinct names in the order of their first series or phase. */
struct names {
    const char *items[NAMES_MAX];
    size_t count;
};
size_t names_add(struct names *names, const char *name); /* its index */

/* The number of a contender's colour: the same in all charts of a report. */
size_t contender_colour(const struct report *report, const char *contender);
