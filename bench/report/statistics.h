/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What samples say: percentiles, ratios of medians with their bootstrap intervals, and whether two
 * sets of samples differ. All draws come from fixed seeds: the same samples say the same.
 */
#pragma once

#include <stddef.h>

struct distribution {
    double p50;
    double p90;
    double p99;
    double p999;
    double max;
    size_t count;
};
/* Nearest-rank percentiles, as HDR histograms tell them. count may be 0: all zero. */
struct distribution distribution_of(const double *values, size_t count);

/* The values in ascending order. Owned. count > 0. */
double *sorted_copy(const double *values, size_t count);
/* The smallest sample that p percent of the samples do not exceed. sorted, count > 0. */
double percentile(const double *sorted, size_t count, double p);
/* The middle one, or the mean of the two in the middle; values are left alone. count > 0. */
double median_of(const double *values, size_t count);

/* The ratio of medians a/b, and its 95 % interval by the percentile bootstrap (Efron, 1979). */
struct ratio {
    double value;
    double low;
    double high;
};
/* Both counts > 0. With one sample on a side the interval is as wide as the other side says. */
struct ratio ratio_of(const double *a, size_t a_count, const double *b, size_t b_count);

/*
 * The permutation test (Fisher, Pitman), one-sided: how probable a difference of medians, now above
 * before, at least as large as the one seen would be if the labels meant nothing. Monte Carlo, with
 * the observed labelling counted among the draws, so never 0. Both counts > 0.
 */
double permutation_test(
    const double *before, size_t before_count, const double *now, size_t now_count);
