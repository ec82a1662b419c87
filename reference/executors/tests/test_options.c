/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/executors/options.h"
#include "reference/executors/protocol.h"

static char *const environment[] = {(char *)(uintptr_t)"MESOS_FRAMEWORK_ID=f",
    (char *)(uintptr_t)"MESOS_EXECUTOR_ID=e", (char *)(uintptr_t)"MESOS_DOMAIN_SOCKET=/s",
    (char *)(uintptr_t)"MESOS_CHECKPOINT=1",
    (char *)(uintptr_t)"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=7secs", NULL};

static void test_command_flags(void **state)
{
    (void)state;
    static const struct {
        const char *flag;
        const char *message; /* NULL: fine */
    } cases[] = {
        {"--rootfs=/r", NULL},
        {"--quiet", NULL},
        {"--logging_level=INFO", NULL},
        {"--task_environment={\"variables\":[{\"name\":\"A\",\"value\":\"b\"}]}", NULL},
        {"--task_supplementary_groups=1,2", NULL},
        {"--effective_capabilities={\"capabilities\":[\"CHOWN\"]}", NULL},
        {"--frobnicate", "unknown flag 'frobnicate'"},
        {"--rootfz=/r", "unknown flag 'rootfz', did you mean 'rootfs'?"},
        {"--rootfs", "flag 'rootfs' has no value"},
        {"rootfs", "unexpected argument 'rootfs'"},
        {"--task_supplementary_groups=a",
            "flag 'task_supplementary_groups': expected numbers of groups, got \"a\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct command_executor_options options = {0};
        char *const arguments[] = {(char *)(uintptr_t)cases[i].flag, NULL};
        _cleanup_err_ struct err err = ERR_INIT;
        int r = command_executor_options_parse(arguments, environment, &options, &err);
        if (cases[i].message)
            assert_string_equal(err_text(&err), cases[i].message);
        assert_int_equal(r == 0, cases[i].message == NULL);
        command_executor_options_release(&options);
    }
}

static void test_command_values(void **state)
{
    (void)state;
    struct command_executor_options options = {0};
    char *const arguments[] = {
        (char *)(uintptr_t)"--task_environment={\"variables\":[{\"name\":\"A\",\"value\":\"b\"}]}",
        (char *)(uintptr_t)"--task_supplementary_groups=10,20", NULL};
    assert_int_equal(command_executor_options_parse(arguments, environment, &options, NULL), 0);
    assert_int_equal(options.task_environment_count, 1);
    assert_string_equal(options.task_environment[0].value, "b");
    assert_string_equal(options.task_supplementary_groups[1], "20");
    assert_string_equal(options.environment.socket, "/s");
    assert_true(options.environment.checkpoint);
    assert_false(options.environment.http);
    assert_int_equal(options.environment.shutdown_grace_ns, 7 * NS_PER_SEC);
    assert_int_equal(options.environment.recovery_timeout_ns, 900 * NS_PER_SEC);
    command_executor_options_release(&options);
}

static void test_environment(void **state)
{
    (void)state;
    static const struct {
        const char *variables[5];
        const char *message;
    } cases[] = {
        {{"MESOS_EXECUTOR_ID=e"}, "expecting 'MESOS_FRAMEWORK_ID' to be set in the environment"},
        {{"MESOS_FRAMEWORK_ID=f"}, "expecting 'MESOS_EXECUTOR_ID' to be set in the environment"},
        {{"MESOS_FRAMEWORK_ID=f", "MESOS_EXECUTOR_ID=e"},
            "expecting 'MESOS_DOMAIN_SOCKET' to be set in the environment"},
        {{"MESOS_FRAMEWORK_ID=f", "MESOS_EXECUTOR_ID=e", "MESOS_DOMAIN_SOCKET=/s",
             "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=soon"},
            "cannot parse 'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD': expected a duration as 5secs, in "
            "ns, us, ms, secs, mins, hrs, days or weeks, got \"soon\""},
    };
    char *const none[] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct command_executor_options options = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(command_executor_options_parse(none,
                             (char *const *)(uintptr_t)cases[i].variables, &options, &err),
            -22);
        assert_string_equal(err_text(&err), cases[i].message);
    }
}

static void test_docker_flags(void **state)
{
    (void)state;
    char *const all[] = {(char *)(uintptr_t)"--container=c", (char *)(uintptr_t)"--docker=d",
        (char *)(uintptr_t)"--docker_socket=s", (char *)(uintptr_t)"--sandbox_directory=/b",
        (char *)(uintptr_t)"--mapped_directory=/m",
        (char *)(uintptr_t)"--task_environment={\"A\":\"b\"}",
        (char *)(uintptr_t)"--stop_timeout=10secs",
        (char *)(uintptr_t)"--cgroups_enable_cfs=true", NULL};
    struct docker_executor_options options = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(docker_executor_options_parse(all, environment, &options, &err), 0);
    assert_true(options.cgroups_enable_cfs);
    assert_int_equal(options.stop_timeout_ns, 10 * NS_PER_SEC);
    assert_string_equal(options.task_environment[0].name, "A");
    docker_executor_options_release(&options);
    assert_true(docker_executor_options_parse(all + 1, environment, &options, &err) < 0);
    assert_string_equal(
        err_text(&err), "flag 'container' is required, but it was not provided");
    char *const bad[] = {(char *)(uintptr_t)"--task_environment={\"A\":1}", NULL};
    assert_true(docker_executor_options_parse(bad, environment, &options, &err) < 0);
    assert_string_equal(err_text(&err), "flag 'task_environment': expected a text for A");
}

static void test_help(void **state)
{
    (void)state;
    struct command_executor_options options = {0};
    char *const arguments[] = {(char *)(uintptr_t)"--help", NULL};
    assert_int_equal(command_executor_options_parse(arguments, NULL, &options, NULL), 0);
    assert_true(options.help);
    command_executor_options_release(&options);
    _cleanup_free_ char *usage = docker_executor_usage();
    assert_non_null(strstr(usage, "--container=VALUE (required)"));
}

static void test_kill_grace(void **state)
{
    (void)state;
    static const struct {
        const char *policy; /* NULL: none */
        int result;
        bool set;
        uint64_t ns;
    } cases[] = {
        {NULL, 0, false, 0},
        {"{}", 0, false, 0},
        {"{\"grace_period\":{\"nanoseconds\":5}}", 0, true, 5},
        {"{\"grace_period\":{\"nanoseconds\":-5}}", -22, false, 0},
        {"{\"grace_period\":{}}", -22, false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *policy = cases[i].policy ? json_loads(cases[i].policy, 0, NULL) : NULL;
        const struct task_info task = {.kill_policy = policy};
        struct opt_u64 grace;
        assert_int_equal(task_kill_grace(&task, &grace, NULL), cases[i].result);
        assert_int_equal(grace.set, cases[i].set);
        assert_int_equal(grace.value, cases[i].ns);
        json_decref(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_flags),
        cmocka_unit_test(test_command_values),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_docker_flags),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_kill_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
