/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON has the members that bench/README.md promises, and gives the report again. */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report/environment.h"
#include "bench/report/output.h"
#include "bench/report/report.h"
#include "bench/tests/schema.h"
#include "reference/base/mem.h"

static void fill(struct report *report)
{
    report_init(report, "launch");
    json_decref(report->environment);
    report->environment = environment_json();
    for (size_t i = 0; i < 200; i++) {
        series_add(report_series(report, "ours", "launch_us", "", 0), 100 + (double)(i % 10));
        series_add(report_series(report, "ours", "lifecycle_us", "", 0), 200 + (double)(i % 10));
        series_add(report_series(report, "floor", "lifecycle_us", "", 0), 150 + (double)(i % 10));
        series_add(report_series(report, "ours", "lifecycle_us", "live", 1000), 220);
    }
    report_ratio(report, "ours/floor", report_find(report, "ours", "lifecycle_us", "", 0),
        report_find(report, "floor", "lifecycle_us", "", 0), 1.15, false);
    report_ratio(report, "ours/ours", report_find(report, "ours", "lifecycle_us", "", 0),
        report_find(report, "ours", "lifecycle_us", "", 0), 0, false);
    report_ratio(report, "ours/nobody", report_find(report, "ours", "lifecycle_us", "", 0),
        report_find(report, "nobody", "lifecycle_us", "", 0), 0, false);
    report_number(report, "ours: tail", "lifecycle_us", 1.04, 2.5, false);
    report_missing(report, "docker", "docker is not installed");
    report->phase_source = str_dup("bpf");
    report_phase(report, "ours", "until it runs", 60);
}

static void test_schema(void **state)
{
    static const char *const percentiles[] = {"p50", "p90", "p99", "p999", "max", "samples"};
    struct report report;

    (void)state;
    fill(&report);
    json_t *json = report_json(&report);
    json_object_set_new(
        json_object_get(json, "environment"), "seatrial", json_string("the program adds it"));
    assert_valid(json);
    json_t *ours = json_object_get(json_object_get(json, "contenders"), "ours");
    for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
        assert_true(
            json_is_number(json_object_get(json_object_get(ours, "launch_us"), percentiles[i])));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(ours, "lifecycle_us"), "samples")), 200);
    json_t *ratio = json_object_get(json_object_get(json, "ratios"), "ours/floor");
    assert_true(fabs(json_real_value(json_object_get(ratio, "median")) - 204.5 / 154.5) < 1e-9);
    assert_string_equal(json_string_value(json_object_get(ratio, "verdict")), "worse");
    assert_string_equal(json_string_value(json_object_get(ratio, "goal_verdict")), "missed");
    /* No winner inside the noise, and no ratio with nobody. */
    ratio = json_object_get(json_object_get(json, "ratios"), "ours/ours");
    assert_string_equal(
        json_string_value(json_object_get(ratio, "verdict")), "no difference beyond the noise");
    assert_null(json_object_get(json_object_get(json, "ratios"), "ours/nobody"));
    assert_true(json_is_object(json_object_get(json, "environment")));
    assert_true(json_is_true(json_object_get(json, "complete")));
    json_t *live =
        json_object_get(json_object_get(json_object_get(json, "scenes"), "live"), "ours");
    assert_non_null(json_object_get(json_object_get(live, "1000"), "lifecycle_us"));
    json_decref(json);
    report_release(&report);
}

/* The schema refuses what it does not foresee, wherever it stands. */
static void test_schema_refuses(void **state)
{
    static const struct {
        const char *schema;
        const char *value;
        const char *violation; /* NULL: none */
    } cases[] = {{"{\"type\": \"number\"}", "1.5", NULL},
        {"{\"type\": \"integer\"}", "1.5", "result: is not of its type"},
        {"{\"type\": [\"string\", \"null\"]}", "null", NULL},
        {"{\"enum\": [\"a\", \"b\"]}", "\"c\"", "result: is none of the values"},
        {"{\"const\": \"a\"}", "\"b\"", "result: is another value"},
        {"{\"minimum\": 1}", "0", "result: too small"},
        {"{\"required\": [\"a\"]}", "{}", "result: lacks \"a\""},
        {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1, \"b\": 1}",
            "result.b: is not foreseen"},
        {"{\"items\": {\"type\": \"string\"}}", "[\"a\", 1]", "result[1]: is not of its type"},
        {"{\"additionalProperties\": {\"$ref\": \"#/$defs/n\"}, \"$defs\": {\"n\": {\"type\": "
         "\"number\"}}}",
            "{\"a\": {}}", "result.a: is not of its type"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *schema = json_loads(cases[i].schema, 0, NULL);
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        _cleanup_free_ char *found = schema_violation(schema, value);

        assert_true(str_equal(found, cases[i].violation));
        json_decref(schema);
        json_decref(value);
    }
}

static void test_round_trip(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct report report, again;

    (void)state;
    fill(&report);
    report.stopped = str_dup("interrupted");
    strv_add(&report.leaks, "mount /x");
    json_t *json = report_json(&report);
    assert_int_equal(report_from_json(json, &again, &err), 0);
    json_t *second = report_json(&again);
    assert_true(json_equal(json, second));
    json_decref(json);
    json_decref(second);
    report_release(&report);
    report_release(&again);
}

static void test_bad_json(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{}", "not a result of `seatrial bench`"},
        {"[]", "not a result of `seatrial bench`"},
        {"{\"format\":\"seatrial-bench/2\"}", "written by another version"},
        {"{\"format\":\"seatrial-bench/1\",\"bench\":\"sim\"}", "series: expected an array"},
        {"{\"format\":\"seatrial-bench/1\",\"bench\":\"sim\",\"series\":[{}]}", "series[0]: "},
        {"{\"format\":\"seatrial-bench/1\",\"bench\":\"sim\",\"series\":[{\"contender\":\"a\","
         "\"measure\":\"b\",\"scene\":\"\",\"x\":0,\"values\":[1,\"x\"]}]}",
            "series[0].values[1]: expected a number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct report report;
        json_t *json = json_loads(cases[i].text, 0, NULL);

        assert_non_null(json);
        assert_int_equal(report_from_json(json, &report, &err), -EINVAL);
        assert_true(str_starts(err_text(&err), cases[i].message));
        json_decref(json);
    }
}

static void test_no_file(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct report report;

    (void)state;
    assert_int_equal(report_read("/nonexistent/x.json", &report, &err), -ENOENT);
    assert_true(strstr(err_text(&err), "/nonexistent/x.json") != NULL);
}

/* A device is written to; renaming would put a file in its place, for the whole machine. */
static void test_device(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    char directory[] = "/tmp/test_report.XXXXXX";
    struct report report;
    struct stat info;

    (void)state;
    assert_non_null(mkdtemp(directory));
    _cleanup_free_ char *path = str_printf("%s/null", directory);
    assert_int_equal(symlink("/dev/null", path), 0);
    fill(&report);
    assert_int_equal(output_write_json(path, &report, &err), 0);
    assert_int_equal(output_check(&(struct output){.file = path}, &err), 0);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    report_release(&report);
    unlink(path);
    rmdir(directory);
}

static void test_environment(void **state)
{
    static const char *const members[] = {
        "kernel", "machine", "cpus", "cgroups", "mounts", "mitigations", "rcu", "time"};
    json_t *environment = environment_json();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        assert_non_null(json_object_get(environment, members[i]));
    json_decref(environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_schema),
        cmocka_unit_test(test_schema_refuses), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_json), cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_environment)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
