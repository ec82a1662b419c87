/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>

#include "bench/again.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

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

/* The command that measures again picks what has regressed, as it was measured. */
static void test_again_command(void **state)
{
    static const struct {
        const char *bench;
        const char *contender;
        const char *measure;
        const char *scene;
        double x;
        const char *words; /* joined by spaces */
    } cases[] = {
        {"launch", "linux", "launch_us", "", 0, "--only=linux --scenes=sequential"},
        {"launch", "crun", "cpu_us", "", 0, "--only=crun --scenes=cost"},
        {"launch", "linux", "launch_us", "nested", 1, "--only=linux --scenes=nested"},
        {"launch", "crun", "lifecycle_us", "live", 1000,
            "--only=crun,linux-rootfs --scenes=live --live=1000"},
        {"launch", "runc", "lifecycles_per_second", "workers", 16,
            "--only=runc --scenes=workers --workers=16"},
        {"sim", "sim", "lifecycles_per_second", "live", 10, "--live=10"},
        {"cgroupfs", "real", "mkdir_us", "", 0, "--only=mkdir"},
        {"bpf", "with probes", "round_trip_cpu_ns", "", 0, "--only=round_trip_cpu"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct series series = {.contender = str_dup(cases[i].contender),
            .measure = str_dup(cases[i].measure),
            .scene = str_dup(cases[i].scene),
            .x = cases[i].x};
        struct difference item = {.before = &series, .now = &series, .regressed = true};
        const struct comparison comparison = {.items = &item, .count = 1, .regressions = 1};
        struct report now;

        report_init(&now, cases[i].bench);
        json_object_set_new(now.settings, "samples", json_integer(7));
        json_object_set_new(now.settings, "rate", json_real(2.5));
        json_object_set_new(now.settings, "docker", json_string("/run/d.sock"));
        json_object_set_new(now.settings, "pin", json_array());
        json_object_set_new(now.settings, "workers", json_pack("[i,i]", 1, 2));
        _cleanup_strv_ char **argv = again_command(&comparison, &now, "out");
        _cleanup_strbuf_ struct strbuf words = STRBUF_INIT;
        for (size_t k = 0; argv[k]; k++)
            strbuf_addf(&words, "%s%s", k ? " " : "", argv[k]);
        _cleanup_free_ char *wanted =
            str_printf("/proc/self/exe bench %s --samples=7 --rate=2.5 --docker=/run/d.sock "
                       "--workers=1,2 %s --output=out",
                cases[i].bench, cases[i].words);
        assert_string_equal(strbuf_text(&words), wanted);
        report_release(&now);
        free(series.contender);
        free(series.measure);
        free(series.scene);
    }
}

static void test_warnings(void **state)
{
    struct report before, now;
    char **warnings;

    (void)state;
    report_init(&before, "sim");
    report_init(&now, "sim");
    json_object_set_new(before.environment, "kernel", json_string("6.1"));
    json_object_set_new(now.environment, "kernel", json_string("6.1"));
    json_object_set_new(before.environment, "load", json_string("1"));
    json_object_set_new(now.environment, "load", json_string("9")); /* changes by itself */
    assert_null(comparison_warnings(&before, &now));
    assert_null(environment_difference(before.environment, now.environment));
    json_object_set_new(now.environment, "kernel", json_string("6.18"));
    json_object_set_new(before.environment, "cpus", json_integer(2));
    json_object_set_new(before.settings, "runs", json_integer(5));
    json_object_set_new(now.settings, "runs", json_integer(3));
    warnings = comparison_warnings(&before, &now);
    assert_int_equal(strv_length(warnings), 3);
    assert_string_equal(warnings[0], "another environment: kernel was \"6.1\", is \"6.18\"");
    assert_string_equal(warnings[1], "another environment: cpus was 2, is nothing");
    assert_string_equal(warnings[2], "other settings: runs was 5, is 3");
    assert_string_equal(environment_difference(before.environment, now.environment), "kernel");
    strv_free(warnings);
    report_release(&before);
    report_release(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_noise), cmocka_unit_test(test_replace), cmocka_unit_test(test_others),
        cmocka_unit_test(test_again_command), cmocka_unit_test(test_warnings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
