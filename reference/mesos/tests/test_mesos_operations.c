/* SPDX-License-Identifier: Apache-2.0 */
/* update, usage, status, kill, attach, remove, prune images, and what an ended instance answers. */
#include "reference/mesos/tests/cmocka_head.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>

/* --- update --- */

static struct resource scalars[] = {
    {.name = (char *)"cpus", .type = RESOURCE_SCALAR, .scalar = OPT(0.5)},
    {.name = (char *)"mem", .type = RESOURCE_SCALAR, .scalar = OPT(64)},
};
static const struct resources requests = {scalars, 2};

/* MC-37 */
static void test_update_is_ignored(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    containerizer_update(world->containerizer, "c9", &requests, NULL, answer_plain(&answer));
    assert_true(answer.count == 1 && answer.result == 0);
    world_run(world, "c1");
    world_hold(world, "launcher.destroy");
    containerizer_destroy(world->containerizer, "c1", DONE_NONE);
    containerizer_update(world->containerizer, "c1", &requests, NULL, answer_plain(&answer));
    assert_true(answer.count == 2 && answer.result == 0);
    assert_int_equal(world_count(world, "a.update"), 0);
    containerizer_update(world->containerizer, "c1.n", &requests, NULL, answer_plain(&answer));
    assert_string_equal(answer.message, "update c1.n: nested containers are not updated");
    answer_release(&answer);
}

static void test_update(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct resource_limits limits = {.cpus = OPT(2)};
    world_run(world, "c1");
    world_hold(world, "a.update");
    world_fail(world, "b.update", "broken");
    containerizer_update(world->containerizer, "c1", &requests, &limits, answer_plain(&answer));
    /* The first failure answers; the late isolator is no second answer. */
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.message, "update c1: b: broken");
    world_release_call(world, "a.update");
    assert_int_equal(answer.count, 1);
    world_fail(world, "b.update", NULL);
    containerizer_update(world->containerizer, "c1", NULL, NULL, answer_plain(&answer));
    assert_true(answer.count == 2 && answer.result == 0);
    answer_release(&answer);
}

/* --- usage --- */

struct usage_answer {
    unsigned count;
    int result;
    struct statistics statistics; /* scalars only */
};

static void note_usage(void *arg, int result, const void *value, const struct err *err)
{
    (void)err;
    struct usage_answer *answer = arg;
    answer->count++;
    answer->result = result;
    if (value)
        answer->statistics = *(const struct statistics *)value;
}

static struct usage_answer usage_of(struct world *world, const char *id)
{
    struct usage_answer answer = {0};
    containerizer_usage(world->containerizer, id, DONE(note_usage, &answer));
    assert_int_equal(answer.count, 1);
    return answer;
}

/* Later isolators win, also when they answer first; the time is the containerizer's. */
static void test_usage_merges_in_order(void **state)
{
    struct world *world = *state;
    struct usage_answer answer = {0};
    world_run(world, "c1");
    world_hold(world, "a.usage");
    containerizer_usage(world->containerizer, "c1", DONE(note_usage, &answer));
    assert_int_equal(answer.count, 0);
    world_release_call(world, "a.usage");
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.statistics.processes.value, 3);
    assert_int_equal(answer.statistics.threads.value, 7);
    assert_int_equal(answer.statistics.mem_total_bytes.value, 2000);
    assert_true(answer.statistics.timestamp >= 1e9);
}

/* MC-38 */
static void test_usage_is_partial(void **state)
{
    struct world *world = *state;
    world_run(world, "c1");
    world_fail(world, "b.usage", "broken");
    struct usage_answer answer = usage_of(world, "c1");
    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.statistics.mem_total_bytes.value, 1000);
    assert_false(answer.statistics.threads.set);
    assert_int_equal(usage_of(world, "c9").result, -ENOENT);
}

static void test_usage_limits(void **state)
{
    (void)state;
    static const struct {
        struct resource_limits limits;
        bool cfs;
        double cpus_limit; /* 0: absent */
        uint64_t mem_limit_bytes;
    } cases[] = {
        {{{0}, {0}}, false, 0, 64 << 20},
        {{{0}, {0}}, true, 0.5, 64 << 20},
        {{OPT(2), OPT(128.75)}, false, 2, 128 << 20},
        {{OPT(INFINITY), OPT(INFINITY)}, false, 4, UINT64_C(1) << 33},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        world.flags.cgroups_enable_cfs = cases[i].cfs;
        world_restart(&world);
        struct container_config config = world_config("true");
        struct answer launch = {0};
        config.resources = requests;
        config.limits = cases[i].limits;
        world_launch(&world, "c1", &config, &launch);
        struct usage_answer answer = usage_of(&world, "c1");
        assert_true(answer.statistics.cpus_soft_limit.value == 0.5);
        assert_int_equal(answer.statistics.mem_soft_limit_bytes.value, 64 << 20);
        assert_int_equal(answer.statistics.cpus_limit.set, cases[i].cpus_limit > 0);
        assert_true(answer.statistics.cpus_limit.value == cases[i].cpus_limit);
        assert_int_equal(
            answer.statistics.mem_limit_bytes.value, cases[i].mem_limit_bytes);
        /* After a restart a root's are unknown until it is updated. */
        world_restart(&world);
        containerizer_recover(world.containerizer, NULL, answer_plain(&launch));
        world_settle(&world);
        answer = usage_of(&world, "c1");
        assert_false(answer.statistics.cpus_soft_limit.set);
        assert_false(answer.statistics.mem_limit_bytes.set);
        containerizer_update(world.containerizer, "c1", &requests, NULL, DONE_NONE);
        assert_true(usage_of(&world, "c1").statistics.cpus_soft_limit.value == 0.5);
        answer_release(&launch);
        world_release(&world);
    }
}

/* --- status --- */

struct status_answer {
    unsigned *order; /* counts the answers of a test */
    unsigned place;
    int result;
    char id[32];
    struct opt_i64 pid;
};

static void note_status(void *arg, int result, const void *value, const struct err *err)
{
    (void)err;
    struct status_answer *answer = arg;
    const struct container_status *status = value;
    answer->place = ++*answer->order;
    answer->result = result;
    if (!status)
        return;
    memcpy(answer->id, status->container_id, strlen(status->container_id) + 1);
    answer->pid = status->executor_pid;
}

/* MC-04, MC-19 */
static void test_status(void **state)
{
    struct world *world = *state;
    unsigned order = 0;
    struct status_answer answer = {.order = &order};
    world_run(world, "c1");
    world_fail(world, "a.status", "broken");
    containerizer_status(world->containerizer, "c1", DONE(note_status, &answer));
    assert_int_equal(answer.result, 0);
    assert_string_equal(answer.id, "c1");
    assert_int_equal(answer.pid.value, world_pid(world, "c1"));
    containerizer_status(world->containerizer, "c9", DONE(note_status, &answer));
    assert_int_equal(answer.result, -ENOENT);
}

/* MC-39: the first is held at a, the others are complete at once. */
static void test_status_in_order(void **state)
{
    struct world *world = *state;
    unsigned order = 0;
    struct status_answer answers[3];
    world_run(world, "c1");
    world_hold(world, "a.status");
    answers[0] = (struct status_answer){.order = &order};
    containerizer_status(world->containerizer, "c1", DONE(note_status, &answers[0]));
    free(strmap_remove(world->scripts, "a.status"));
    for (size_t i = 1; i < 3; i++) {
        answers[i] = (struct status_answer){.order = &order};
        containerizer_status(world->containerizer, "c1", DONE(note_status, &answers[i]));
    }
    assert_int_equal(order, 0);
    /* Even when the container is gone in between. */
    containerizer_destroy(world->containerizer, "c1", DONE_NONE);
    world_settle(world);
    assert_string_equal(world_phase(world, "c1"), "unknown");
    world_release_call(world, "a.status");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(answers[i].place, i + 1);
}

/* --- kill --- */

/* MC-33, MC-34 */
static void test_kill(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    containerizer_kill(world->containerizer, "c1", SIGTERM, answer_bool(&answer));
    assert_true(answer.result == 0 && !answer.yes);
    world_run(world, "c1");
    containerizer_kill(world->containerizer, "c1", 0, answer_bool(&answer));
    assert_true(answer.result == 0 && answer.yes);
    assert_string_equal(world_phase(world, "c1"), "RUNNING");
    containerizer_kill(world->containerizer, "c1", SIGUSR1, answer_bool(&answer));
    assert_int_equal(world_process(world, "c1")->last_signal, SIGUSR1);
    /* Also while it is being destroyed, until its process has ended. */
    world_hold(world, "launcher.destroy");
    containerizer_destroy(world->containerizer, "c1", DONE_NONE);
    world_settle(world);
    containerizer_kill(world->containerizer, "c1", SIGTERM, answer_bool(&answer));
    assert_contains(answer.message, "has ended");
    answer_release(&answer);
}

static void test_kill_before_fork(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer answer = {0};
    world_hold(world, "a.prepare");
    world_launch(world, "c1", &config, &launch);
    containerizer_kill(world->containerizer, "c1", SIGTERM, answer_bool(&answer));
    assert_true(answer.result == 0 && answer.yes);
    assert_string_equal(world_phase(world, "c1"), "DESTROYING");
    world_release_call(world, "a.prepare");
    assert_true(launch.result < 0);
    assert_string_equal(world_phase(world, "c1"), "unknown");
    answer_release(&answer);
    answer_release(&launch);
}

static void test_attach(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    containerizer_attach(world->containerizer, "c1", answer_plain(&answer));
    assert_string_equal(answer.message, "attach c1: unknown container");
    world_run(world, "c1");
    containerizer_attach(world->containerizer, "c1", answer_plain(&answer));
    assert_string_equal(answer.message, "attach c1: container has no I/O switchboard server");
    answer_release(&answer);
}

/* --- remove --- */

static int try_remove(struct world *world, const char *id, const char *message)
{
    struct answer answer = {0};
    containerizer_remove(world->containerizer, id, answer_plain(&answer));
    assert_int_equal(answer.count, 1);
    int result = answer.result;
    if (message)
        assert_contains(answer.message, message);
    answer_release(&answer);
    return result;
}

/* NE-28, NE-29, NE-30 */
static void test_remove(void **state)
{
    struct world *world = *state;
    assert_true(try_remove(world, "p.c", "its root p is not known") < 0);
    world_run(world, "p");
    assert_true(try_remove(world, "p", "only nested containers") < 0);
    world_run(world, "p.c");
    assert_true(try_remove(world, "p.c", "has not terminated") < 0);
    containerizer_destroy(world->containerizer, "p.c", DONE_NONE);
    world_settle(world);
    assert_true(world_exists(world, "/run/containers/p/containers/c/termination"));
    assert_true(world_exists(world, "/sandbox/containers/c/stdout"));
    for (unsigned round = 0; round < 2; round++)
        assert_int_equal(try_remove(world, "p.c", NULL), 0);
    assert_false(world_exists(world, "/run/containers/p/containers/c"));
    assert_false(world_exists(world, "/sandbox/containers/c"));
    containerizer_destroy(world->containerizer, "p", DONE_NONE);
    world_settle(world);
    assert_true(try_remove(world, "p.c", "its root p is not known") < 0);
}

/* --- prune --- */

static void test_prune(void **state)
{
    struct world *world = *state;
    struct image of_container = {.name = (char *)"alpine"};
    struct image of_volume = {.name = (char *)"data"};
    struct mesos_info mesos = {&of_container};
    struct volume volume = {.image = &of_volume};
    struct container_info info = {.mesos = &mesos, .volumes = &volume, .volumes_count = 1};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    char *keep[] = {(char *)"busybox", NULL};
    config.container_info = &info;
    world_launch(world, "c1", &config, &answer);
    world_forget(world);
    containerizer_prune_images(world->containerizer, keep, answer_plain(&answer));
    assert_int_equal(answer.result, 0);
    _cleanup_free_ char *journal = world_journal(world);
    assert_string_equal(journal, "provisioner.prune alpine data busybox");
    answer_release(&answer);
}

/* MC-49 */
static void test_prune_without_config(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    world_write(world, "/run/containers/c1/standalone.marker", "");
    world_write(world, "/run/containers/c1/pid", "77");
    double_process_add(&world->outside, 77, 1);
    containerizer_recover(world->containerizer, NULL, answer_plain(&answer));
    assert_int_equal(answer.result, 0);
    containerizer_prune_images(world->containerizer, NULL, answer_plain(&answer));
    assert_contains(answer.message, "the config of c1 is not known");
    answer_release(&answer);
}

/* --- the end of an instance --- */

/* Everything that is pending is answered once, and nothing is done any more. */
static void test_free_answers_all(void **state)
{
    struct world *world = *state;
    static const char *const calls[] = {
        "a.prepare", "a.usage", "a.status", "a.update", "launcher.destroy"};
    struct container_config config = world_config("true");
    struct answer answers[6] = {0};
    world_run(world, "c1");
    world_run(world, "c2");
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
        world_hold(world, calls[i]);
    struct containerizer *containerizer = world->containerizer;
    world_launch(world, "c3", &config, &answers[0]);
    containerizer_usage(containerizer, "c1", answer_plain(&answers[1]));
    containerizer_status(containerizer, "c1", answer_plain(&answers[2]));
    containerizer_update(containerizer, "c1", &requests, NULL, answer_plain(&answers[3]));
    containerizer_wait(containerizer, "c1", answer_termination(&answers[4]));
    containerizer_destroy(containerizer, "c2", answer_termination(&answers[5]));
    world_restart(world);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].result, -ESHUTDOWN);
        answer_release(&answers[i]);
    }
    assert_false(double_process_find(&world->outside, 101)->ended);
}

static void test_gone_agent_refuses(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    struct containerizer *containerizer = world->containerizer;
    world_run(world, "c1");
    host_crash(world->host);
    containerizer_launch(
        containerizer, "c2", &config, NULL, 0, NULL, answer_launch(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_usage(containerizer, "c1", answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_status(containerizer, "c1", answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_update(containerizer, "c1", &requests, NULL, answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_wait(containerizer, "c1", answer_termination(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_destroy(containerizer, "c1", answer_termination(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_kill(containerizer, "c1", SIGTERM, answer_bool(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_remove(containerizer, "c1.n", answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_prune_images(containerizer, NULL, answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    containerizer_recover(containerizer, NULL, answer_plain(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    assert_int_equal(answer.count, 10);
    answer_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_update_is_ignored),
        WORLD_TEST(test_update),
        WORLD_TEST(test_usage_merges_in_order),
        WORLD_TEST(test_usage_is_partial),
        cmocka_unit_test(test_usage_limits),
        WORLD_TEST(test_status),
        WORLD_TEST(test_status_in_order),
        WORLD_TEST(test_kill),
        WORLD_TEST(test_kill_before_fork),
        WORLD_TEST(test_attach),
        WORLD_TEST(test_remove),
        WORLD_TEST(test_prune),
        WORLD_TEST(test_prune_without_config),
        WORLD_TEST(test_free_answers_all),
        WORLD_TEST(test_gone_agent_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
