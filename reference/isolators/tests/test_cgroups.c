/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroups isolator against the cgroup model, v1 and v2: formulas, bounds, order of writes,
 * sharing. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/isolators/tests/world.h"

static void prepare_ok(struct world *world, const char *id, const struct container_config *config)
{
    struct outcome outcome = {0};

    isolator_prepare(world_isolator(world, "cgroups"), id, config, DONE(outcome_done, &outcome));
    if (outcome.message)
        print_error("%s\n", outcome.message);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result, 0);
    outcome_release(&outcome);
}

static void assert_file(struct world *world, const char *controller, const char *path,
    const char *file, const char *expected)
{
    char *text = world_read(world, controller, path, file);

    assert_string_equal(text, expected);
    free(text);
}

static const char *const cfs[] = {"cgroups_enable_cfs", "true", NULL};

/* isolators.md 3.6: cpus -> shares and quota, weight and cpu.max. */
static const struct {
    double cpus;
    double limit;
    const char *shares;
    const char *quota;
    const char *weight;
    const char *max;
} cpu_rows[] = {
    {0.001, NAN, "2", "1000", "1", "1000 100000"},
    {0.0001, NAN, "2", "1000", "1", "1000 100000"},
    {0.01, NAN, "10", "1000", "1", "1000 100000"},
    {0.5, NAN, "512", "50000", "50", "50000 100000"},
    {1, NAN, "1024", "100000", "100", "100000 100000"},
    {1.5, 3, "1536", "300000", "150", "300000 100000"},
    {0.1, INFINITY, "102", "-1", "10", "max 100000"},
    {100, NAN, "102400", "10000000", "10000", "10000000 100000"},
};

static void test_cpu_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cpu_rows); i++) {
        struct container_config config =
            world_config(cpu_rows[i].cpus, NAN, cpu_rows[i].limit, NAN);
        struct world world;

        world_start(&world, CGROUP_LAYOUT_V1, "cgroups/cpu", cfs);
        prepare_ok(&world, "c1", &config);
        assert_file(&world, "cpu", "mesos/c1", "cpu.shares", cpu_rows[i].shares);
        assert_file(&world, "cpu", "mesos/c1", "cpu.cfs_quota_us", cpu_rows[i].quota);
        assert_file(&world, "cpu", "mesos/c1", "cpu.cfs_period_us", "100000");
        world_stop(&world);

        world_start(&world, CGROUP_LAYOUT_V2, "cgroups/cpu", cfs);
        prepare_ok(&world, "c1", &config);
        assert_file(&world, "", "mesos/c1", "cpu.weight", cpu_rows[i].weight);
        assert_file(&world, "", "mesos/c1", "cpu.max", cpu_rows[i].max);
        world_stop(&world);
        json_type_release(&container_config_json, &config);
    }
}

static void test_cpu_without_cfs_or_limit(void **state)
{
    struct container_config config = world_config(2, NAN, NAN, NAN);
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, "cgroups/cpu", NULL);
    prepare_ok(&world, "c1", &config);
    assert_file(&world, "cpu", "mesos/c1", "cpu.cfs_quota_us", "-1");
    world_stop(&world);
    world_start(&world, CGROUP_LAYOUT_V2, "cgroups/cpu", NULL);
    prepare_ok(&world, "c1", &config);
    assert_file(&world, "", "mesos/c1", "cpu.max", "max 100000");
    world_stop(&world);
    json_type_release(&container_config_json, &config);
}

static void test_cpu_revocable(void **state)
{
    struct container_config config = world_config(2, NAN, NAN, NAN);
    struct world world;

    (void)state;
    config.resources.items[0].revocable = true;
    world_start(&world, CGROUP_LAYOUT_V1, "cgroups/cpu", NULL);
    prepare_ok(&world, "c1", &config);
    assert_file(&world, "cpu", "mesos/c1", "cpu.shares", "20");
    world_stop(&world);
    world_start(&world, CGROUP_LAYOUT_V2, "cgroups/cpu", NULL);
    prepare_ok(&world, "c1", &config);
    assert_file(&world, "", "mesos/c1", "cpu.weight", "2");
    world_stop(&world);
    json_type_release(&container_config_json, &config);
}

/* A sequence of updates: the hard limit is a running maximum since the first (isolators.md 3.7). */
static const struct {
    double mem;
    double limit;
    const char *soft;
    const char *hard_v1;
    const char *hard_v2;
} memory_rows[] = {
    {16, NAN, "33554432", "33554432", "33554432"},
    {64, NAN, "67108864", "67108864", "67108864"},
    {32, NAN, "33554432", "67108864", "67108864"},
    {32, 128, "33554432", "134217728", "134217728"},
    {48, 64.9, "50331648", "134217728", "134217728"},
    {48, INFINITY, "50331648", "9223372036854771712", "max"},
    {48, 64, "50331648", "9223372036854771712", "max"},
};

static void memory_sequence(enum cgroup_layout layout)
{
    const bool v2 = layout == CGROUP_LAYOUT_V2;
    struct container_config first =
        world_config(NAN, memory_rows[0].mem, NAN, memory_rows[0].limit);
    struct world world;

    world_start(&world, layout, "cgroups/mem", NULL);
    prepare_ok(&world, "c1", &first);
    for (size_t i = 0; i < ARRAY_SIZE(memory_rows); i++) {
        struct container_config config =
            world_config(NAN, memory_rows[i].mem, NAN, memory_rows[i].limit);
        struct outcome outcome = {0};

        isolator_update(world_isolator(&world, "cgroups"), "c1", &config.resources, &config.limits,
            DONE(outcome_done, &outcome));
        assert_int_equal(outcome.result, 0);
        assert_file(&world, v2 ? "" : "memory", "mesos/c1",
            v2 ? "memory.low" : "memory.soft_limit_in_bytes", memory_rows[i].soft);
        assert_file(&world, v2 ? "" : "memory", "mesos/c1",
            v2 ? "memory.max" : "memory.limit_in_bytes",
            v2 ? memory_rows[i].hard_v2 : memory_rows[i].hard_v1);
        outcome_release(&outcome);
        json_type_release(&container_config_json, &config);
    }
    json_type_release(&container_config_json, &first);
    world_stop(&world);
}

static void test_memory_running_maximum(void **state)
{
    (void)state;
    memory_sequence(CGROUP_LAYOUT_V1);
    memory_sequence(CGROUP_LAYOUT_V2);
}

static void test_swap_follows_the_hard_limit(void **state)
{
    static const char *const swap[] = {"cgroups_limit_swap", "true", NULL};
    static const double sequence[] = {64, 128, 96, 256};
    static const char *const expected[] = {"67108864", "134217728", "134217728", "268435456"};
    struct container_config first = world_config(NAN, sequence[0], NAN, NAN);
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, "cgroups/mem", swap);
    prepare_ok(&world, "c1", &first);
    for (size_t i = 0; i < ARRAY_SIZE(sequence); i++) {
        struct container_config config = world_config(NAN, sequence[i], NAN, NAN);
        struct outcome outcome = {0};

        isolator_update(world_isolator(&world, "cgroups"), "c1", &config.resources, &config.limits,
            DONE(outcome_done, &outcome));
        assert_int_equal(outcome.result, 0);
        assert_file(&world, "memory", "mesos/c1", "memory.memsw.limit_in_bytes", expected[i]);
        outcome_release(&outcome);
        json_type_release(&container_config_json, &config);
    }
    json_type_release(&container_config_json, &first);
    world_stop(&world);
}

/* CG-30: cpus or mem missing while the subsystem is active. */
static void test_missing_requests(void **state)
{
    static const struct {
        const char *isolation;
        double cpus;
        double mem;
        const char *message;
    } rows[] = {
        {"cgroups/cpu", NAN, 64, "update cpu: no cpus resource given"},
        {"cgroups/cpu", 0, 64, "update cpu: no cpus resource given"},
        {"cgroups/mem", 1, NAN, "update memory: no mem resource given"},
    };

    (void)state;
    for (unsigned layout = CGROUP_LAYOUT_V1; layout <= CGROUP_LAYOUT_V2; layout++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            struct container_config config = world_config(rows[i].cpus, rows[i].mem, NAN, NAN);
            struct outcome outcome = {0};
            struct world world;

            world_start(&world, (enum cgroup_layout)layout, rows[i].isolation, NULL);
            isolator_prepare(
                world_isolator(&world, "cgroups"), "c1", &config, DONE(outcome_done, &outcome));
            assert_int_equal(outcome.result, -EINVAL);
            assert_string_equal(outcome.message, rows[i].message);
            outcome_release(&outcome);
            json_type_release(&container_config_json, &config);
            world_stop(&world);
        }
    }
}

static void test_existing_cgroup_is_refused(void **state)
{
    (void)state;
    for (unsigned layout = CGROUP_LAYOUT_V1; layout <= CGROUP_LAYOUT_V2; layout++) {
        struct container_config config = world_config(1, 64, NAN, NAN);
        struct outcome outcome = {0};
        struct err err = ERR_INIT;
        struct world world;
        struct cgroup_hierarchy *hierarchy;

        world_start(&world, (enum cgroup_layout)layout, "cgroups/cpu", NULL);
        hierarchy =
            cgroup_hierarchy_find(world.host->cgroups, layout == CGROUP_LAYOUT_V2 ? "" : "cpu");
        assert_int_equal(cgroup_create_recursive(hierarchy->fs, "mesos/c1", &err), 0);
        isolator_prepare(
            world_isolator(&world, "cgroups"), "c1", &config, DONE(outcome_done, &outcome));
        assert_int_equal(outcome.result, -EEXIST);
        outcome_release(&outcome);
        isolator_cleanup(world_isolator(&world, "cgroups"), "c1", DONE(outcome_done, &outcome));
        assert_int_equal(outcome.result, 0);
        assert_true(cgroup_exists(hierarchy->fs, "mesos/c1"));
        outcome_release(&outcome);
        json_type_release(&container_config_json, &config);
        world_stop(&world);
    }
}

/* LV2-22, LV2-23: controllers on each level down to the non-leaf; none for a nested one that
 * shares. */
static void test_v2_layout(void **state)
{
    struct container_config config = world_config(1, 64, NAN, NAN);
    struct container_config nested = world_config(NAN, NAN, NAN, NAN);
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V2, "cgroups/cpu,cgroups/mem", NULL);
    prepare_ok(&world, "p", &config);
    prepare_ok(&world, "p.c", &nested);
    assert_file(&world, "", "mesos", "cgroup.subtree_control", "cpu memory");
    assert_file(&world, "", "mesos/p", "cgroup.subtree_control", "cpu memory");
    assert_file(&world, "", "mesos/p/leaf", "cgroup.subtree_control", "");
    assert_file(&world, "", "mesos/p/mesos/c", "cgroup.subtree_control", "");
    assert_file(&world, "", "mesos/p/mesos/c/leaf", "cgroup.procs", "");
    json_type_release(&container_config_json, &config);
    json_type_release(&container_config_json, &nested);
    world_stop(&world);
}

static void test_unshared_nested(void **state)
{
    struct container_config config = world_config(1, 64, NAN, NAN);
    struct linux_info linux_info = {.share_cgroups = OPT(false)};
    struct container_info info = {.linux_info = &linux_info};
    struct container_config nested = world_config(0.5, 32, NAN, NAN);
    struct outcome outcome = {0};
    struct world world;

    (void)state;
    nested.container_info = &info;
    world_start(&world, CGROUP_LAYOUT_V1, "cgroups/cpu,cgroups/mem", NULL);
    prepare_ok(&world, "p", &config);
    prepare_ok(&world, "p.c", &nested);
    assert_file(&world, "cpu", "mesos/p/mesos/c", "cpu.shares", "512");
    isolator_prepare(
        world_isolator(&world, "cgroups"), "p.c.d", &nested, DONE(outcome_done, &outcome));
    assert_int_equal(outcome.result, -EINVAL);
    outcome_release(&outcome);
    nested.container_info = NULL;
    json_type_release(&container_config_json, &config);
    json_type_release(&container_config_json, &nested);
    world_stop(&world);
}

static void test_cleanup_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned layout = CGROUP_LAYOUT_V1; layout <= CGROUP_LAYOUT_V2; layout++) {
        struct container_config config = world_config(1, 64, NAN, NAN);
        struct outcome watch = {0}, cleanup = {0}, again = {0};
        struct world world;
        struct isolator *isolator;

        world_start(&world, (enum cgroup_layout)layout, "cgroups/all", NULL);
        isolator = world_isolator(&world, "cgroups");
        prepare_ok(&world, "c1", &config);
        assert_true(isolator_watch(isolator, "c1", DONE(outcome_limitation, &watch)));
        assert_int_equal(watch.calls, 0);
        isolator_cleanup(isolator, "c1", DONE(outcome_done, &cleanup));
        world_settle(&world);
        assert_int_equal(cleanup.calls, 1);
        assert_int_equal(cleanup.result, 0);
        assert_int_equal(watch.calls, 1);
        assert_int_equal(watch.result, -ECANCELED);
        for (size_t i = 0; i < world.host->cgroups->count; i++)
            assert_false(cgroup_exists(world.host->cgroups->items[i].fs, "mesos/c1"));
        isolator_cleanup(isolator, "c1", DONE(outcome_done, &again));
        assert_int_equal(again.result, 0);
        outcome_release(&watch);
        outcome_release(&cleanup);
        outcome_release(&again);
        json_type_release(&container_config_json, &config);
        world_stop(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_formulas),
        cmocka_unit_test(test_cpu_without_cfs_or_limit),
        cmocka_unit_test(test_cpu_revocable),
        cmocka_unit_test(test_memory_running_maximum),
        cmocka_unit_test(test_swap_follows_the_hard_limit),
        cmocka_unit_test(test_missing_requests),
        cmocka_unit_test(test_existing_cgroup_is_refused),
        cmocka_unit_test(test_v2_layout),
        cmocka_unit_test(test_unshared_nested),
        cmocka_unit_test(test_cleanup_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
