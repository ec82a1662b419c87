/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/tests/json_generate.h"
#include "reference/model/agent_state.h"
#include "reference/model/launch_info.h"
#include "reference/model/statistics.h"
#include "reference/model/status.h"
#include "reference/model/termination.h"

static void test_properties(void **state)
{
    (void)state;
    static const struct json_type *const types[] = {&environment_variable_json, &command_info_json,
        &image_json, &volume_json, &network_info_json, &container_info_json, &executor_info_json,
        &task_info_json, &rlimit_info_json, &capability_info_json, &container_config_json,
        &resource_json, &resource_limits_json, &mount_entry_json, &file_operation_json,
        &launch_info_json, &statistics_json, &container_status_json, &limitation_json,
        &termination_json};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        json_check_type(types[i], 100);
}

/* Each text decodes and encodes to itself: the names and shapes of the specification. */
static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const struct json_type *type;
        const char *text;
    } cases[] = {
        {&container_config_json, "{}"},
        {&container_config_json,
            "{\"executor_info\":{\"executor_id\":\"e\",\"framework_id\":\"f\"},"
            "\"command_info\":{\"shell\":false,\"value\":\"/bin/sleep\","
            "\"arguments\":[\"sleep\",\"1\"],\"uris\":[{\"value\":\"http://x/y.tgz\","
            "\"extract\":false,\"cache\":true}],"
            "\"environment\":[{\"name\":\"A\",\"value\":\"b\"}],\"user\":\"nobody\"},"
            "\"container_info\":{\"type\":\"DOCKER\",\"hostname\":\"h\","
            "\"volumes\":[{\"mode\":\"RO\",\"container_path\":\"d\",\"host_path\":\"/d\"}],"
            "\"docker\":{\"image\":\"busybox\",\"network\":\"BRIDGE\","
            "\"port_mappings\":[{\"host_port\":31000,\"container_port\":80,"
            "\"protocol\":\"tcp\"}]},"
            "\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[]},"
            "\"ipc_mode\":\"PRIVATE\",\"shm_size\":64,\"share_cgroups\":false},"
            "\"rlimit_info\":{\"rlimits\":[{\"type\":\"RLMT_NOFILE\",\"hard\":2,\"soft\":1}]},"
            "\"tty_info\":{\"window_size\":{\"rows\":24,\"columns\":80}}},"
            "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1.0}],"
            "\"limits\":{\"cpus\":\"Infinity\",\"mem\":64.0},\"container_class\":\"DEBUG\","
            "\"directory\":\"/sandbox\",\"ephemeral_volumes\":[\"/upper\"],\"user\":\"nobody\","
            "\"rootfs\":\"/rootfs\",\"docker\":{\"manifest\":{\"config\":{}}}}"},
        {&container_config_json, "{\"container_info\":{\"mesos\":{\"image\":{\"type\":\"DOCKER\","
                                 "\"name\":\"busybox\",\"cached\":false}}}}"},
        {&launch_info_json,
            "{\"pre_exec_commands\":[{\"value\":\"true\"}],\"clone_namespaces\":[\"pid\",\"mnt\"],"
            "\"mounts\":[{\"target\":\"/proc\",\"source\":\"proc\",\"type\":\"proc\","
            "\"flags\":14}],"
            "\"file_operations\":[{\"operation\":\"SYMLINK\",\"source\":\"a\",\"target\":\"b\"},"
            "{\"operation\":\"MKDIR\",\"target\":\"c\",\"recursive\":true}],"
            "\"no_new_privileges\":true}"},
        {&statistics_json, "{\"timestamp\":1.5,\"processes\":0,\"cpus_limit\":1.5,"
                           "\"mem_limit_bytes\":67108864,\"net_tx_dropped\":1}"},
        {&container_status_json, "{\"container_id\":\"c\",\"cgroup_info\":{\"net_cls\":"
                                 "{\"classid\":1048577}},\"executor_pid\":7}"},
        {&termination_json, "{\"status\":9,\"state\":\"TASK_FAILED\","
                            "\"reason\":\"REASON_CONTAINER_LIMITATION_MEMORY\",\"message\":\"m\","
                            "\"limited_resources\":[{\"name\":\"mem\",\"type\":\"SCALAR\","
                            "\"scalar\":64.0,\"role\":\"*\"}]}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        _cleanup_free_ void *object = mem_alloc(cases[i].type->size);
        const char *text = cases[i].text;
        if (json_type_decode_text(cases[i].type, text, strlen(text), object, "x", &err) < 0)
            fail_msg("%s", err_text(&err));
        _cleanup_free_ char *encoded = json_type_encode_text(cases[i].type, object);
        assert_string_equal(encoded, text);
        json_type_release(cases[i].type, object);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"{\"container_info\":{\"linux_info\":{\"shm_size\":\"x\"}}}",
            "config.container_info.linux_info.shm_size: expected a number, got \"x\""},
        {"{\"container_info\":{\"volumes\":[{\"mode\":1,\"container_path\":\"x\"}]}}",
            "config.container_info.volumes[0].mode: expected RW or RO, got 1"},
        {"{\"container_info\":{\"volumes\":[{\"mode\":\"RW\"}]}}",
            "config.container_info.volumes[0].container_path: required field is missing"},
        {"{\"container_info\":{\"type\":\"OCI\"}}",
            "config.container_info.type: expected MESOS or DOCKER, got \"OCI\""},
        {"{\"container_class\":\"debug\"}",
            "config.container_class: expected DEFAULT or DEBUG, got \"debug\""},
        {"{\"command\":{}}", "config.command: unknown field"},
        {"{\"commandinfo\":{}}",
            "config.commandinfo: unknown field; did you mean \"command_info\"?"},
        {"{\"command_info\":{\"environment\":[{\"value\":\"x\"}]}}",
            "config.command_info.environment[0].name: required field is missing"},
        {"{\"limits\":{\"cpu\":1}}",
            "config.limits.cpu: unknown field; did you mean \"cpus\"?"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct container_config config = {0};
        const char *text = cases[i].text;
        assert_int_equal(json_type_decode_text(&container_config_json, text, strlen(text), &config,
                             "config", &err), -EINVAL);
        assert_string_equal(err_text(&err), cases[i].message);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct container_config config = {0};
    assert_int_equal(
        json_type_decode_text(&container_config_json, "{}", 2, &config, "config", NULL), 0);
    assert_true(config.command_info.shell);
    assert_int_equal(config.container_class, CONTAINER_CLASS_DEFAULT);
    assert_false(container_config_is_command_task(&config));
    json_type_release(&container_config_json, &config);
}

static void test_share_cgroups(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool shares;
    } cases[] = {
        {"{}", true},
        {"{\"container_info\":{}}", true},
        {"{\"container_info\":{\"linux_info\":{}}}", true},
        {"{\"container_info\":{\"linux_info\":{\"share_cgroups\":true}}}", true},
        {"{\"container_info\":{\"linux_info\":{\"share_cgroups\":false}}}", false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct container_config config = {0};
        const char *text = cases[i].text;
        assert_int_equal(json_type_decode_text(
                             &container_config_json, text, strlen(text), &config, "", NULL), 0);
        assert_int_equal(container_config_shares_cgroups(&config), cases[i].shares);
        json_type_release(&container_config_json, &config);
    }
}

/* The merge of statistics.md 1: later scalars overwrite, lists append, sub-objects merge. */
static void test_statistics_merge(void **state)
{
    (void)state;
    static const char first[] = "{\"timestamp\":1.0,\"cpus_user_time_secs\":1.0,"
                                "\"mem_rss_bytes\":5,\"disk_statistics\":[{\"used_bytes\":1}],"
                                "\"perf\":{\"duration\":1.0}}";
    static const char second[] = "{\"timestamp\":2.0,\"cpus_user_time_secs\":3.0,"
                                 "\"disk_statistics\":[{\"used_bytes\":2}],"
                                 "\"perf\":{\"cycles\":4}}";
    struct statistics into = {0};
    struct statistics from = {0};
    json_type_decode_text(&statistics_json, first, strlen(first), &into, "", NULL);
    json_type_decode_text(&statistics_json, second, strlen(second), &from, "", NULL);
    json_type_merge(&statistics_json, &into, &from);
    _cleanup_free_ char *text = json_type_encode_text(&statistics_json, &into);
    assert_string_equal(text,
        "{\"timestamp\":2.0,\"cpus_user_time_secs\":3.0,\"mem_rss_bytes\":5,"
        "\"disk_statistics\":[{\"used_bytes\":1},{\"used_bytes\":2}],"
        "\"perf\":{\"duration\":1.0,\"cycles\":4}}");
    json_type_release(&statistics_json, &into);
    json_type_release(&statistics_json, &from);
}

/* Taking says the same as merging, and leaves nothing that is still needed. */
static void test_launch_info_take(void **state)
{
    (void)state;
    static const char first[] =
        "{\"environment\":[{\"name\":\"A\",\"value\":\"1\"}],\"clone_namespaces\":[\"mnt\"],"
        "\"working_directory\":\"/a\",\"command\":{\"value\":\"x\",\"arguments\":[\"1\"]}}";
    static const char second[] =
        "{\"environment\":[{\"name\":\"B\",\"value\":\"2\"}],"
        "\"clone_namespaces\":[\"pid\",\"ipc\"],"
        "\"working_directory\":\"/b\",\"command\":{\"arguments\":[\"2\"]},"
        "\"mounts\":[{\"target\":\"/t\"}],\"rlimits\":{\"rlimits\":[{\"type\":\"RLMT_CPU\"}]},"
        "\"no_new_privileges\":true}";
    struct launch_info merged = {0};
    struct launch_info taken = {0};
    struct launch_info from = {0};
    json_type_decode_text(&launch_info_json, first, strlen(first), &merged, "", NULL);
    json_type_decode_text(&launch_info_json, first, strlen(first), &taken, "", NULL);
    json_type_decode_text(&launch_info_json, second, strlen(second), &from, "", NULL);
    json_type_merge(&launch_info_json, &merged, &from);
    json_type_take(&launch_info_json, &taken, &from);
    assert_null(from.mounts);
    json_type_release(&launch_info_json, &from);
    _cleanup_free_ char *expected = json_type_encode_text(&launch_info_json, &merged);
    _cleanup_free_ char *text = json_type_encode_text(&launch_info_json, &taken);
    assert_string_equal(text, expected);
    assert_non_null(strstr(text, "[\"mnt\",\"pid\",\"ipc\"]"));
    json_type_release(&launch_info_json, &merged);
    json_type_release(&launch_info_json, &taken);
}

static void test_agent_state(void **state)
{
    (void)state;
    struct agent_state agent = {.runs_count = 2};
    agent.runs = mem_alloc(2 * sizeof(*agent.runs));
    for (size_t i = 0; i < 2; i++) {
        agent.runs[i].container_id = str_dup("c");
        agent.runs[i].directory = str_dup("/sandbox");
    }
    agent.runs[1].executor_info = mem_alloc(sizeof(*agent.runs[1].executor_info));
    str_set(&agent.runs[1].executor_info->name, "executor");
    agent_state_release(&agent);
    assert_null(agent.runs);
    assert_int_equal(agent.runs_count, 0);
    agent_state_release(&agent);
    agent_state_release(NULL);
}

static void test_namespace_names(void **state)
{
    (void)state;
    assert_string_equal(namespace_names[NS_USER], "user");
    assert_string_equal(namespace_names[NS_PID], "pid");
    assert_string_equal(namespace_names[NS_MNT], "mnt");
    assert_null(namespace_names[NS_COUNT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_share_cgroups),
        cmocka_unit_test(test_statistics_merge),
        cmocka_unit_test(test_launch_info_take),
        cmocka_unit_test(test_agent_state),
        cmocka_unit_test(test_namespace_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
