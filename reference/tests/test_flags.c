/* SPDX-License-Identifier: Apache-2.0 */
/* Loading, copying and the checks across flags. */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/flags/internal.h"

static void test_table(void **state)
{
    (void)state;
    struct flags flags;
    for (size_t i = 0; i < flag_count; i++) {
        const struct flag *flag = &flag_table[i];
        _cleanup_err_ struct err err = ERR_INIT;
        assert_ptr_equal(flag_find(flag->name, NULL), flag); /* no name stands twice */
        if (flag->fallback && flag_check(flag, flag->fallback, &err) < 0)
            fail_msg("%s: %s", flag->name, err_text(&err));
        assert_true(flag->offset == FLAG_IN_OTHERS || flag->offset < sizeof(flags));
    }
    assert_true(flag_count >= 140);
    assert_null(flag_find("no_such", NULL));
}

static void test_defaults(void **state)
{
    (void)state;
    struct flags flags;
    flags_init(&flags);
    assert_null(flags.work_dir);
    assert_null(flags.launcher);
    assert_string_equal(flags.runtime_dir, "/var/run/mesos");
    assert_string_equal(flags.containerizers, "mesos");
    assert_string_equal(flags.isolation, "posix/cpu,posix/mem");
    assert_string_equal(flags.cgroups_root, "mesos");
    assert_true(flags.switch_user);
    assert_true(flags.revocable_cpu_low_priority);
    assert_false(flags.cgroups_limit_swap);
    assert_int_equal(flags.cgroups_destroy_timeout_ns, UINT64_C(60000000000));
    assert_int_equal(flags.container_disk_watch_interval_ns, UINT64_C(15000000000));
    assert_int_equal(flags.default_container_shm_size_bytes, 0);
    assert_null(flags.others);
    assert_string_equal(flags_other(&flags, "docker_socket"), "/var/run/docker.sock");
    assert_string_equal(flags_other(&flags, "executor_registration_timeout"), "1mins");
    assert_null(flags_other(&flags, "hooks"));
    flags_release(&flags);
}

struct load_case {
    const char *arguments[4];
    const char *environment[4];
    const char *message; /* NULL: loads */
};

static int load(struct flags *flags, const struct load_case *load_case, struct err *err)
{
    flags_init(flags);
    return flags_load(flags, (char *const *)(uintptr_t)load_case->arguments,
        (char *const *)(uintptr_t)load_case->environment, err);
}

/* FL-01 to FL-05, FL-08 of flags.md, and the rules of its section 1. */
static void test_load_errors(void **state)
{
    (void)state;
    static const struct load_case cases[] = {
        {{"--unknown=1"}, {NULL}, "--unknown: unknown flag"},
        {{"--work_dri=/w"}, {NULL}, "--work_dri: unknown flag; did you mean --work_dir?"},
        {{"work_dir=/w"}, {NULL}, "\"work_dir=/w\" is not a flag"},
        {{"-p"}, {NULL}, "\"-p\" is not a flag"},
        {{"--port"}, {NULL}, "--port: a value is missing"},
        {{"--no-port"}, {NULL}, "--no-port: --port is not a boolean"},
        {{"--no-switch_user=true"}, {NULL}, "--no-switch_user: takes no value"},
        {{"--no-such"}, {NULL}, "--no-such: unknown flag"},
        {{"--port=1", "--port=1"}, {NULL}, "--port: --port is given twice"},
        {{"--strict", "--no-strict"}, {NULL}, "--no-strict: --strict is given twice"},
        {{"--port=x"}, {NULL}, "--port: expected a number of 16 bits, got \"x\""},
        {{NULL}, {"MESOS_PORT=x"}, "MESOS_PORT: expected a number of 16 bits, got \"x\""},
        {{NULL}, {"MESOS_no-strict=x"}, "MESOS_no-strict: takes no value"},
        {{"--switch_user=maybe"}, {NULL},
            "--switch_user: expected true, 1, false or 0, got \"maybe\""},
        {{"--allowed_capabilities={}", "--effective_capabilities={}"}, {NULL},
            "--allowed_capabilities and --effective_capabilities are the same flag: give only "
            "--effective_capabilities"},
        {{"--agent_subsystems=cpu"}, {"MESOS_SLAVE_SUBSYSTEMS=cpu"},
            "--agent_subsystems and MESOS_SLAVE_SUBSYSTEMS are the same flag: give only "
            "--agent_subsystems"},
        {{"--isolation=file:///nowhere/x"}, {NULL}, "--isolation: read /nowhere/x: ENOENT"},
        {{"--acls=/nowhere/x"}, {NULL}, "--acls: read /nowhere/x: ENOENT"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct flags flags;
        assert_int_equal(load(&flags, &cases[i], &err), -EINVAL);
        assert_string_equal(err_text(&err), cases[i].message);
        flags_release(&flags);
    }
}

static void test_load(void **state)
{
    (void)state;
    static const struct {
        struct load_case load;
        const char *name; /* among the others */
        const char *value;
    } cases[] = {
        {{{"--port=7000"}, {"MESOS_PORT=6000"}, NULL}, "port", "7000"},
        {{{"--port=7000"}, {"MESOS_PORT=rubbish"}, NULL}, "port", "7000"},
        {{{NULL}, {"MESOS_port=6000"}, NULL}, "port", "6000"},
        {{{NULL}, {"MESOS_SANDBOX=/s", "PATH=/bin", "MESOS_=1", "MESOS_PORT"}, NULL}, "port",
            "5051"},
        {{{"--strict"}, {NULL}, NULL}, "strict", "true"},
        {{{"--strict="}, {NULL}, NULL}, "strict", ""},
        {{{"--no-strict"}, {NULL}, NULL}, "strict", "false"},
        {{{NULL}, {"MESOS_no-strict="}, NULL}, "strict", "false"},
        {{{NULL}, {"MESOS_NO-STRICT="}, NULL}, "strict", "false"},
        {{{NULL}, {"MESOS_no-port="}, NULL}, "port", "5051"},
        {{{"--", "--port=1", "rest"}, {NULL}, NULL}, "port", "5051"},
        {{{"--attributes=a=b;c"}, {NULL}, NULL}, "attributes", "a=b;c"},
        {{{"--executor_secret_key=/k"}, {NULL}, NULL}, "jwt_secret_key", "/k"},
        {{{"--log_dir=file:///x"}, {NULL}, NULL}, "log_dir", "file:///x"}, /* a path */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct flags flags;
        if (load(&flags, &cases[i].load, &err) < 0)
            fail_msg("%s", err_text(&err));
        assert_string_equal(flags_other(&flags, cases[i].name), cases[i].value);
        flags_release(&flags);
    }
}

static void test_members(void **state)
{
    (void)state;
    char *const arguments[] = {(char *)"--work_dir=/w", (char *)"--no-switch_user",
        (char *)"--cgroups_destroy_timeout=1.5secs", (char *)"--default_container_shm_size=64MB",
        (char *)"--bounding_capabilities={\"capabilities\":[\"NET_RAW\"]}",
        (char *)"--cgroups_enable_cfs", (char *)"--slave_subsystems=cpu", NULL};
    struct flags flags;
    flags_init(&flags);
    assert_int_equal(flags_load(&flags, arguments, NULL, NULL), 0);
    assert_string_equal(flags.work_dir, "/w");
    assert_false(flags.switch_user);
    assert_true(flags.cgroups_enable_cfs);
    assert_int_equal(flags.cgroups_destroy_timeout_ns, 1500000000);
    assert_int_equal(flags.default_container_shm_size_bytes, 64 << 20);
    assert_string_equal(flags.agent_subsystems, "cpu");
    assert_int_equal(
        json_array_size(json_object_get(flags.bounding_capabilities, "capabilities")), 1);
    assert_null(flags.others);
    flags_release(&flags);
}

static void collect(void *arg, enum log_level level, const char *message)
{
    assert_int_equal(level, LOG_WARNING);
    strv_add(arg, message);
}

static void test_old_names_warn(void **state)
{
    (void)state;
    _cleanup_strv_ char **lines = NULL;
    struct flags flags;
    flags_init(&flags);
    log_set_sink(collect, &lines, LOG_DEBUG);
    assert_int_equal(flags_set(&flags, "allowed_capabilities", "{}", NULL), 0);
    assert_int_equal(flags_set(&flags, "effective_capabilities", "{}", NULL), 0);
    log_set_sink(NULL, NULL, LOG_DEBUG);
    assert_int_equal(strv_length(lines), 1);
    assert_string_equal(
        lines[0], "--allowed_capabilities is deprecated, use --effective_capabilities");
    flags_release(&flags);
}

/* FL-06: a file's content is the value, its last newline included. */
static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/seatrial-flags-XXXXXX";
    int fd = mkstemp(path);
    static const char content[] = "{\"A\":\"b\"}\n";
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    _cleanup_free_ char *uri = str_printf("file://%s", path);
    struct flags flags;
    flags_init(&flags);
    assert_int_equal(flags_set(&flags, "isolation", uri, NULL), 0);
    assert_string_equal(flags.isolation, content);
    assert_int_equal(flags_set(&flags, "executor_environment_variables", uri, NULL), 0);
    assert_string_equal(flags_other(&flags, "executor_environment_variables"), content);
    assert_int_equal(flags_set(&flags, "acls", path, NULL), 0); /* deprecated, still taken */
    assert_string_equal(flags_other(&flags, "acls"), content);
    assert_int_equal(ftruncate(fd, 20), 0); /* zeros are no text */
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(flags_set(&flags, "isolation", uri, &err), -EINVAL);
    assert_non_null(strstr(err_text(&err), ": not a text"));
    assert_string_equal(flags.isolation, content);
    flags_release(&flags);
    close(fd);
    unlink(path);
}

static void test_set(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    struct flags flags;
    flags_init(&flags);
    assert_int_equal(flags_set(&flags, "isolatoin", "x", &err), -EINVAL);
    assert_string_equal(err_text(&err), "--isolatoin: unknown flag; did you mean --isolation?");
    assert_int_equal(flags_set(&flags, "isolation", NULL, &err), -EINVAL);
    assert_string_equal(err_text(&err), "--isolation: a value is missing");
    assert_int_equal(flags_set(&flags, "isolation", "a", &err), 0);
    assert_int_equal(flags_set(&flags, "isolation", "b", &err), 0); /* the last one counts */
    assert_string_equal(flags.isolation, "b");
    assert_int_equal(flags_set(&flags, "hooks", "\xff", &err), 0);
    assert_string_equal(flags_other(&flags, "hooks"), "\xff");
    flags_release(&flags);
}

static void test_copy(void **state)
{
    (void)state;
    struct flags from;
    struct flags to;
    flags_init(&from);
    flags_set(&from, "work_dir", "/w", NULL);
    flags_set(&from, "hooks", "h", NULL);
    flags_set(&from, "allowed_devices", "{}", NULL);
    flags_copy(&to, &from);
    flags_set(&from, "hooks", "changed", NULL);
    flags_release(&from);
    assert_string_equal(to.work_dir, "/w");
    assert_string_equal(to.isolation, "posix/cpu,posix/mem");
    assert_string_equal(flags_other(&to, "hooks"), "h");
    assert_true(json_is_object(to.allowed_devices));
    flags_release(&to);
}

/* "name=value name=value", unified cgroups or not, and the error. */
static void test_validate(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        bool unified;
        const char *message;
    } cases[] = {
        {"", false, "--work_dir is required"},
        {"work_dir=", false, "--work_dir is required"},
        {"work_dir=/w", true, NULL},
        {"work_dir=/w cgroups_limit_swap=true", false, NULL},
        {"work_dir=/w cgroups_limit_swap=true", true,
            "--cgroups_limit_swap: swap cannot be limited with cgroups v2"},
        {"work_dir=/w ip=::1 ip_discovery_command=x", false,
            "--ip and --ip_discovery_command: at most one may be given"},
        {"work_dir=/w modules={} modules_dir=/m", false,
            "--modules and --modules_dir: at most one may be given"},
        {"work_dir=/w check_agent_port_range_only=true container_ports_isolated_range=[1-2]", false,
            "--check_agent_port_range_only and --container_ports_isolated_range: at most one may "
            "be given"},
        {"work_dir=/w check_agent_port_range_only=false container_ports_isolated_range=[1-2]",
            false, NULL},
        {"work_dir=/w egress_rate_limit_per_container=1MB egress_rate_per_cpu=auto", false,
            "--egress_rate_limit_per_container and --egress_rate_per_cpu: at most one may be "
            "given"},
        {"work_dir=/w network_cni_plugins_dir=/p", false,
            "--network_cni_plugins_dir needs --network_cni_config_dir"},
        {"work_dir=/w network_cni_config_dir=/c", false,
            "--network_cni_config_dir needs --network_cni_plugins_dir"},
        {"work_dir=/w network_cni_config_dir=/c network_cni_plugins_dir=/p", false, NULL},
        {"work_dir=/w authenticate_http_executors=true", false,
            "--authenticate_http_executors needs --jwt_secret_key"},
        {"work_dir=/w authenticate_http_executors=true jwt_secret_key=/k", false, NULL},
        {"work_dir=/w cgroups_net_cls_secondary_handles=0x1,0x2", false,
            "--cgroups_net_cls_secondary_handles needs --cgroups_net_cls_primary_handle"},
        {"work_dir=/w perf_duration=61secs", false, NULL},
        {"work_dir=/w perf_duration=61secs perf_events=cycles", false,
            "--perf_duration is longer than --perf_interval"},
        {"work_dir=/w perf_duration=60secs perf_events=cycles", false, NULL},
        {"work_dir=/w nvidia_gpu_devices=0", false,
            "--nvidia_gpu_devices needs gpu/nvidia in --isolation"},
        {"work_dir=/w nvidia_gpu_devices=0 isolation=posix/cpu,gpu/nvidia", false, NULL},
        {"work_dir=/w effective_capabilities={\"capabilities\":[\"A\",\"B\"]} "
         "bounding_capabilities={\"capabilities\":[\"A\"]}", false,
            "--effective_capabilities: B is not within --bounding_capabilities"},
        {"work_dir=/w effective_capabilities={\"capabilities\":[\"A\"]}", false, NULL},
        {"work_dir=/w effective_capabilities={\"capabilities\":[\"A\"]} "
         "bounding_capabilities={\"capabilities\":[\"B\",\"A\"]}", false, NULL},
        {"work_dir=/w minimum_egress_rate_limit=2MB maximum_egress_rate_limit=1MB", false,
            "--minimum_egress_rate_limit is above --maximum_egress_rate_limit"},
        {"work_dir=/w minimum_ingress_rate_limit=1MB maximum_ingress_rate_limit=1KB", false,
            "--minimum_ingress_rate_limit is above --maximum_ingress_rate_limit"},
        {"work_dir=/w minimum_egress_rate_limit=1MB maximum_egress_rate_limit=1MB", false, NULL},
        {"work_dir=/w network_enable_rate_statistics=true network_rate_statistics_window=1secs",
            false, "--network_enable_rate_statistics needs --network_rate_statistics_interval"},
        {"work_dir=/w network_enable_rate_statistics=true network_rate_statistics_window=1secs "
         "network_rate_statistics_interval=19ms", false,
            "--network_rate_statistics_interval: expected 20ms or more"},
        {"work_dir=/w network_enable_rate_statistics=true network_rate_statistics_window=20ms "
         "network_rate_statistics_interval=20ms", false,
            "--network_rate_statistics_window is not longer than "
            "--network_rate_statistics_interval"},
        {"work_dir=/w network_enable_rate_statistics=true network_rate_statistics_window=21ms "
         "network_rate_statistics_interval=20ms", false, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        _cleanup_strv_ char **pairs = strv_split(cases[i].flags, " ");
        struct flags flags;
        flags_init(&flags);
        for (size_t j = 0; pairs[j]; j++) {
            char *equals = strchr(pairs[j], '=');
            *equals = '\0';
            if (flags_set(&flags, pairs[j], equals + 1, &err) < 0)
                fail_msg("%s", err_text(&err));
        }
        int result = flags_validate(&flags, cases[i].unified, &err);
        assert_string_equal(err_text(&err), cases[i].message ? cases[i].message : "no error");
        assert_int_equal(result, cases[i].message ? -EINVAL : 0);
        flags_release(&flags);
    }
}

static void test_help(void **state)
{
    (void)state;
    _cleanup_free_ char *help = flags_help();
    size_t lines = 0;
    for (const char *at = help; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, flag_count);
    assert_non_null(strstr(help, "--work_dir=VALUE"));
    assert_non_null(strstr(help, "--[no-]switch_user"));
    assert_non_null(strstr(help, "(default: posix/cpu,posix/mem)"));
}

static void read_a_member_as_other(void *arg)
{
    flags_other(arg, "isolation");
}

static void test_members_are_not_others(void **state)
{
    (void)state;
    struct flags flags;
    flags_init(&flags);
    assert_aborts(read_a_member_as_other, &flags);
    flags_release(&flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_load_errors),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_old_names_warn),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_members_are_not_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
