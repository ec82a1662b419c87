/* SPDX-License-Identifier: Apache-2.0 */
/* docker/volume with the simulated dvdcli: command lines, checkpoints, sharing, end with calls
 * under way (tests.md VO-20 to VO-30). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/host/sim_volumes.h"
#include "reference/base/strbuf.h"
#include "reference/isolators/tests/world.h"

#define CLIENT "/usr/bin/dvdcli"
#define RECORDS "/var/run/mesos/isolators/docker/volume"

/* What the scripted client was told, and what it answers. */
struct script {
    struct strbuf calls;
    const char *prints;
    int status;
    uint64_t duration_ns;
};

static void play(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct script *script = arg;

    for (char *const *word = request->argv + 1; *word; word++)
        strbuf_addf(&script->calls, "%s%s", *word, word[1] ? " " : "\n");
    *result = (struct sim_program_result){.status = script->status,
        .output = script->prints,
        .errors = "no\nmore",
        .duration_ns = script->duration_ns};
}

static struct isolator *start(struct world *world, struct script *script)
{
    static const char *const flags[] = {"docker_volume_client", CLIENT, NULL};
    struct isolator *isolator;

    /* The client has to be there before the isolator is made. */
    world_start(world, CGROUP_LAYOUT_V1, "filesystem/linux", NULL);
    isolator_list_free(&world->isolators);
    sim_volumes_install(world->host, CLIENT);
    sim_host_program(world->host, "dvdcli", play, script);
    for (const char *const *flag = flags; *flag; flag += 2)
        assert_int_equal(flags_set(&world->flags, flag[0], flag[1], NULL), 0);
    const struct isolator_context context = {
        .host = world->host, .flags = &world->flags, .linux_launcher = true};
    assert_int_equal(isolator_docker_volume_create(&context, &isolator, NULL), 0);
    return isolator;
}

static void stop(struct world *world, struct isolator *isolator, struct script *script)
{
    strbuf_release(&script->calls);
    isolator_free(isolator);
    world_stop(world);
}

static struct container_config config_of(const char *volumes)
{
    _cleanup_free_ char *text =
        str_printf("{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[%s]}}", volumes);
    struct container_config config = {0};
    struct err err = ERR_INIT;

    if (json_type_decode_text(
            &container_config_json, text, strlen(text), &config, "config", &err) < 0)
        fail_msg("%s", err_text(&err));
    str_set(&config.directory, "/work/sandbox");
    return config;
}

#define VOLUME(path, message)                                                                      \
    "{\"mode\":\"RW\",\"container_path\":\"" path "\",\"source\":{\"type\":\"DOCKER_VOLUME\","     \
    "\"docker_volume\":" message "}}"
#define PLAIN VOLUME("a", "{\"driver\":\"d\",\"name\":\"n\"}")

static void prepare(
    struct isolator *isolator, const char *id, const char *volumes, struct outcome *outcome)
{
    struct container_config config = config_of(volumes);

    isolator_prepare(isolator, id, &config, DONE(outcome_done, outcome));
    json_type_release(&container_config_json, &config);
}

static void test_command_lines(void **state)
{
    struct script script = {.prints = " /volumes/n\n"};
    struct outcome prepared = {0}, cleaned = {0};
    struct world world;
    struct isolator *isolator = start(&world, &script);

    (void)state;
    prepare(isolator, "c1",
        VOLUME("a", "{\"driver\":\"d\",\"name\":\"n\",\"driver_options\":{\"parameter\":"
                    "[{\"key\":\"k\",\"value\":\"v w\"}]}}"),
        &prepared);
    world_settle(&world);
    assert_int_equal(prepared.calls, 1);
    assert_int_equal(prepared.result, 0);
    assert_true(host_file_exists(world.host, RECORDS "/c1/volumes"));
    isolator_cleanup(isolator, "c1", DONE(outcome_done, &cleaned));
    world_settle(&world);
    assert_int_equal(cleaned.result, 0);
    assert_false(host_file_exists(world.host, RECORDS "/c1"));
    assert_string_equal(strbuf_text(&script.calls),
        "mount --volumedriver=d --volumename=n --volumeopts=k=v w\n"
        "unmount --volumedriver=d --volumename=n\n");
    outcome_release(&prepared);
    outcome_release(&cleaned);
    stop(&world, isolator, &script);
}

/* What the client says decides: a status, and a mount point that is none. */
static void test_refusals(void **state)
{
    static const struct {
        const char *prints;
        int status;
        const char *message;
    } cases[] = {
        {"/volumes/n\n", 256, "dvdcli failed (wait status 256): no"},
        {"", 0, "dvdcli gave no mount point: \"\""},
        {"relative\n", 0, "dvdcli gave no mount point: \"relative\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct script script = {.prints = cases[i].prints, .status = cases[i].status};
        struct outcome prepared = {0}, cleaned = {0};
        struct world world;
        struct isolator *isolator = start(&world, &script);

        prepare(isolator, "c1", PLAIN, &prepared);
        world_settle(&world);
        assert_true(prepared.result < 0);
        if (!strstr(prepared.message, cases[i].message))
            fail_msg("case %zu: %s", i, prepared.message);
        /* It is not mounted, so nobody unmounts it. */
        isolator_cleanup(isolator, "c1", DONE(outcome_done, &cleaned));
        world_settle(&world);
        assert_int_equal(cleaned.result, 0);
        assert_null(strstr(strbuf_text(&script.calls), "unmount"));
        outcome_release(&prepared);
        outcome_release(&cleaned);
        stop(&world, isolator, &script);
    }
}

static void test_bad_messages(void **state)
{
    static const struct {
        const char *volumes;
        const char *message;
    } cases[] = {
        {VOLUME("a", "{\"name\":\"n\"}"), "docker_volume.driver: required field is missing"},
        {VOLUME("a", "{\"driver\":\"d\"}"), "docker_volume.name: required field is missing"},
        {VOLUME("a", "{\"driver\":\"d\",\"name\":\"\"}"), "docker_volume.name"},
        {VOLUME("a", "{\"driver\":\"d\",\"name\":\"n\",\"driver_options\":3}"), "expected a list"},
        {PLAIN "," VOLUME("b", "{\"driver\":\"d\",\"name\":\"n\"}"), "is there twice"},
    };
    struct script script = {.prints = "/v\n"};
    struct world world;
    struct isolator *isolator = start(&world, &script);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct outcome prepared = {0};

        prepare(isolator, "c1", cases[i].volumes, &prepared);
        assert_int_equal(prepared.calls, 1);
        assert_true(prepared.result < 0);
        if (!strstr(prepared.message, cases[i].message))
            fail_msg("case %zu: %s", i, prepared.message);
        outcome_release(&prepared);
    }
    assert_int_equal(script.calls.length, 0);
    stop(&world, isolator, &script);
}

/* The isolator goes while a call runs and another one waits: both are answered, once. */
static void test_end_under_way(void **state)
{
    struct script script = {.prints = "/v\n", .duration_ns = 10 * NS_PER_SEC};
    struct outcome first = {0}, second = {0};
    struct world world;
    struct isolator *isolator = start(&world, &script);

    (void)state;
    prepare(isolator, "c1", PLAIN, &first);
    prepare(isolator, "c2", PLAIN, &second);
    world_settle(&world);
    assert_int_equal(first.calls + second.calls, 0);
    isolator_free(isolator);
    assert_int_equal(first.calls, 1);
    assert_int_equal(first.result, -ECANCELED);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.result, -ECANCELED);
    outcome_release(&first);
    outcome_release(&second);
    strbuf_release(&script.calls);
    world_stop(&world);
}

static void test_unknown(void **state)
{
    struct script script = {.prints = "/v\n"};
    struct outcome outcome = {0};
    struct world world;
    struct isolator *isolator = start(&world, &script);

    (void)state;
    isolator_cleanup(isolator, "never", DONE(outcome_done, &outcome));
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result, 0);
    prepare(isolator, "c1", PLAIN, &outcome);
    world_settle(&world);
    prepare(isolator, "c1", PLAIN, &outcome);
    assert_int_equal(outcome.result, -EEXIST);
    outcome_release(&outcome);
    stop(&world, isolator, &script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bad_messages),
        cmocka_unit_test(test_end_under_way),
        cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
