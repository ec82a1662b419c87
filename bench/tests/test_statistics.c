/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <math.h>

#include "bench/report/statistics.h"

static void assert_near(double value, double wanted, double slack)
{
    if (fabs(value - wanted) > slack)
        fail_msg("expected %g, got %g", wanted, value);
}

/* 1 … 1000: the nearest rank of p percent is p * 10. */
static void test_percentiles(void **state)
{
    double values[1000];

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        values[i] = (double)((i * 387) % 1000 + 1); /* 387 and 1000 have no common factor */
    const struct distribution d = distribution_of(values, 1000);
    assert_near(d.p50, 500, 0);
    assert_near(d.p90, 900, 0);
    assert_near(d.p99, 990, 0);
    assert_near(d.p999, 999, 0);
    assert_near(d.max, 1000, 0);
    assert_int_equal(d.count, 1000);
}

static void test_percentiles_of_few(void **state)
{
    const double one[] = {7};

    (void)state;
    assert_near(distribution_of(one, 1).p50, 7, 0);
    assert_near(distribution_of(one, 1).p999, 7, 0);
    assert_int_equal(distribution_of(NULL, 0).count, 0);
}

static void test_median(void **state)
{
    const double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, equal[] = {2, 2, 2, 2, 2, 2};
    double many[101];

    (void)state;
    assert_near(median_of(odd, 3), 5, 0);
    assert_near(median_of(even, 4), 2.5, 0);
    assert_near(median_of(equal, 6), 2, 0);
    assert_near(odd[0], 9, 0);          /* left alone */
    for (size_t n = 1; n <= 101; n++) { /* all orders of selection */
        for (size_t i = 0; i < n; i++)
            many[i] = (double)((i * 53 + 11) % n);
        if (n % 53 != 0) /* else all are equal */
            assert_near(median_of(many, n), ((double)n - 1) / 2, 0);
    }
}

static void test_ratio(void **state)
{
    double a[200], b[200];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        b[i] = 100 + (double)(i % 21) - 10;
        a[i] = 2 * b[i];
    }
    const struct ratio twice = ratio_of(a, 200, b, 200);
    assert_near(twice.value, 2, 1e-9);
    assert_true(twice.low > 1.9 && twice.low <= 2);
    assert_true(twice.high < 2.1 && twice.high >= 2);
    const struct ratio same = ratio_of(b, 200, b, 200);
    assert_true(same.low <= 1 && same.high >= 1);
    /* Constant samples leave nothing to chance. */
    const double five[] = {5, 5, 5}, ten[] = {10, 10};
    const struct ratio half = ratio_of(five, 3, ten, 2);
    assert_near(half.low, 0.5, 0);
    assert_near(half.high, 0.5, 0);
}

/* Of the 20 ways to call three of 1 … 6 "now", two have medians as far apart: 4, 5, 6 and 3, 5, 6.
 */
static void test_permutation_known(void **state)
{
    const double before[] = {1, 2, 3}, now[] = {4, 5, 6};

    (void)state;
    assert_near(permutation_test(before, 3, now, 3), 2.0 / 20, 0.02);
    /* The other way round, all of them have. */
    assert_near(permutation_test(now, 3, before, 3), 1, 0);
}

/* The test without chance: all 70 ways to call four of the eight "now". */
static size_t splits_as_large(const double *all, double seen)
{
    size_t count = 0;

    for (unsigned mask = 0; mask < 256; mask++) {
        double now[8], before[8];
        size_t n = 0, m = 0;

        if (__builtin_popcount(mask) != 4)
            continue;
        for (unsigned i = 0; i < 8; i++) {
            if (mask >> i & 1)
                now[n++] = all[i];
            else
                before[m++] = all[i];
        }
        count += median_of(now, 4) - median_of(before, 4) >= seen;
    }
    return count;
}

static void test_permutation_enumerated(void **state)
{
    const double before[] = {1, 2, 3, 4}, now[] = {3, 4, 5, 6};
    const double all[] = {1, 2, 3, 4, 3, 4, 5, 6};

    (void)state;
    assert_near(permutation_test(before, 4, now, 4), (double)splits_as_large(all, 2) / 70, 0.02);
}

static void test_permutation_tells_apart(void **state)
{
    double before[100], now[100];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        before[i] = 100 + (double)((i * 37) % 41);
        now[i] = before[i];
    }
    assert_true(permutation_test(before, 100, now, 100) > 0.3);
    for (size_t i = 0; i < 100; i++)
        now[i] += 30;
    assert_true(permutation_test(before, 100, now, 100) < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_percentiles_of_few), cmocka_unit_test(test_median),
        cmocka_unit_test(test_ratio), cmocka_unit_test(test_permutation_known),
        cmocka_unit_test(test_permutation_enumerated),
        cmocka_unit_test(test_permutation_tells_apart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
