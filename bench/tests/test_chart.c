/* SPDX-License-Identifier: Apache-2.0 */
/* Charts and pages are well-formed, whatever the names and samples are. xmllint judges; without it
 * the test counts as skipped. */
#include "reference/base/tests/unit.h"

#include <string.h>
#include <unistd.h>

#include "bench/report/chart.h"
#include "bench/report/chart_base.h"
#include "reference/base/mem.h"

#define EXIT_SKIPPED 77

static void assert_well_formed(const char *text)
{
    FILE *lint = popen("xmllint --noout - 2>&1 >/dev/null", "w");

    assert_non_null(lint);
    fputs(text, lint);
    if (pclose(lint) != 0)
        fail_msg("not well-formed: %.300s", text);
}

static void count_and_check(void *arg, const char *name, const char *title, const char *svg)
{
    (void)title;
    assert_null(strchr(name, ' '));
    assert_well_formed(svg);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf\""));
    ++*(size_t *)arg;
}

static void fill(struct report *report)
{
    report_init(report, "launch");
    for (size_t i = 0; i < 300; i++) {
        series_add(report_series(report, "a<b>&\"c'", "lifecycle_us", "", 0), 1000 + (double)i);
        series_add(report_series(report, "zero", "lifecycle_us", "", 0), 0);
        series_add(report_series(report, "huge", "lifecycle_us", "", 0), 1e12);
    }
    for (size_t i = 0; i < 3; i++) {
        series_add(report_series(report, "a", "lifecycle_us", "live", i * 1000.0), 5 + (double)i);
        series_add(report_series(report, "b", "lifecycle_us", "live", i * 1000.0), 0);
    }
    report->phase_source = str_dup("bpf & trace");
    for (size_t i = 0; i < 12; i++) {
        _cleanup_free_ char *name = str_printf("phase <%zu>", i);

        report_phase(report, "a", name, (double)i);
    }
}

static void test_charts(void **state)
{
    struct report report;
    size_t count = 0;

    (void)state;
    fill(&report);
    charts_each(&report, count_and_check, &count);
    assert_int_equal(count, 3); /* distribution, scaling, phases */
    report_release(&report);
}

static void test_nothing(void **state)
{
    struct report report;
    size_t count = 0;

    (void)state;
    report_init(&report, "sim");
    charts_each(&report, count_and_check, &count);
    assert_int_equal(count, 0);
    series_add(report_series(&report, "one", "lifecycle_us", "live", 5), 1);
    charts_each(&report, count_and_check, &count);
    assert_int_equal(count, 0); /* a line needs two points */
    report_release(&report);
}

/* The page is well-formed but for its first line, which is HTML's alone. */
static void test_page(void **state)
{
    struct report report;
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);

    (void)state;
    fill(&report);
    report_missing(&report, "docker", "<not> & installed");
    report.stopped = str_dup("a & b");
    strv_add(&report.leaks, "mount <x>");
    report_html(&report, stream);
    fclose(stream);
    assert_well_formed(strchr(text, '\n') + 1);
    assert_null(strstr(text, "http://") != strstr(text, "http://www.w3.org") ? text : NULL);
    assert_null(strstr(text, "src="));
    free(text);
    report_release(&report);
}

static void test_scales(void **state)
{
    static const struct scale_range ranges[] = {{1, 2, false, false}, {0, 0, true, false},
        {0.001, 1e9, false, false}, {7, 7, false, false}, {130, 4700, false, false},
        {5, 5, true, false}, {2.1, 2.2, false, false}, {4096, 5e6, true, true},
        {1, 1e12, false, true}, {100, 101, false, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ranges) * 2; i++) {
        const struct scale_range *range = &ranges[i / 2];
        const struct scale scale = scale_of(range, 100, 700, i % 2);
        double value, last = -1;
        size_t ticks = 0;

        while (scale_tick(&scale, ticks, &value)) {
            assert_true(value > last);
            assert_true(scale_place(&scale, value) >= 99.9 && scale_place(&scale, value) <= 700.1);
            last = value;
            ticks++;
        }
        assert_in_range(ticks, 2, 15);
        assert_true(scale_place(&scale, range->most) <= 700.1);
        if (range->zeros && range->least > 0) /* apart from the least that is none */
            assert_true(scale_place(&scale, 0) < scale_place(&scale, range->least));
    }
}

/* A contender has one colour, whatever chart it is in. */
static void test_colours(void **state)
{
    struct report report;

    (void)state;
    report_init(&report, "launch");
    series_add(report_series(&report, "a", "launch_us", "", 0), 1);
    series_add(report_series(&report, "b", "launch_us", "", 0), 1);
    series_add(report_series(&report, "b", "launch_us", "live", 0), 1);
    series_add(report_series(&report, "a", "launch_us", "live", 0), 1);
    assert_int_equal(contender_colour(&report, "a"), 0);
    assert_int_equal(contender_colour(&report, "b"), 1);
    assert_int_equal(contender_colour(&report, "of a phase alone"), 2);
    report_release(&report);
}

static void test_values(void **state)
{
    static const struct {
        const char *measure;
        double value;
        const char *text;
    } cases[] = {{"lifecycle_us", 1500, "1.5 ms"}, {"lifecycle_us", 12, "12 us"},
        {"lifecycle_us", 2.5e6, "2.5 s"}, {"peak_memory_bytes", 16384, "16 KiB"},
        {"read_ns", 60, "60 ns"}, {"lifecycles_per_second", 33, "33/s"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = value_text(cases[i].measure, cases[i].value);

        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_charts),
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_page), cmocka_unit_test(test_scales),
        cmocka_unit_test(test_values), cmocka_unit_test(test_colours)};

    if (system("xmllint --version >/dev/null 2>&1") != 0) {
        printf("xmllint is not installed\n");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
