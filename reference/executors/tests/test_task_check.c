/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/executors/task_check.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void test_definitions(void **state)
{
    (void)state;
    static const struct {
        bool health;
        const char *text;
        const char *message; /* NULL: it is valid */
        int type;
    } cases[] = {
        {true, "{\"type\":\"COMMAND\",\"command\":{\"value\":\"true\"}}", NULL, CHECK_COMMAND},
        {true, "{\"command\":{\"value\":\"true\"}}", NULL, CHECK_COMMAND},
        {true, "{\"http\":{\"port\":80}}", NULL, CHECK_HTTP},
        {true, "{\"tcp\":{\"port\":80}}",
            "health_check: expected a type of COMMAND, HTTP or TCP, got UNKNOWN", 0},
        {false, "{\"http\":{\"port\":80}}",
            "check: expected a type of COMMAND, HTTP or TCP, got UNKNOWN", 0},
        {false, "{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"true\"}}}", NULL,
            CHECK_COMMAND},
        {false, "{\"type\":\"COMMAND\",\"command\":{}}",
            "check: expected 'command' to be set for a COMMAND", 0},
        {true, "{\"type\":\"HTTP\",\"http\":{\"port\":443,\"scheme\":\"https\",\"path\":\"/x\","
               "\"protocol\":\"IPV6\",\"statuses\":[200]}}",
            NULL, CHECK_HTTP},
        {true, "{\"type\":\"HTTP\",\"http\":{\"port\":0}}",
            "health_check: expected a port from 1 to 65535, got 0", 0},
        {true, "{\"type\":\"TCP\",\"tcp\":{\"port\":1},\"consecutive_failures\":-1}",
            "health_check: expected 'consecutive_failures' to be non-negative", 0},
        {true, "{\"type\":\"TCP\",\"tcp\":{\"port\":1},\"grace_period_seconds\":-0.1}",
            "health_check: expected 'grace_period_seconds' to be non-negative", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct task_check check = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        json_t *json = parse(cases[i].text);
        int r = task_check_parse(json, cases[i].health, &check, &err);
        if (cases[i].message)
            assert_string_equal(err_text(&err), cases[i].message);
        else
            assert_int_equal(check.type, cases[i].type);
        assert_int_equal(r == 0, cases[i].message == NULL);
        task_check_release(&check);
        json_decref(json);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct task_check check = {0};
    json_t *json = parse("{\"type\":\"TCP\",\"tcp\":{\"port\":1}}");
    assert_int_equal(task_check_parse(json, true, &check, NULL), 0);
    assert_true(check.delay_seconds == 15 && check.interval_seconds == 10 &&
        check.timeout_seconds == 20 && check.grace_period_seconds == 10 &&
        check.consecutive_failures == 3);
    task_check_release(&check);
    json_decref(json);
}

static void test_results(void **state)
{
    (void)state;
    static const struct {
        int type;
        bool known;
        int64_t value;
        bool healthy;
        const char *status;
    } cases[] = {
        {CHECK_COMMAND, true, 0, true, "{\"command\":{\"exit_code\":0},\"type\":\"COMMAND\"}"},
        {CHECK_COMMAND, true, 1, false, "{\"command\":{\"exit_code\":1},\"type\":\"COMMAND\"}"},
        {CHECK_COMMAND, false, 0, false, "{\"command\":{},\"type\":\"COMMAND\"}"},
        {CHECK_HTTP, true, 199, false, "{\"http\":{\"status_code\":199},\"type\":\"HTTP\"}"},
        {CHECK_HTTP, true, 200, true, "{\"http\":{\"status_code\":200},\"type\":\"HTTP\"}"},
        {CHECK_HTTP, true, 399, true, "{\"http\":{\"status_code\":399},\"type\":\"HTTP\"}"},
        {CHECK_HTTP, true, 400, false, "{\"http\":{\"status_code\":400},\"type\":\"HTTP\"}"},
        {CHECK_TCP, true, 1, true, "{\"tcp\":{\"succeeded\":true},\"type\":\"TCP\"}"},
        {CHECK_TCP, true, 0, false, "{\"tcp\":{\"succeeded\":false},\"type\":\"TCP\"}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct task_check check = {.type = cases[i].type};
        const struct check_result result = {cases[i].known, cases[i].value};
        assert_int_equal(task_check_is_healthy(&check, &result), cases[i].healthy);
        json_t *status = task_check_status(&check, &result);
        _cleanup_free_ char *text = json_dumps(status, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(text, cases[i].status);
        json_decref(status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
