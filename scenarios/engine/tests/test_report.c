/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of three invented outcomes, byte for byte, and what a worker sends of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/report/report.h"
#include "scenarios/engine/run/determinism.h"

#define GOLDEN "scenarios/engine/tests/golden"

static struct scenario passed = {.file = (char *)"a.yaml",
    .line = 3,
    .name = (char *)"it works",
    .covers = (char *[]){(char *)"MC-01", (char *)"FB-02", NULL}};
static struct scenario failed = {
    .file = (char *)"b.yaml", .line = 1, .name = (char *)"it's <odd> & #1"};
static struct scenario skipped = {.file = (char *)"c.yaml", .line = 1, .name = (char *)"elsewhere"};

static void make_outcomes(struct outcome *outcomes, struct totals *totals)
{
    outcomes[0] = (struct outcome){.scenario = &passed,
        .backend = "sim",
        .seed = 7,
        .report = {.result = RUN_PASSED, .seconds = 0.25}};
    outcomes[1] = (struct outcome){.scenario = &failed,
        .backend = "sim",
        .seed = 7,
        .report = {.result = RUN_FAILED,
            .seconds = 0.5,
            .line = 12,
            .file = str_dup("b.yaml"),
            .reason = str_dup("wait: expected exit status 4,\nbut \"5\"")}};
    strv_add(&outcomes[1].report.last_trace, "{\"n\":1}");
    outcomes[2] = (struct outcome){.scenario = &skipped,
        .backend = "sim",
        .seed = 7,
        .report = {.result = RUN_SKIPPED, .reason = str_dup("needs docker: there is none")}};
    *totals = (struct totals){.seconds = 0.75, .seed_first = 7, .seed_last = 7};
    for (size_t i = 0; i < 3; i++)
        totals_add(totals, &outcomes[i]);
}

/* The commit and the build differ from one to the next. */
static char *without_commit(char *text)
{
    struct strbuf out = STRBUF_INIT;
    for (const char *at = text; *at;) {
        const char *mark = strstr(at, " # commit ");
        if (!mark) {
            strbuf_add(&out, at);
            break;
        }
        strbuf_add_bytes(&out, at, (size_t)(mark - at));
        at = mark + strcspn(mark, "\n&<\"\\");
    }
    free(text);
    return strbuf_take(&out);
}

static char *report_text(const struct reporter *reporter)
{
    struct outcome outcomes[3];
    struct totals totals;
    make_outcomes(outcomes, &totals);
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    reporter->begin(stream, 3);
    for (size_t i = 0; i < 3; i++)
        reporter->outcome(stream, i, &outcomes[i]);
    reporter->end(stream, outcomes, 3, &totals);
    fclose(stream);
    for (size_t i = 0; i < 3; i++)
        outcome_release(&outcomes[i]);
    return without_commit(text);
}

static char *file_text(const char *path)
{
    struct strbuf text = STRBUF_INIT;
    FILE *stream = fopen(path, "re");
    char buffer[4096];
    size_t length;
    while (stream && (length = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        strbuf_add_bytes(&text, buffer, length);
    if (stream)
        fclose(stream);
    return strbuf_take(&text);
}

static void compare(const char *path, const char *seen)
{
    if (getenv("SEATRIAL_WRITE_EXPECTED")) {
        FILE *stream = fopen(path, "we");
        assert_non_null(stream);
        fputs(seen, stream);
        fclose(stream);
    }
    _cleanup_free_ char *expected = file_text(path);
    assert_string_equal(expected, seen);
}

static void test_formats(void **state)
{
    (void)state;
    static const char *const formats[] = {"pretty", "tap", "junit", "json", "jsonl"};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        const struct reporter *reporter = reporter_find(formats[i]);
        assert_non_null(reporter);
        _cleanup_free_ char *seen = report_text(reporter);
        _cleanup_free_ char *path = str_printf(GOLDEN "/%s.txt", formats[i]);
        compare(path, seen);
    }
    assert_null(reporter_find("xml"));
}

/* The JSON holds what is promised, and nothing else. */
static void test_json_keys(void **state)
{
    (void)state;
    static const char *const summary_keys[] = {"passed", "failed", "skipped", "seconds", "seed"};
    static const char *const scenario_keys[] = {
        "file", "name", "backend", "result", "reason", "seconds", "covers"};
    _cleanup_free_ char *text = report_text(&reporter_json);
    json_t *report = json_loads(text, 0, NULL);
    assert_non_null(report);
    assert_int_equal(json_object_size(report), 2);
    const json_t *summary = json_object_get(report, "summary");
    assert_int_equal(json_object_size(summary), ARRAY_SIZE(summary_keys));
    for (size_t i = 0; i < ARRAY_SIZE(summary_keys); i++)
        assert_non_null(json_object_get(summary, summary_keys[i]));
    const json_t *scenarios = json_object_get(report, "scenarios");
    assert_int_equal(json_array_size(scenarios), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *scenario = json_array_get(scenarios, i);
        assert_int_equal(json_object_size(scenario), ARRAY_SIZE(scenario_keys));
        for (size_t k = 0; k < ARRAY_SIZE(scenario_keys); k++)
            assert_non_null(json_object_get(scenario, scenario_keys[k]));
    }
    json_decref(report);
}

static void test_frames(void **state)
{
    (void)state;
    struct outcome outcomes[3];
    struct totals totals;
    make_outcomes(outcomes, &totals);
    outcomes[0].tortured = true;
    outcomes[0].torture.points = 5;
    outcomes[0].torture.survived = 4;
    outcomes[0].torture.failures = mem_alloc(sizeof(struct torture_failure));
    outcomes[0].torture.failures_count = 1;
    outcomes[0].torture.failures[0] = (struct torture_failure){3, effect_kind_names[0],
        fault_atlas[0].name, str_dup("c1"), str_dup("left behind: cgroup")};
    for (size_t i = 0; i < 3; i++) {
        struct outcome copy = {
            .scenario = outcomes[i].scenario, .backend = "sim", .seed = outcomes[i].seed};
        json_t *json = outcome_encode(&outcomes[i]);
        outcome_decode(json, &copy);
        json_decref(json);
        _cleanup_free_ char *a = outcome_explain(&outcomes[i]);
        _cleanup_free_ char *b = outcome_explain(&copy);
        assert_string_equal(a, b);
        assert_int_equal(copy.report.result, outcomes[i].report.result);
        assert_int_equal(copy.torture.survived, outcomes[i].torture.survived);
        outcome_release(&copy);
        outcome_release(&outcomes[i]);
    }
}

static void test_first_difference(void **state)
{
    (void)state;
    static const struct {
        const char *first[3];
        const char *second[3];
        const char *said;
    } rows[] = {
        {{"{\"op\":\"a\",\"hash\":\"1\"}"}, {"{\"op\":\"a\",\"hash\":\"1\"}"}, NULL},
        {{"{\"op\":\"a\",\"args\":{\"x\":1}}"}, {"{\"op\":\"a\",\"args\":{\"x\":2}}"},
            "event 1 (a): args.x is 1, then 2"},
        {{"{\"op\":\"a\",\"t\":1}"}, {"{\"op\":\"a\"}"}, "event 1 (a): t is 1, then absent"},
        {{"{\"op\":\"a\",\"hash\":\"1\"}"}, {"{\"op\":\"a\",\"hash\":\"2\"}"},
            "event 1 (a): the digest of the world (processes, cgroups, files) differs"},
        {{"{\"op\":\"a\"}", "{\"op\":\"b\"}"}, {"{\"op\":\"a\"}"},
            "event 2 is there only the first time: {\"op\":\"b\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *seen = determinism_compare(
            (char *const *)(uintptr_t)rows[i].first, (char *const *)(uintptr_t)rows[i].second);
        if (rows[i].said)
            assert_string_equal(seen, rows[i].said);
        else
            assert_null(seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_json_keys),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_first_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
