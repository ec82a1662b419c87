/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/launchers/plan.h"

static const struct {
    const char *info; /* JSON */
    const char *environment; /* joined by blanks; NULL: inherits */
} environments[] = {
    {"{}", NULL},
    {"{\"environment\":[{\"name\":\"A\",\"value\":\"1\"}]}", "A=1 PATH=" PLAN_DEFAULT_PATH},
    {"{\"environment\":[{\"name\":\"PATH\",\"value\":\"/x\"},{\"name\":\"A\",\"value\":\"1\"}]}",
        "PATH=/x A=1"},
    {"{\"environment\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"PATH\",\"value\":\"/x\"},"
     "{\"name\":\"A\",\"value\":\"2\"}]}",
        "PATH=/x A=2"},
    {"{\"environment\":[{\"name\":\"A\",\"value\":\"1\"},"
     "{\"name\":\"A\",\"type\":\"SECRET\",\"secret\":{}}]}",
        "A=1 PATH=" PLAN_DEFAULT_PATH},
};

static void test_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(environments); i++) {
        struct launch_info info = {0};
        const char *text = environments[i].info;
        assert_int_equal(
            json_type_decode_text(&launch_info_json, text, strlen(text), &info, "info", NULL), 0);
        _cleanup_strv_ char **environment = plan_environment(&info);
        _cleanup_strbuf_ struct strbuf joined = STRBUF_INIT;
        for (char **line = environment; line && *line; line++)
            strbuf_addf(&joined, "%s%s", line == environment ? "" : " ", *line);
        assert_true(str_equal(
            environment ? strbuf_text(&joined) : NULL, environments[i].environment));
        json_type_release(&launch_info_json, &info);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    char *arguments[] = {(char[]){"name"}, (char[]){"x y"}, NULL};
    struct command_info command = {.shell = true, .value = (char[]){"sleep 1"}};
    _cleanup_err_ struct err err = ERR_INIT;
    char **argv = NULL;
    assert_int_equal(plan_arguments(&command, &argv, &err), 0);
    assert_string_equal(argv[0], "sh");
    assert_string_equal(argv[1], "-c");
    assert_string_equal(argv[2], "sleep 1");
    assert_null(argv[3]);
    strv_free(argv);

    command.shell = false;
    assert_int_equal(plan_arguments(&command, &argv, &err), 0);
    assert_string_equal(argv[0], "sleep 1");
    assert_null(argv[1]);
    strv_free(argv);

    command.arguments = arguments;
    assert_int_equal(plan_arguments(&command, &argv, &err), 0);
    assert_string_equal(argv[0], "name");
    assert_string_equal(argv[1], "x y");
    assert_null(argv[2]);
    strv_free(argv);

    command.value = NULL;
    assert_int_equal(plan_arguments(&command, &argv, &err), -EINVAL);
    assert_string_equal(err_text(&err), "the command has no value");
    assert_int_equal(plan_arguments(NULL, &argv, &err), -EINVAL);
    assert_string_equal(err_text(&err), "the plan has no command");
}

static void test_fresh_plan(void **state)
{
    (void)state;
    struct plan plan;
    plan_init(&plan);
    for (int i = 0; i < 3; i++)
        assert_int_equal(plan.stdio_fds[i], -1);
    assert_true(plan.stdio_uid == (uid_t)-1);
    assert_true(plan.stdio_gid == (gid_t)-1);
    plan.stdio[1] = str_dup("/out");
    plan.container_id = str_dup("c1");
    plan.runtime_directory = str_dup("/run/c1");
    plan_release(&plan);
    assert_null(plan.container_id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_fresh_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
