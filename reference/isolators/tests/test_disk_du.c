/* SPDX-License-Identifier: Apache-2.0 */
/* disk/du with a scripted du: quotas, turns, exclusion of volumes, enforcement (tests.md DI-01 to
 * DI-07). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/tests/world.h"

#define INTERVAL_NS (15 * NS_PER_SEC)

/* What the scripted du answers, by path, in KiB, and how it was called. */
struct script {
    struct strbuf calls;
    uint64_t sandbox_kib;
    uint64_t volume_kib;
    bool fails;
    char output[64];
};

static void play_du(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct script *script = arg;
    const char *path = NULL;

    for (char *const *word = request->argv; *word; word++) {
        strbuf_addf(&script->calls, "%s%s", word == request->argv ? "" : " ", *word);
        path = *word;
    }
    strbuf_add(&script->calls, "\n");
    snprintf(script->output, sizeof(script->output), "%llu\t%s\n",
        (unsigned long long)(str_ends(path, "/vol") ? script->volume_kib : script->sandbox_kib),
        path);
    *result = (struct sim_program_result){
        .status = script->fails ? 256 : 0, .output = script->output, .errors = "no such file"};
}

static struct container_config config_of(const char *resources)
{
    struct container_config config = {0};
    _cleanup_free_ char *text = str_printf("{\"resources\":%s}", resources);
    struct err err = ERR_INIT;

    json_type_init(&container_config_json, &config);
    if (json_type_decode_text(&container_config_json, text, strlen(text), &config, "config", &err) <
        0)
        fail_msg("%s", err_text(&err));
    str_set(&config.directory, "/work/sandbox");
    return config;
}

#define SANDBOX_1MB "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":1}"
#define VOLUME_2MB                                                                                 \
    "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":2,\"disk\":{\"persistence\":{\"id\":\"v\"}" \
    ","                                                                                            \
    "\"container_path\":\"vol\"}}"

static void start(struct world *world, struct script *script, bool enforce, const char *resources,
    struct outcome *watch)
{
    static const char *const enforcing[] = {"enforce_container_disk_quota", "true", NULL};
    struct container_config config = config_of(resources);
    struct outcome prepared = {0};
    struct isolator *isolator;

    world_start(world, CGROUP_LAYOUT_V1, "disk/du", enforce ? enforcing : NULL);
    sim_host_program(world->host, "du", play_du, script);
    isolator = world_isolator(world, "disk/du");
    isolator_prepare(isolator, "c1", &config, DONE(outcome_done, &prepared));
    assert_int_equal(prepared.result, 0);
    assert_true(isolator_watch(isolator, "c1", DONE(outcome_limitation, watch)));
    outcome_release(&prepared);
    json_type_release(&container_config_json, &config);
}

static void stop(struct world *world, struct script *script, struct outcome *watch)
{
    world_stop(world);
    strbuf_release(&script->calls);
    outcome_release(watch);
}

static void usage_of(struct world *world, struct outcome *usage)
{
    *usage = (struct outcome){0};
    isolator_usage(world_isolator(world, "disk/du"), "c1", DONE(outcome_statistics, usage));
    assert_int_equal(usage->result, 0);
}

/* Above the quota is limited, equal is not, and only when enforced. */
static void test_quota(void **state)
{
    static const struct {
        bool enforce;
        uint64_t kib;
        unsigned limited;
    } rows[] = {{true, 1025, 1}, {true, 1024, 0}, {false, 4096, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct script script = {.sandbox_kib = rows[i].kib};
        struct outcome watch = {0}, usage;
        struct world world;

        start(&world, &script, rows[i].enforce, "[" SANDBOX_1MB "]", &watch);
        usage_of(&world, &usage);
        assert_true(usage.statistics.disk_used_bytes.set);
        assert_int_equal(usage.statistics.disk_used_bytes.value, 0);
        outcome_release(&usage);
        sim_loop_advance(world.loop, INTERVAL_NS + NS_PER_SEC);
        usage_of(&world, &usage);
        assert_int_equal(usage.statistics.disk_used_bytes.value, rows[i].kib * 1024);
        assert_int_equal(usage.statistics.disk_limit_bytes.value, 1 << 20);
        assert_int_equal(watch.calls, rows[i].limited);
        if (rows[i].limited) {
            assert_string_equal(watch.limitation.reason, "REASON_CONTAINER_LIMITATION_DISK");
            assert_int_equal(watch.limitation.resources.count, 1);
        }
        outcome_release(&usage);
        stop(&world, &script, &watch);
    }
}

/* One du at a time, volumes measured by themselves and excluded from the sandbox, each with its
 * quota. */
static void test_volumes(void **state)
{
    struct script script = {.sandbox_kib = 512, .volume_kib = 4096};
    struct outcome watch = {0}, usage;
    struct world world;

    (void)state;
    start(&world, &script, true, "[" SANDBOX_1MB "," VOLUME_2MB "]", &watch);
    sim_loop_advance(world.loop, INTERVAL_NS + NS_PER_SEC);
    assert_string_equal(
        strbuf_text(&script.calls), "du -k -s --exclude /work/sandbox/vol /work/sandbox\n");
    sim_loop_advance(world.loop, INTERVAL_NS + NS_PER_SEC);
    assert_string_equal(strbuf_text(&script.calls),
        "du -k -s --exclude /work/sandbox/vol /work/sandbox\ndu -k -s /work/sandbox/vol\n");
    assert_int_equal(watch.calls, 1);
    assert_string_equal(watch.limitation.resources.items[0].disk->persistence->id, "v");
    usage_of(&world, &usage);
    assert_int_equal(usage.statistics.disk_statistics_count, 2);
    assert_int_equal(usage.statistics.disk_statistics[1].limit_bytes.value, 2 << 20);
    assert_int_equal(usage.statistics.disk_statistics[1].used_bytes.value, 4 << 20);
    assert_non_null(usage.statistics.disk_statistics[1].persistence);
    outcome_release(&usage);
    stop(&world, &script, &watch);
}

/* A du that fails is repeated; a lower quota counts from the next run; cleanup ends the watch. */
static void test_failure_update_cleanup(void **state)
{
    struct script script = {.sandbox_kib = 1536, .fails = true};
    struct outcome watch = {0}, updated = {0}, cleaned = {0};
    struct container_config smaller =
        config_of("[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":1}]");
    struct isolator *isolator;
    struct world world;

    (void)state;
    start(&world, &script, true, "[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":2}]", &watch);
    isolator = world_isolator(&world, "disk/du");
    sim_loop_advance(world.loop, INTERVAL_NS + NS_PER_SEC);
    script.fails = false;
    sim_loop_advance(world.loop, INTERVAL_NS + NS_PER_SEC);
    assert_int_equal(watch.calls, 0);
    isolator_update(
        isolator, "c1", &smaller.resources, &smaller.limits, DONE(outcome_done, &updated));
    assert_int_equal(updated.result, 0);
    isolator_cleanup(isolator, "c1", DONE(outcome_done, &cleaned));
    assert_int_equal(cleaned.result, 0);
    assert_int_equal(watch.result, -ECANCELED);
    outcome_release(&updated);
    outcome_release(&cleaned);
    json_type_release(&container_config_json, &smaller);
    stop(&world, &script, &watch);
}

static void test_nested(void **state)
{
    struct script script = {0};
    struct outcome watch = {0}, prepared = {0}, nested = {0}, usage = {0}, cleaned = {0};
    struct container_config config = config_of("[" SANDBOX_1MB "]");
    struct isolator *isolator;
    struct world world;

    (void)state;
    start(&world, &script, true, "[" SANDBOX_1MB "]", &watch);
    isolator = world_isolator(&world, "disk/du");
    isolator_prepare(isolator, "c1.n", &config, DONE(outcome_done, &prepared));
    assert_int_equal(prepared.result, 0);
    assert_true(isolator_watch(isolator, "c1.n", DONE(outcome_limitation, &nested)));
    isolator_usage(isolator, "c1.n", DONE(outcome_statistics, &usage));
    assert_int_equal(usage.result, -ENOENT);
    assert_int_equal(nested.calls, 0);
    isolator_cleanup(isolator, "c1.n", DONE(outcome_done, &cleaned));
    assert_int_equal(nested.result, -ECANCELED);
    outcome_release(&prepared);
    outcome_release(&nested);
    outcome_release(&usage);
    outcome_release(&cleaned);
    json_type_release(&container_config_json, &config);
    stop(&world, &script, &watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_failure_update_cleanup),
        cmocka_unit_test(test_nested),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
