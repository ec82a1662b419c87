/* SPDX-License-Identifier: Apache-2.0 */
/* What docker prints, and the names of its containers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/docker/docker_values.h"
#include "reference/docker/names.h"

/* DK-03 */
static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *version; /* NULL: refused */
    } rows[] = {
        {"Docker version 1.7.1, build", "1.7.1"},
        {"Docker version 1.7.1.fc22, build", "1.7.1"},
        {"Docker version 1.7.1-fc22, build", "1.7.1-fc22"},
        {"Docker version 17.05.0-ce, build 89658be\n", "17.5.0-ce"},
        {"Docker version 20.10.24+dfsg1, build 297e128", "20.10.24"},
        {"26.1", "26.1.0"},
        {"podman 4", "4.0.0"},
        {"Docker version x, build", NULL},
        {"Docker version 1..2", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct docker_version version = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        int r = docker_version_parse(rows[i].text, &version, &err);
        if (!rows[i].version) {
            assert_int_equal(r, -EBADMSG);
            continue;
        }
        assert_int_equal(r, 0);
        _cleanup_free_ char *text = docker_version_text(&version);
        assert_string_equal(text, rows[i].version);
        json_type_release(&docker_version_json, &version);
    }
    const struct docker_version version = {1, 8, 3, NULL};
    assert_true(docker_version_compare(&version, 1, 8, 3) == 0);
    assert_true(docker_version_compare(&version, 1, 9, 0) < 0);
    assert_true(docker_version_compare(&version, 0, 99, 99) > 0);
}

#define STATE "\"State\":{\"Pid\":7,\"StartedAt\":\"2024-01-01T00:00:00Z\"}"
#define ITEM(rest) "[{\"Id\":\"abc\",\"Name\":\"/mesos-c1\"," rest "}]"

static void test_inspection(void **state)
{
    (void)state;
    static const char text[] =
        ITEM(STATE ",\"HostConfig\":{\"NetworkMode\":\"bridge\",\"Dns\":[\"8.8.8.8\"],"
                   "\"DnsOptions\":null,\"DnsSearch\":[\"a\"],\"Devices\":[{\"PathOnHost\":"
                   "\"/dev/a\",\"PathInContainer\":\"/dev/b\",\"CgroupPermissions\":\"rw\"}]},"
                   "\"NetworkSettings\":{\"IPAddress\":\"9.9.9.9\",\"Networks\":{\"bridge\":"
                   "{\"IPAddress\":\"172.17.0.2\",\"GlobalIPv6Address\":\"fd00::2\"}}}");
    struct docker_inspection inspection = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(docker_inspection_parse(text, &inspection, &err), 0);
    assert_string_equal(inspection.id, "abc");
    assert_string_equal(inspection.name, "/mesos-c1");
    assert_int_equal(inspection.pid.value, 7);
    assert_true(inspection.started);
    assert_string_equal(inspection.network_mode, "bridge");
    assert_string_equal(inspection.ipv4, "172.17.0.2");
    assert_string_equal(inspection.ipv6, "fd00::2");
    assert_int_equal(inspection.devices_count, 1);
    assert_string_equal(inspection.devices[0].permissions, "rw");
    assert_string_equal(inspection.dns[0], "8.8.8.8");
    assert_null(inspection.dns_options);
    assert_string_equal(inspection.dns_search[0], "a");
    assert_string_equal(inspection.text, text);
    json_type_release(&docker_inspection_json, &inspection);
}

static void test_created_inspection(void **state)
{
    (void)state;
    static const char text[] =
        ITEM("\"State\":{\"Pid\":0,\"StartedAt\":\"0001-01-01T00:00:00Z\"},"
             "\"NetworkSettings\":{\"IPAddress\":\"10.0.0.5\"}");
    struct docker_inspection inspection = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(docker_inspection_parse(text, &inspection, &err), 0);
    assert_false(inspection.pid.set);
    assert_false(inspection.started);
    assert_string_equal(inspection.ipv4, "10.0.0.5"); /* the fallback */
    assert_null(inspection.ipv6);
    json_type_release(&docker_inspection_json, &inspection);
}

static void test_bad_inspections(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error; /* its begin */
    } rows[] = {
        {"[{\"Id\":\"ab", "line 1, column "},
        {"", "line 1, column "},
        {"{}", "expected an array with at least one object, got an object"},
        {"[]", "expected an array with at least one object, got an empty one"},
        {"[7]", "[0]: expected an object, got a number"},
        {"[{}]", "[0].Id: expected a text, got nothing"},
        {"[{\"Id\":7}]", "[0].Id: expected a text, got a number"},
        {"[{\"Id\":\"a\"}]", "[0].Name: expected a text, got nothing"},
        {ITEM("\"State\":{}"), "[0].State.Pid: expected a pid or 0, got nothing"},
        {ITEM("\"State\":{\"Pid\":\"x\"}"), "[0].State.Pid: expected a pid or 0, got a text"},
        {ITEM("\"State\":{\"Pid\":-4}"), "[0].State.Pid: expected a pid or 0, got a number"},
        {ITEM("\"State\":{\"Pid\":1}"), "[0].State.StartedAt: expected a text, got nothing"},
        {ITEM(STATE ",\"HostConfig\":{\"Dns\":\"x\"}"),
            "[0].HostConfig.Dns: expected an array, got a text"},
        {ITEM(STATE ",\"HostConfig\":{\"Dns\":[1]}"),
            "[0].HostConfig.Dns[0]: expected a text, got a number"},
        {ITEM(STATE ",\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"a\"}]}"),
            "[0].HostConfig.Devices[0].PathInContainer: expected a text, got nothing"},
        {ITEM(STATE ",\"HostConfig\":{\"Devices\":{}}"),
            "[0].HostConfig.Devices: expected an array, got an object"},
        {"[{\"Id\":\"a\",\"Name\":\"/a\"," STATE "},{\"Id\":\"b\",\"Name\":\"/b\"," STATE "}]",
            "expected one object, got 2"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct docker_inspection inspection = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(docker_inspection_parse(rows[i].text, &inspection, &err), -EBADMSG);
        if (!str_starts(err_text(&err), rows[i].error))
            fail_msg("%s: %s", rows[i].text, err_text(&err));
    }
}

/* DK-11 */
static void test_images(void **state)
{
    (void)state;
    struct docker_image image = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    static const char full[] = "[{\"ContainerConfig\":{\"Entrypoint\":[\"echo\",\"-n\"],"
                               "\"Env\":[\"A=1\",\"B=x=y\"]}}]";
    assert_int_equal(docker_image_parse(full, &image, &err), 0);
    assert_string_equal(image.entrypoint[1], "-n");
    assert_string_equal(image.environment[1], "B=x=y");
    json_type_release(&docker_image_json, &image);
    static const char empty[] = "[{\"ContainerConfig\":{\"Entrypoint\":null,\"Env\":null}}]";
    assert_int_equal(docker_image_parse(empty, &image, &err), 0);
    assert_null(image.entrypoint);
    assert_null(image.environment);
    json_type_release(&docker_image_json, &image);
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"[{}]", "[0].ContainerConfig: expected an object, got nothing"},
        {"[{\"ContainerConfig\":{\"Env\":null}}]",
            "[0].ContainerConfig.Entrypoint: expected an array or null, got nothing"},
        {"[{\"ContainerConfig\":{\"Entrypoint\":null}}]",
            "[0].ContainerConfig.Env: expected an array or null, got nothing"},
        {"[{\"ContainerConfig\":{\"Entrypoint\":\"x\",\"Env\":null}}]",
            "[0].ContainerConfig.Entrypoint: expected an array, got a text"},
        {"[{\"ContainerConfig\":{\"Entrypoint\":null,\"Env\":[\"A\"]}}]",
            "[0].ContainerConfig.Env[0]: expected NAME=value, got \"A\""},
        {"[{\"ContainerConfig\":{\"Entrypoint\":null,\"Env\":[\"A=1\",\"A=2\"]}}]",
            "[0].ContainerConfig.Env[1]: \"A\" stands there twice"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(docker_image_parse(rows[i].text, &image, &err), -EBADMSG);
        assert_string_equal(err_text(&err), rows[i].error);
        err_clear(&err);
    }
}

static void test_ps(void **state)
{
    (void)state;
    _cleanup_strv_ char **names = docker_ps_parse(
        "CONTAINER ID   IMAGE   COMMAND     NAMES\n"
        "1f2e           img     \"run it\"  mesos-b\n"
        "1f2f           img     \"run\"     other\n"
        "1f30           img     \"run\"     mesos-a  \r\n\n",
        "mesos-");
    assert_int_equal(strv_length(names), 2);
    assert_string_equal(names[0], "mesos-b");
    assert_string_equal(names[1], "mesos-a");
    assert_null(docker_ps_parse("CONTAINER ID  NAMES\n", "mesos-"));
    assert_null(docker_ps_parse("", "mesos-"));
}

static void test_exit_texts(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {0, "exit status 0"},
        {1 << 8, "exit status 1"},
        {125 << 8, "exit status 125 (docker could not run it)"},
        {126 << 8, "exit status 126 (its command can't be invoked)"},
        {127 << 8, "exit status 127 (its command was not found)"},
        {9, "killed by signal 9"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *text = docker_exit_text(rows[i].status);
        assert_string_equal(text, rows[i].text);
    }
}

#define UUID "c1a5d0a0-1111-4222-8333-44445555abcd"

/* docker.md 3, DO-10 */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ours;
        bool executor;
    } rows[] = {
        {"mesos-" UUID, true, false},
        {"/mesos-" UUID, true, false},
        {"mesos-" UUID ".executor", true, true},
        {"mesos-S0." UUID, true, false},
        {"/mesos-S0." UUID ".executor", true, true},
        {"mesos-malformedUUID", false, false},
        {"mesos-" UUID "0", false, false},
        {"mesos-S0.x." UUID, false, false},
        {"mesos-", false, false},
        {"other-" UUID, false, false},
        {UUID, false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct docker_name name = {0};
        assert_int_equal(docker_name_parse(rows[i].name, &name), rows[i].ours);
        if (!rows[i].ours)
            continue;
        assert_string_equal(name.id, UUID);
        assert_int_equal(name.executor, rows[i].executor);
        free(name.id);
    }
    _cleanup_free_ char *task = docker_container_name(UUID);
    _cleanup_free_ char *executor = docker_executor_name(UUID);
    assert_string_equal(task, "mesos-" UUID);
    assert_string_equal(executor, "mesos-" UUID ".executor");
}

static void test_image_tags(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"busybox", "busybox:latest"},
        {"busybox:1", "busybox:1"},
        {"localhost:5000/busybox", "localhost:5000/busybox:latest"},
        {"localhost:5000/busybox:1", "localhost:5000/busybox:1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *image = docker_image_with_tag(rows[i][0]);
        assert_string_equal(image, rows[i][1]);
    }
}

/* DO-20 */
static void test_sandbox_links(void **state)
{
    (void)state;
    _cleanup_free_ char *link =
        docker_sandbox_link("/w", "/w/slaves/S0/frameworks/f/executors/a:b/runs/c1", "c1");
    assert_string_equal(link, "/w/slaves/S0/docker/links/c1");
    _cleanup_free_ char *outside = docker_sandbox_link("/w", "/tmp/a:b", "c1");
    assert_string_equal(outside, "/w/docker/links/c1");
    assert_null(docker_sandbox_link("/w", "/w/slaves/S0/frameworks/f", "c1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_inspection),
        cmocka_unit_test(test_created_inspection),
        cmocka_unit_test(test_bad_inspections),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_ps),
        cmocka_unit_test(test_exit_texts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_image_tags),
        cmocka_unit_test(test_sandbox_links),
    };
    return cmocka_run_group_tests_name("docker values", tests, NULL, NULL);
}
