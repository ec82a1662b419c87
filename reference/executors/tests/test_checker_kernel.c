/* SPDX-License-Identifier: Apache-2.0 */
/* Checks as they are performed for real: commands, curl and mesos-tcp-connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"
#include "reference/executors/checker.h"
#include "reference/executors/tests/http_server.h"
#include "reference/host_linux.h"

struct world {
    struct loop *loop;
    struct host *host;
    struct http_server *server;
};

struct seen {
    unsigned count;
    struct check_result result;
};

static void checked(void *arg, const struct check_result *result)
{
    struct seen *seen = arg;
    seen->count++;
    seen->result = *result;
}

static int setup(void **state)
{
    struct world *world = mem_alloc(sizeof(*world));
    const struct host_linux_options options = {
        .init_helper = TEST_INIT_HELPER, .cgroups = "none"};
    world->loop = loop_uv_new();
    if (host_linux_new(world->loop, NULL, &options, &world->host, NULL) < 0)
        return -1;
    world->server = http_server_new("healthy");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    http_server_free(world->server);
    host_free(world->host);
    loop_free(world->loop);
    free(world);
    return 0;
}

static struct seen check_once(struct world *world, const char *json)
{
    struct seen seen = {0};
    struct task_check check = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    json_t *definition = json_loads(json, 0, NULL);
    assert_non_null(definition);
    int r = task_check_parse(definition, true, &check, &err);
    assert_string_equal(r < 0 ? err_text(&err) : "", "");
    json_decref(definition);
    struct environment_variable path = {
        .name = (char *)(uintptr_t)"PATH", .value = (char *)(uintptr_t)"/usr/bin:/bin"};
    const struct check_place place = {
        .launcher_dir = TEST_LAUNCHER_DIR, .environment = &path, .environment_count = 1};
    struct checker *checker = checker_new(world->host, &check, &place, checked, &seen);
    while (seen.count == 0)
        loop_step(world->loop);
    checker_free(checker);
    return seen;
}

static void test_commands(void **state)
{
    static const struct {
        const char *json;
        bool known;
        int64_t value;
    } cases[] = {
        {"{\"command\":{\"value\":\"true\"},\"delay_seconds\":0}", true, 0},
        {"{\"command\":{\"value\":\"exit 7\"},\"delay_seconds\":0}", true, 7},
        {"{\"command\":{\"value\":\"test \\\"$A\\\" = 'b c'\","
         "\"environment\":[{\"name\":\"A\",\"value\":\"b c\"}]},\"delay_seconds\":0}",
            true, 0},
        {"{\"command\":{\"value\":\"kill -9 $$\"},\"delay_seconds\":0}", false, 0},
        {"{\"command\":{\"value\":\"sleep 100 & sleep 100\"},\"delay_seconds\":0,"
         "\"timeout_seconds\":0.2}",
            false, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct seen seen = check_once(*state, cases[i].json);
        assert_int_equal(seen.result.known, cases[i].known);
        if (seen.result.known)
            assert_int_equal(seen.result.value, cases[i].value);
    }
}

static void test_http(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *path;
        int64_t status;
    } cases[] = {{"/ok", 200}, {"/redirect", 200}, {"/status/404", 404}, {"/status/503", 503}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *json = str_printf(
            "{\"type\":\"HTTP\",\"http\":{\"port\":%u,\"path\":\"%s\"},\"delay_seconds\":0}",
            http_server_port(world->server), cases[i].path);
        struct seen seen = check_once(world, json);
        assert_true(seen.result.known);
        assert_int_equal(seen.result.value, cases[i].status);
    }
    struct seen refused =
        check_once(world, "{\"type\":\"HTTP\",\"http\":{\"port\":1},\"delay_seconds\":0}");
    assert_false(refused.result.known);
}

static void test_tcp(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *json =
        str_printf("{\"type\":\"TCP\",\"tcp\":{\"port\":%u},\"delay_seconds\":0}",
            http_server_port(world->server));
    struct seen seen = check_once(world, json);
    assert_true(seen.result.known && seen.result.value == 1);
    seen = check_once(world, "{\"type\":\"TCP\",\"tcp\":{\"port\":1},\"delay_seconds\":0}");
    assert_true(seen.result.known && seen.result.value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
