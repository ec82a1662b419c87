/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>

#include "bench/compare.h"
#include "reference/base/mem.h"

/* Samples that scatter by some percent, around the median given. */
static void add(
    struct report *report, const char *contender, const char *measure, double median, size_t seed)
{
    for (size_t i = 0; i < 100; i++)
        series_add(report_series(report, contender, measure, "", 0),
            median * (1 + ((double)((i * 37 + seed) % 21) - 10) / 100));
}

struct sample {
    const char *measure;
    double before;
    double now;
    double allowed;
    size_t regressions;
};

static void test_verdicts(void **state)
{
    static const struct sample cases[] = {
        {"lifecycle_us", 100, 100, 0.10, 0},
        {"lifecycle_us", 100, 108, 0.10, 0}, /* less than what is allowed */
        {"lifecycle_us", 100, 125, 0.10, 1},
        {"lifecycle_us", 100, 125, 0.50, 0},         /* which may be more */
        {"lifecycle_us", 100, 104, 0, 0},            /* the measure's noise */
        {"lifecycle_us", 100, 60, 0.10, 0},          /* better */
        {"lifecycles_per_second", 100, 70, 0.10, 1}, /* more is better */
        {"lifecycles_per_second", 100, 150, 0.10, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct comparison comparison;
        struct report before, now;

        report_init(&before, "launch");
        report_init(&now, "launch");
        add(&before, "a", cases[i].measure, cases[i].before, 0);
        add(&now, "a", cases[i].measure, cases[i].now, 5);
        assert_int_equal(comparison_make(&before, &now, cases[i].allowed, &comparison, &err), 0);
        assert_int_equal(comparison.count, 1);
        assert_int_equal(comparison.regressions, cases[i].regressions);
        comparison_release(&comparison);
        report_release(&before);
        report_release(&now);
    }
}

/* Two samples on each side can't say anything, however far apart. */
static void test_noise(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct comparison comparison;
    struct report before, now;

    (void)state;
    report_init(&before, "launch");
    report_init(&now, "launch");
    for (size_t i = 0; i < 2; i++) {
        series_add(report_series(&before, "a", "launch_us", "", 0), 10);
        series_add(report_series(&now, "a", "launch_us", "", 0), 100);
    }
    assert_int_equal(comparison_make(&before, &now, 0.1, &comparison, &err), 0);
    assert_int_equal(comparison.regressions, 0);
    comparison_release(&comparison);
    report_release(&before);
    report_release(&now);
}

static void test_replace(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct comparison comparison;
    struct report before, now, again;

    (void)state;
    report_init(&before, "launch");
    report_init(&now, "launch");
    report_init(&again, "launch");
    add(&before, "a", "launch_us", 100, 0);
    add(&before, "b", "launch_us", 100, 0);
    add(&before, "gone", "launch_us", 100, 0);
    add(&now, "a", "launch_us", 200, 0);
    add(&now, "b", "launch_us", 100, 0);
    add(&again, "a", "launch_us", 101, 0);
    add(&again, "b", "launch_us", 900, 0); /* had not regressed: is not taken */
    assert_int_equal(comparison_make(&before, &now, 0.1, &comparison, &err), 0);
    assert_int_equal(comparison.regressions, 1);
    assert_int_equal(comparison.unmatched, 1);
    assert_int_equal(comparison_replace(&comparison, &now, &again), 1);
    comparison_release(&comparison);
    assert_int_equal(comparison_make(&before, &now, 0.1, &comparison, &err), 0);
    assert_int_equal(comparison.regressions, 0);
    comparison_release(&comparison);
    report_release(&before);
    report_release(&now);
    report_release(&again);
}

static void test_others(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct comparison comparison = {0};
    struct report before, now;

    (void)state;
    report_init(&before, "launch");
    report_init(&now, "sim");
    assert_int_equal(comparison_make(&before, &now, 0.1, &comparison, &err), -EINVAL);
    assert_string_equal(err_text(&err), "\"bench launch\" can't be compared with \"bench sim\"");
    report_release(&now);
    report_init(&now, "launch");
    add(&before, "a", "launch_us", 1, 0);
    add(&now, "b", "launch_us", 1, 0);
    assert_int_equal(comparison_make(&before, &now, 0.1, &comparison, &err), -EINVAL);
    report_release(&before);
    report_release(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_noise), cmocka_unit_test(test_replace),
        cmocka_unit_test(test_others)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
