/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench compare` as a program, on results of a small `bench sim`: what it judges,
 * measures again, and says of files that are no results. How fast the machine is does not matter:
 * what has regressed is made so by a factor that no load of a machine gives.
 */
#include "reference/base/tests/unit.h"

#include <string.h>
#include <unistd.h>

#include "bench/report/output.h"
#include "bench/tests/command.h"
#include "bench/tests/schema.h"
#include "reference/base/mem.h"

#define COMPARE BENCH "compare "
#define SPEED "lifecycles_per_second"
#define LIVE 3
/* Ten times slower is allowed: a busy machine; a hundred times is a regression. */
#define ALLOWED " --max-regression 900% "

/* Changes a result in memory before it is written under a new name. */
static void result_change(
    const char *from, const char *to, void (*change)(struct report *report, double by), double by)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *source = path_in(from), *target = path_in(to);
    struct report report;

    assert_int_equal(report_read(source, &report, &err), 0);
    change(&report, by);
    assert_int_equal(output_write_json(target, &report, &err), 0);
    report_release(&report);
}

static void speed_change(struct report *report, double by)
{
    struct series *series = report_series(report, "sim", SPEED, "live", LIVE);

    assert_true(series->count > 1);
    for (size_t i = 0; i < series->count; i++)
        series->values[i] *= by;
}

static void kernel_change(struct report *report, double by)
{
    (void)by;
    json_object_set_new(report->environment, "kernel", json_string("2.4.0"));
}

static void machine_and_speed_change(struct report *report, double by)
{
    kernel_change(report, by);
    speed_change(report, by);
}

static void stopped_change(struct report *report, double by)
{
    (void)by;
    report->stopped = str_dup("interrupted by a signal");
}

static void series_rename(struct report *report, double by)
{
    (void)by;
    for (size_t i = 0; i < report->series_count; i++)
        str_set(&report->series[i]->contender, "somebody else");
}

static void text_write(const char *name, const char *text)
{
    _cleanup_free_ char *path = path_in(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static double median_in(const char *name, const char *measure)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = path_in(name);
    struct report report;

    assert_int_equal(report_read(path, &report, &err), 0);
    const struct series *series = report_find(&report, "sim", measure, "live", LIVE);
    assert_non_null(series);
    const double median = median_of(series->values, series->count);
    report_release(&report);
    return median;
}

static void test_schema(void **state)
{
    _cleanup_free_ char *path = path_in("old.json");

    (void)state;
    assert_valid_file(path);
}

static void test_verdicts(void **state)
{
    (void)state;
    assert_says(COMPARE "old.json old.json", 0, ", 0 regressed");
    assert_says(COMPARE "old.json slow.json", 1, "REGRESSED");
    assert_says(COMPARE "old.json slow.json --json", 1, "\"regressions\": 1");
    assert_says(COMPARE "slow.json old.json", 0, ", 0 regressed"); /* better is no regression */
    assert_says(COMPARE "old.json old.json --all", 0, SPEED);
}

/* What has regressed by chance is measured again, and nothing else. */
static void test_again(void **state)
{
    (void)state;
    assert_says(COMPARE "old.json slow.json" ALLOWED "--again 2 --output new.json", 0,
        "1 regressed, measuring these again");
    assert_true(median_in("new.json", SPEED) > median_in("slow.json", SPEED) * 2);
    assert_true(median_in("new.json", "bytes_per_live_container") ==
                median_in("slow.json", "bytes_per_live_container"));
}

/* What is worse again has regressed. */
static void test_again_in_vain(void **state)
{
    (void)state;
    assert_says(COMPARE "fast.json old.json" ALLOWED "--again 2", 1, "REGRESSED");
}

/* Other things than the program have changed: said, and judged all the same. */
static void test_warnings(void **state)
{
    (void)state;
    assert_says(COMPARE "old.json machine.json", 0, "warning: another environment: kernel was");
    assert_says(COMPARE "stopped.json old.json", 0, "warning: stopped.json is incomplete");
    assert_says(COMPARE "old.json elsewhere.json --again 1", 2, "is of another one: its kernel");
}

static void test_bad_input(void **state)
{
    static const struct {
        const char *arguments;
        const char *words;
    } cases[] = {{"", "expected two files"}, {"old.json", "expected two files"},
        {"old.json old.json old.json", "expected two files"},
        {"old.json missing.json", "open missing.json: ENOENT"},
        {"missing.json old.json", "open missing.json: ENOENT"}, {"old.json .", ".:"},
        {"old.json text.json", "text.json:1: not JSON"},
        {"old.json half.json", "half.json:1: not JSON"}, {"old.json list.json", "not a result of"},
        {"later.json old.json", "another version of `seatrial bench`: its format is"},
        {"old.json launch.json", "\"bench sim\" can't be compared with \"bench launch\""},
        {"old.json others.json", "no series in common"},
        {"old.json old.json --max-regression -1", "--max-regression: expected"},
        {"old.json old.json --max-regression x", "--max-regression: expected"},
        {"old.json old.json --again 1000", "--again: expected"},
        {"old.json old.json --output /nonexistent/x.json", "write /nonexistent/x.json: ENOENT"},
        {"old.json old.json --agian 1", "did you mean --again?"}};

    (void)state;
    text_write("text.json", "No JSON at all\n");
    text_write("half.json", "{\"format\": \"seatrial-bench/1\", \"series\": [");
    text_write("list.json", "[1, 2]");
    text_write("later.json", "{\"format\": \"seatrial-bench/99\", \"bench\": \"sim\"}");
    text_write(
        "launch.json", "{\"format\": \"seatrial-bench/1\", \"bench\": \"launch\", \"series\": []}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *command = str_printf("%s%s", COMPARE, cases[i].arguments);

        assert_says(command, 2, cases[i].words);
    }
}

/* A file that can't be read by who asks. */
static void test_unreadable(void **state)
{
    (void)state;
    if (geteuid() != 0 || system("setpriv --version >/dev/null 2>&1") != 0)
        skip();
    assert_says(
        "chmod 755 . && cp old.json secret.json && chmod 600 secret.json && setpriv --reuid "
        "65534 --regid 65534 --clear-groups " COMPARE "secret.json secret.json",
        2, "open secret.json: EACCES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schema),
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_again),
        cmocka_unit_test(test_again_in_vain), cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_bad_input), cmocka_unit_test(test_unreadable)};

    if (!directory_make())
        return EXIT_FAILURE;
    assert_says(BENCH "sim --quiet --runs 8 --lifecycles 20 --live 3 --output old.json", 0, SPEED);
    result_change("old.json", "slow.json", speed_change, 0.01);
    result_change("old.json", "fast.json", speed_change, 10000);
    result_change("old.json", "machine.json", kernel_change, 0);
    result_change("old.json", "elsewhere.json", machine_and_speed_change, 0.01);
    result_change("old.json", "stopped.json", stopped_change, 0);
    result_change("old.json", "others.json", series_rename, 0);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return directory_remove() ? failed : EXIT_FAILURE;
}
