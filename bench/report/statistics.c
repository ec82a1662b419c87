/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/statistics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/rng.h"
#include "reference/base/mem.h"

#define RESAMPLES 1000
#define PERMUTATIONS 5000
#define SEED 1

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double percentile(const double *sorted, size_t count, double p)
{
    assert(count > 0);
    const size_t rank = (size_t)ceil(p * (double)count / 100 - 1e-9);

    return sorted[rank > 0 ? rank - 1 : 0];
}

double *sorted_copy(const double *values, size_t count)
{
    double *sorted = mem_dup(values, count * sizeof(*values));

    qsort(sorted, count, sizeof(*sorted), by_value);
    return sorted;
}

struct distribution distribution_of(const double *values, size_t count)
{
    if (count == 0)
        return (struct distribution){0};
    _cleanup_free_ double *sorted = sorted_copy(values, count);

    return (struct distribution){percentile(sorted, count, 50), percentile(sorted, count, 90),
        percentile(sorted, count, 99), percentile(sorted, count, 99.9), sorted[count - 1], count};
}

/* Orders the values so that values[k] is where sorting would put it, and none before it is greater
 * (Hoare's selection). */
static void select_kth(double *values, size_t count, size_t k)
{
    size_t low = 0, high = count - 1;

    while (low < high) {
        const double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;

        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            const double value = values[i];
            values[i++] = values[j];
            values[j--] = value;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

/* Reorders the values. */
static double median_in_place(double *values, size_t count)
{
    double below;

    select_kth(values, count, count / 2);
    if (count % 2)
        return values[count / 2];
    below = values[0];
    for (size_t i = 1; i < count / 2; i++)
        below = fmax(below, values[i]);
    return (below + values[count / 2]) / 2;
}

double median_of(const double *values, size_t count)
{
    assert(count > 0);
    _cleanup_free_ double *copy = mem_dup(values, count * sizeof(*values));

    return median_in_place(copy, count);
}

static size_t draw(struct rng_stream *stream, size_t bound)
{
    return (
        size_t)(rng_stream_next(stream) % bound); /* bound is tiny beside 2^64: no bias to see */
}

static double resampled_median(
    const double *values, size_t count, double *drawn, struct rng_stream *stream)
{
    for (size_t i = 0; i < count; i++)
        drawn[i] = values[draw(stream, count)];
    return median_in_place(drawn, count);
}

struct ratio ratio_of(const double *a, size_t a_count, const double *b, size_t b_count)
{
    _cleanup_free_ double *drawn = mem_alloc((a_count + b_count) * sizeof(*drawn));
    double ratios[RESAMPLES];
    struct rng rng;

    rng_init(&rng, SEED);
    struct rng_stream *stream = rng_stream(&rng, "bootstrap");
    for (size_t i = 0; i < RESAMPLES; i++)
        ratios[i] = resampled_median(a, a_count, drawn, stream) /
                    resampled_median(b, b_count, drawn, stream);
    rng_release(&rng);
    qsort(ratios, RESAMPLES, sizeof(*ratios), by_value);
    return (struct ratio){median_of(a, a_count) / median_of(b, b_count),
        percentile(ratios, RESAMPLES, 2.5), percentile(ratios, RESAMPLES, 97.5)};
}

double permutation_test(
    const double *before, size_t before_count, const double *now, size_t now_count)
{
    const size_t count = before_count + now_count;
    const double seen = median_of(now, now_count) - median_of(before, before_count);
    _cleanup_free_ double *all = mem_alloc(count * sizeof(*all));
    size_t as_large = 1;
    struct rng rng;

    memcpy(all, before, before_count * sizeof(*all));
    memcpy(all + before_count, now, now_count * sizeof(*all));
    rng_init(&rng, SEED);
    struct rng_stream *stream = rng_stream(&rng, "permutation");
    for (size_t round = 0; round < PERMUTATIONS; round++) {
        for (size_t i = 0; i < now_count; i++) { /* which of all are called "now" */
            const size_t j = i + draw(stream, count - i);
            const double value = all[i];

            all[i] = all[j];
            all[j] = value;
        }
        as_large +=
            median_in_place(all, now_count) - median_in_place(all + now_count, before_count) >=
            seen;
    }
    rng_release(&rng);
    return (double)as_large / (PERMUTATIONS + 1);
}
