/* SPDX-License-Identifier: Apache-2.0 */
/* Two results of the same benchmark, series by series: what has become worse beyond the noise. */
#pragma once

#include "bench/report/report.h"

struct difference {
    const struct series *before; /* borrowed from the reports */
    const struct series *now;
    double change; /* of the medians, in the direction that is worse: 0.1 is 10 % worse */
    double limit;  /* what it may be: the measure's noise, or the largest regression allowed */
    double p;      /* that it is chance; permutation test */
    bool regressed;
};
struct comparison {
    struct difference *items; /* owned */
    size_t count;
    size_t regressions;
    size_t unmatched; /* series that only one of the reports has */
};

/*
 * Tests each series that both have. A regression is larger than its limit and has a p below 5 %
 * divided by the number of series tested (Bonferroni), so that the whole comparison of equal
 * programs fails by chance in less than one of 20 cases. -EINVAL: not the same benchmark.
 */
int comparison_make(const struct report *before, const struct report *now, double max_regression,
    struct comparison *ret_comparison, struct err *err);
void comparison_release(struct comparison *comparison);

/* Replaces in `now` the samples of what has regressed by those of `again`. The number replaced. */
size_t comparison_replace(
    const struct comparison *comparison, struct report *now, const struct report *again);

/* What else than the program may make a difference: members of the environments and settings that
 * are not the same. Each a text; owned; NULL: nothing. */
char **comparison_warnings(const struct report *before, const struct report *now);
/* The name of the first member in which the environments differ; NULL: the same machine, as far as
 * they tell. */
const char *environment_difference(const json_t *before, const json_t *now);
