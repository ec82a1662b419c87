/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as SVG. Colours are variables of CSS with a light and a dark value, which the charts bring
 * along; in a page they follow the page's.
 */
#pragma once

#include "bench/report/report.h"
#include "reference/base/strbuf.h"

#define CHART_WIDTH 880

/* Style sheet of all charts, without the element around it. */
extern const char chart_style[];

/* A row per contender: each sample a dot on a logarithmic scale, with ticks at p50, p99 and max.
 * Nothing when no contender has samples of this measure. */
void chart_distribution(const struct report *report, const char *measure, struct strbuf *into);
/* A line per contender: the measure's median by the scene's number. Nothing with less than two. */
void chart_scaling(
    const struct report *report, const char *scene, const char *measure, struct strbuf *into);
/* A bar per contender, in it a part per phase. Nothing when there are no phases. */
void chart_phases(const struct report *report, struct strbuf *into);

/* All charts that have something to show: calls fn with a name for a file and the text. */
void charts_each(const struct report *report,
    void (*fn)(void *arg, const char *name, const char *title, const char *svg), void *arg);

/* "1.5 ms" for 1500 us: the measure says the unit. Owned. */
char *value_text(const char *measure, double value);
/* Text for XML. */
void xml_text(struct strbuf *into, const char *text);
