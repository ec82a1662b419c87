/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a benchmark found: series of samples, figures drawn from them, and all that one must know to
 * judge these. Every benchmark fills one; table, JSON, Markdown and charts come from it, and a file
 * of JSON gives it again.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "bench/report/statistics.h"
#include "reference/base/err.h"

/* Samples of one measure of one contender in one situation. */
struct series {
    char *contender;
    char *measure; /* with its unit: "launch_us" */
    char *scene;   /* "" for one after the other on an idle machine; "live", "workers", … */
    double x;      /* how many of that: 1000 live containers */
    double *values;
    size_t count;
    size_t capacity;
};

/* What is said about the series: a ratio with its interval, or a plain number (low = high). */
struct figure {
    char *name;    /* "linux-ns/floor-ns" */
    char *measure; /* of which */
    struct ratio ratio;
    bool plain;    /* no ratio of two series: says nothing about winners */
    double goal;   /* 0: none */
    bool at_least; /* the goal is a lower limit */
};

struct phase {
    char *contender;
    char *name;
    double median_us;
};

struct report {
    char *bench;
    char *stopped; /* why it is not complete; NULL: it is */
    struct series **series;
    size_t series_count;
    size_t series_capacity;
    struct figure *figures;
    size_t figure_count;
    size_t figure_capacity;
    struct phase *phases;
    size_t phase_count;
    size_t phase_capacity;
    char *phase_source;  /* where the phases' times are from; NULL: there are none */
    json_t *missing;     /* object: who did not run -> why */
    json_t *settings;    /* object: as measured */
    json_t *environment; /* object */
    json_t *extra;       /* object: further members of the JSON that the benchmark documents */
    char **leaks;        /* what was found left behind */
};

void report_init(struct report *report, const char *bench);
void report_release(struct report *report);

/* Found or made; lives as long as the report. */
struct series *report_series(
    struct report *report, const char *contender, const char *measure, const char *scene, double x);
/* NULL when it is not there, or has no sample. */
const struct series *report_find(const struct report *report, const char *contender,
    const char *measure, const char *scene, double x);
void series_add(struct series *series, double value);
void series_clear(struct series *series);

void report_missing(struct report *report, const char *contender, const char *reason);
void report_phase(struct report *report, const char *contender, const char *name, double median_us);
/* The ratio of the medians of a and b; nothing when one of them is NULL. goal 0: none. */
void report_ratio(struct report *report, const char *name, const struct series *a,
    const struct series *b, double goal, bool at_least);
/* Takes the texts of the figure. */
void report_figure_add(struct report *report, const struct figure *figure);
void report_number(struct report *report, const char *name, const char *measure, double value,
    double goal, bool at_least);

/* "better", "worse", or that there is no difference beyond the noise; "" for a plain number. */
const char *figure_verdict(const struct figure *figure);
/* What the goal says: "", "met", "missed", or "within the noise" when the interval holds it. */
const char *figure_goal_verdict(const struct figure *figure);
const char *goal_comparison(const struct figure *figure); /* "<=" or ">=" */

/* --- measures, by what their names end with --- */
struct measure {
    const char *suffix;
    const char *unit;
    bool more_is_better;
    /* Below this ratio of change a difference is noise, whatever its probability: what the same
     * program measured twice on a machine that is shared may differ by. */
    double noise;
};
const struct measure *measure_of(const char *name);

/* --- forms --- */
#define REPORT_FORMAT "seatrial-bench/1" /* another number when a reader of it would be misled */

void report_table(const struct report *report, FILE *stream);
json_t *report_json(const struct report *report); /* a new reference */
/* -EINVAL with what is wrong and where. */
int report_from_json(const json_t *json, struct report *ret_report, struct err *err);
int report_read(const char *path, struct report *ret_report, struct err *err);
void report_markdown(const struct report *report, FILE *stream);
void report_html(const struct report *report, FILE *stream);
/* Writes one file per chart into the directory, which is made. */
int report_svg(const struct report *report, const char *directory, struct err *err);
