/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent is gone before or after each of its effects, one run for each; then a new instance
 * recovers, destroys what it has kept, and nothing may be left.
 */
#include "reference/mesos/tests/cmocka_head.h"

#include <signal.h>
#include <string.h>

struct crash {
    uint64_t at;
    enum effect_action action;
    int error;
};

static struct effect_verdict decide(void *arg, const struct effect *effect)
{
    const struct crash *crash = arg;
    if (effect->number != crash->at)
        return (struct effect_verdict){.action = EFFECT_PROCEED};
    return (struct effect_verdict){.action = crash->action, .error = crash->error};
}

/* A life with everything in it: nested, DEBUG, a user, an exit, destroys. */
static void live(struct world *world, struct answer answers[6])
{
    struct container_config config = world_config("true");
    struct container_config debug = world_config("true");
    config.user = (char *)"alice";
    debug.container_class = CONTAINER_CLASS_DEBUG;
    world_launch(world, "p", &config, &answers[0]);
    world_launch(world, "p.c", &config, &answers[1]);
    world_launch(world, "p.d", &debug, &answers[2]);
    containerizer_destroy(world->containerizer, "p.c", answer_termination(&answers[3]));
    world_settle(world);
    containerizer_wait(world->containerizer, "p.d", answer_termination(&answers[4]));
    containerizer_destroy(world->containerizer, "p", answer_termination(&answers[5]));
    world_settle(world);
}

static void destroy_all(struct world *world)
{
    _cleanup_strv_ char **ids = containerizer_containers(world->containerizer);
    for (size_t i = 0; ids[i]; i++)
        containerizer_destroy(world->containerizer, ids[i], DONE_NONE);
    world_settle(world);
    world_settle(world);
}

static void nothing_left(struct world *world, const char *what, uint64_t at)
{
    if (double_processes_alive(&world->outside) > 0)
        fail_msg("%s effect %lu: a process is left", what, (unsigned long)at);
    _cleanup_strv_ char **names = NULL;
    vfs_list(world->outside.vfs, "/run/containers", &names);
    if (strv_length(names) > 0)
        fail_msg("%s effect %lu: the runtime directory of %s is left", what, (unsigned long)at,
            names[0]);
    _cleanup_strv_ char **ids = containerizer_containers(world->containerizer);
    if (strv_length(ids) > 0)
        fail_msg("%s effect %lu: %s is left", what, (unsigned long)at, ids[0]);
}

/* Returns how many effects there were. */
static uint64_t run(const struct crash *crash, const char *what)
{
    struct world world = {0};
    struct answer answers[6] = {0};
    struct answer recovered = {0};
    world_init(&world);
    world.host->hook = (struct effect_hook){decide, (void *)crash};
    live(&world, answers);
    uint64_t effects = world.host->effects;
    world_restart(&world);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        assert_int_equal(answers[i].count, 1);
        answer_release(&answers[i]);
    }
    containerizer_recover(world.containerizer, NULL, answer_plain(&recovered));
    assert_int_equal(recovered.result, 0);
    world_settle(&world);
    destroy_all(&world);
    nothing_left(&world, what, crash->at);
    answer_release(&recovered);
    world_release(&world);
    return effects;
}

static void sweep(enum effect_action action, int error, const char *what)
{
    struct crash crash = {0};
    uint64_t effects = run(&crash, what);
    assert_true(effects > 20);
    crash = (struct crash){.action = action, .error = error};
    for (crash.at = 1; crash.at <= effects; crash.at++)
        run(&crash, what);
}

static void test_crash_before_each_effect(void **state)
{
    (void)state;
    sweep(EFFECT_CRASH_BEFORE, 0, "crash before");
}

static void test_crash_after_each_effect(void **state)
{
    (void)state;
    sweep(EFFECT_CRASH_AFTER, 0, "crash after");
}

/* A failing effect fails what it belongs to; the next life of the agent clears up. */
static void test_each_effect_fails(void **state)
{
    (void)state;
    sweep(EFFECT_FAIL, -28, "failing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_before_each_effect),
        cmocka_unit_test(test_crash_after_each_effect),
        cmocka_unit_test(test_each_effect_fails),
    };
    (void)world_setup;
    (void)world_teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
