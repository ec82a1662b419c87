/* SPDX-License-Identifier: Apache-2.0 */
/* What the charts share: the frame, scales, axes, names and colours. */
#pragma once

#include "bench/report/chart.h"

#define CHART_COLOURS 8 /* classes c0 … c7 */
#define NAMES_MAX 48

/* From values to places, linear or by the logarithm. */
struct scale {
    double low;
    double high;
    double from;
    double to;
    bool logarithmic;
};
/* Wide enough for the values, with round ends. */
struct scale scale_of(double least, double most, double from, double to, bool logarithmic);
double scale_place(const struct scale *scale, double value);
/* The i-th value that gets a label; false past the last one. */
bool scale_tick(const struct scale *scale, size_t i, double *ret_value);

void chart_begin(struct strbuf *into, double height, const char *title);
void chart_end(struct strbuf *into);
void chart_text(struct strbuf *into, double x, double y, const char *anchor, const char *class,
    const char *text);
/* Lines at the ticks and their labels: below for x, left for y. */
void chart_axis_x(struct strbuf *into, const struct scale *scale, const char *measure, double top,
    double bottom);
void chart_axis_y(struct strbuf *into, const struct scale *scale, const char *measure, double left,
    double right);

/* Distinct names in the order of their first series or phase. */
struct names {
    const char *items[NAMES_MAX];
    size_t count;
};
size_t names_add(struct names *names, const char *name); /* its index */
