/* SPDX-License-Identifier: Apache-2.0 */
/* destroy in every state, its orders, limitations and terminations (containerizer.md 4). */
#include "reference/mesos/tests/cmocka_head.h"

#include <signal.h>
#include <string.h>

static struct image image = {.type = (char *)"DOCKER", .name = (char *)"alpine", .cached = true};
static struct mesos_info mesos_info = {&image};
static struct container_info image_info = {.type = CONTAINER_TYPE_MESOS, .mesos = &mesos_info};

static void destroy(struct world *world, const char *id, struct answer *answer)
{
    containerizer_destroy(world->containerizer, id, answer_termination(answer));
    world_settle(world);
}

static void nothing_left(struct world *world)
{
    assert_int_equal(double_processes_alive(&world->outside), 0);
    _cleanup_strv_ char **ids = containerizer_containers(world->containerizer);
    assert_int_equal(strv_length(ids), 0);
}

static double destroy_errors(struct world *world)
{
    return json_number_value(json_object_get(
        world->containerizer->metrics, "containerizer/mesos/container_destroy_errors"));
}

/* MC-03, and the order of a plain destroy. */
static void test_running(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    world_run(world, "c1");
    world_forget(world);
    destroy(world, "c1", &end);
    assert_int_equal(end.count, 1);
    assert_int_equal(end.result, 0);
    assert_int_equal(end.termination.status.value, SIGKILL);
    assert_null(end.termination.state);
    _cleanup_free_ char *journal = world_journal(world);
    assert_string_equal(
        journal, "launcher.destroy c1, b.cleanup c1, a.cleanup c1, provisioner.destroy c1");
    assert_false(world_exists(world, "/run/containers/c1"));
    assert_true(destroy_errors(world) == 0);
    nothing_left(world);
    answer_release(&end);
}

/* An executor's container: every isolator sees it, the third too, and cleanup goes in reverse. */
static void test_every_isolator_of_an_executor(void **state)
{
    struct world *world = *state;
    struct executor_info executor = {0};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.executor_info = &executor;
    world_launch(world, "c1", &config, &answer);
    destroy(world, "c1", &answer);
    _cleanup_free_ char *journal = world_journal(world);
    assert_string_equal(journal,
        "a.prepare c1, b.prepare c1, c.prepare c1, launcher.fork c1, a.isolate c1, b.isolate c1, "
        "c.isolate c1, fetcher.fetch c1, launcher.destroy c1, c.cleanup c1, b.cleanup c1, "
        "a.cleanup c1, provisioner.destroy c1");
    answer_release(&answer);
}

/* MC-15, MC-16: PROVISIONING. */
static void test_provisioning(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer end = {0};
    config.container_info = &image_info;
    world_hold(world, "provisioner.provision");
    world_hold(world, "provisioner.destroy");
    world_launch(world, "c1", &config, &launch);
    assert_string_equal(world_phase(world, "c1"), "PROVISIONING");
    destroy(world, "c1", &end);
    assert_string_equal(launch.message, "launch c1: container was destroyed while provisioning");
    assert_int_equal(end.count, 0);
    assert_string_equal(world_phase(world, "c1"), "DESTROYING");
    world_release_call(world, "provisioner.destroy");
    assert_int_equal(end.count, 1);
    assert_int_equal(end.result, 0);
    assert_false(end.termination.status.set);
    /* The provision settles after its container is gone. */
    assert_int_equal(world_release_call(world, "provisioner.provision"), 1);
    assert_int_equal(launch.count, 1);
    assert_int_equal(world_count(world, "a.prepare"), 0);
    assert_int_equal(world_count(world, "a.cleanup"), 0);
    assert_int_equal(world_count(world, "launcher.destroy"), 0);
    nothing_left(world);
    answer_release(&launch);
    answer_release(&end);
}

/* MC-12: PREPARING. */
static void test_preparing(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer end = {0};
    world_hold(world, "a.prepare");
    world_launch(world, "c1", &config, &launch);
    assert_string_equal(world_phase(world, "c1"), "PREPARING");
    destroy(world, "c1", &end);
    assert_int_equal(end.count, 0);
    assert_int_equal(launch.count, 0);
    assert_int_equal(world_count(world, "a.cleanup"), 0);
    world_release_call(world, "a.prepare");
    assert_string_equal(launch.message, "launch c1: container was destroyed while preparing");
    assert_int_equal(end.count, 1);
    assert_false(end.termination.status.set);
    _cleanup_free_ char *journal = world_journal(world);
    assert_string_equal(
        journal, "a.prepare c1, b.cleanup c1, a.cleanup c1, provisioner.destroy c1");
    nothing_left(world);
    answer_release(&launch);
    answer_release(&end);
}

/* MC-24: ISOLATING, also when one isolator has failed already. */
static void test_isolating(void **state)
{
    (void)state;
    for (unsigned failing = 0; failing < 2; failing++) {
        struct world world = {0};
        world_init(&world);
        struct container_config config = world_config("true");
        struct answer launch = {0};
        struct answer end = {0};
        world_hold(&world, "a.isolate");
        world_fail(&world, "b.isolate", failing ? "broken" : NULL);
        containerizer_launch(
            world.containerizer, "c1", &config, NULL, 0, NULL, answer_launch(&launch));
        assert_string_equal(world_phase(&world, "c1"), "ISOLATING");
        destroy(&world, "c1", &end);
        assert_int_equal(world_count(&world, "launcher.destroy"), 0);
        assert_int_equal(end.count, 0);
        assert_int_equal(launch.count, failing);
        world_release_call(&world, "a.isolate");
        assert_string_equal(launch.message, failing
                                                ? "launch c1: isolator b: broken"
                                                : "launch c1: container was destroyed while "
                                                  "isolating");
        assert_int_equal(end.count, 1);
        assert_true(world_index(&world, "launcher.destroy c1") > world_index(&world, "b.isolate"));
        assert_int_equal(world_count(&world, "fetcher.fetch"), 0);
        /* Without a failure the child is killed before its gate closes. */
        assert_int_equal(end.termination.status.value, failing ? 1 << 8 : SIGKILL);
        nothing_left(&world);
        answer_release(&launch);
        answer_release(&end);
        world_release(&world);
    }
}

/* MC-11: FETCHING; the fetch itself never ends. */
static void test_fetching(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer end = {0};
    world_hold(world, "fetcher.fetch");
    world_launch(world, "c1", &config, &launch);
    assert_string_equal(world_phase(world, "c1"), "FETCHING");
    destroy(world, "c1", &end);
    assert_string_equal(launch.message, "launch c1: container was destroyed while fetching");
    assert_int_equal(end.count, 1);
    assert_int_equal(world_count(world, "fetcher.kill c1"), 1);
    assert_true(world_index(world, "fetcher.kill") < world_index(world, "launcher.destroy"));
    assert_int_equal(end.termination.status.value, SIGKILL);
    world_release_call(world, "fetcher.fetch");
    assert_int_equal(launch.count, 1);
    nothing_left(world);
    answer_release(&launch);
    answer_release(&end);
}

/* MC-13, MC-20 */
static void test_unknown(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    containerizer_destroy(world->containerizer, "c1", answer_termination(&answer));
    assert_true(answer.count == 1 && answer.result == 0 && answer.none);
    containerizer_wait(world->containerizer, "c1", answer_termination(&answer));
    assert_true(answer.count == 2 && answer.result == 0 && answer.none);
    containerizer_wait(world->containerizer, "p.c", answer_termination(&answer));
    assert_true(answer.count == 3 && answer.result == 0 && answer.none);
    answer_release(&answer);
}

/* MC-17: and the failure stays. */
static void test_launcher_fails(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    struct answer end = {0};
    world_run(world, "c1");
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    world_fail(world, "launcher.destroy", "stuck");
    destroy(world, "c1", &end);
    assert_string_equal(end.message, "destroy c1: could not kill all processes: stuck");
    assert_string_equal(wait.message, "wait c1: could not kill all processes: stuck");
    assert_true(destroy_errors(world) == 1);
    assert_int_equal(world_count(world, "a.cleanup"), 0);
    world_fail(world, "launcher.destroy", NULL);
    destroy(world, "c1", &end);
    assert_int_equal(end.count, 2);
    assert_true(end.result < 0);
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    assert_true(wait.count == 2 && wait.result < 0);
    assert_int_equal(world_count(world, "launcher.destroy"), 1);
    assert_string_equal(world_phase(world, "c1"), "DESTROYING");
    answer_release(&wait);
    answer_release(&end);
}

/* MC-26 */
static void test_cleanup_fails(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    world_run(world, "c1");
    world_fail(world, "b.cleanup", "leak b");
    world_fail(world, "a.cleanup", "leak a");
    destroy(world, "c1", &end);
    assert_string_equal(
        end.message, "destroy c1: could not clean up: isolator b: leak b; isolator a: leak a");
    assert_int_equal(world_count(world, "provisioner.destroy"), 0);
    assert_true(world_exists(world, "/run/containers/c1"));
    assert_true(destroy_errors(world) == 1);
    answer_release(&end);
}

static void test_provisioner_fails(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    world_run(world, "c1");
    world_fail(world, "provisioner.destroy", "busy");
    destroy(world, "c1", &end);
    assert_string_equal(end.message, "destroy c1: could not remove the root file system: busy");
    assert_true(destroy_errors(world) == 1);
    assert_true(world_exists(world, "/run/containers/c1"));
    answer_release(&end);
}

/* MC-25: also those that were never prepared are cleaned up. */
static void test_after_failed_prepare(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer end = {0};
    world_fail(world, "a.prepare", "broken");
    world_launch(world, "c1", &config, &launch);
    assert_int_equal(world_count(world, "b.prepare"), 0);
    destroy(world, "c1", &end);
    assert_int_equal(end.result, 0);
    assert_true(world_index(world, "b.cleanup c1") < world_index(world, "a.cleanup c1"));
    answer_release(&launch);
    answer_release(&end);
}

/* MC-27 */
static void test_two_destroys_and_waits(void **state)
{
    struct world *world = *state;
    struct answer answers[4] = {0};
    world_run(world, "c1");
    world_hold(world, "launcher.destroy");
    containerizer_wait(world->containerizer, "c1", answer_termination(&answers[0]));
    containerizer_destroy(world->containerizer, "c1", answer_termination(&answers[1]));
    containerizer_destroy(world->containerizer, "c1", answer_termination(&answers[2]));
    containerizer_wait(world->containerizer, "c1", answer_termination(&answers[3]));
    world_release_call(world, "launcher.destroy");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].termination.status.value, SIGKILL);
        answer_release(&answers[i]);
    }
    assert_int_equal(world_count(world, "launcher.destroy"), 1);
    assert_int_equal(world_count(world, "a.cleanup"), 1);
}

/* MC-28 */
static void test_cancelled_wait(void **state)
{
    struct world *world = *state;
    struct answer cancelled = {0};
    struct answer other = {0};
    world_run(world, "c1");
    containerizer_wait(world->containerizer, "c1", answer_termination(&cancelled));
    containerizer_wait(world->containerizer, "c1", answer_termination(&other));
    containerizer_wait_cancel(world->containerizer, "c1", &cancelled);
    containerizer_wait_cancel(world->containerizer, "c1", &cancelled);
    containerizer_wait_cancel(world->containerizer, "c9", &other);
    assert_int_equal(cancelled.count, 1);
    assert_string_equal(cancelled.message, "wait c1: given up");
    destroy(world, "c1", &cancelled);
    assert_int_equal(cancelled.count, 2);
    assert_int_equal(cancelled.result, 0);
    assert_int_equal(other.count, 1);
    assert_int_equal(other.result, 0);
    answer_release(&cancelled);
    answer_release(&other);
}

/* --- exits --- */

/* MC-02, MC-42 */
static void test_exit_status(void **state)
{
    (void)state;
    static const struct {
        const char *status; /* content of the file; NULL: the runtime directory is gone */
        bool known;
        int64_t value;
    } cases[] = {
        {"10752", true, 42 << 8},
        {"15", true, SIGTERM},
        {"15\n", true, SIGTERM},
        {"", true, SIGKILL},
        {"garbage", false, 0},
        {"12 13", false, 0},
        {NULL, true, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        struct answer wait = {0};
        world_run(&world, "c1");
        containerizer_wait(world.containerizer, "c1", answer_termination(&wait));
        double_process_end(&world.outside, world_pid(&world, "c1"), 0, false);
        if (cases[i].status)
            world_write(&world, "/run/containers/c1/status", cases[i].status);
        else
            vfs_remove_tree(world.outside.vfs, "/run/containers/c1");
        world_settle(&world);
        assert_int_equal(wait.count, 1);
        assert_int_equal(wait.result, 0);
        assert_int_equal(wait.termination.status.set, cases[i].known);
        assert_int_equal(wait.termination.status.value, cases[i].value);
        nothing_left(&world);
        answer_release(&wait);
        world_release(&world);
    }
}

/* The child dies while isolators still isolate. */
static void test_exit_while_isolating(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer wait = {0};
    world_hold(world, "a.isolate");
    world_launch(world, "c1", &config, &launch);
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    double_process_end(&world->outside, world_pid(world, "c1"), 0, true);
    world_settle(world);
    assert_string_equal(world_phase(world, "c1"), "DESTROYING");
    assert_int_equal(wait.count, 0);
    world_release_call(world, "a.isolate");
    assert_contains(launch.message, "destroyed while isolating");
    assert_int_equal(wait.count, 1);
    assert_int_equal(wait.termination.status.value, SIGKILL);
    answer_release(&launch);
    answer_release(&wait);
}

/* --- limitations --- */

static struct limitation memory_limit(void)
{
    static struct resource items[] = {
        {.name = (char *)"mem", .type = RESOURCE_SCALAR, .scalar = OPT(64)}};
    return (struct limitation){
        .resources = {items, 1},
        .message = (char *)"Memory limit exceeded",
        .reason = (char *)"REASON_CONTAINER_LIMITATION_MEMORY",
    };
}

/* MC-30 */
static void test_limitation(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    struct limitation limitation = memory_limit();
    world_run(world, "c1");
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    world_limit(world, "b", "c1", &limitation);
    assert_int_equal(wait.count, 1);
    assert_string_equal(wait.termination.state, "TASK_FAILED");
    assert_string_equal(wait.termination.reason, "REASON_CONTAINER_LIMITATION_MEMORY");
    assert_string_equal(wait.termination.message, "Memory limit exceeded");
    assert_int_equal(wait.termination.limited_resources.count, 1);
    assert_int_equal(wait.termination.status.value, SIGKILL);
    answer_release(&wait);
}

/* MC-31 */
static void test_watch_fails(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    world_run(world, "c1");
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    world_limit(world, "a", "c1", NULL);
    assert_int_equal(wait.count, 1);
    assert_null(wait.termination.state);
    assert_null(wait.termination.reason);
    answer_release(&wait);
}

/* MC-29 */
static void test_limitation_after_destroy_began(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    struct limitation limitation = memory_limit();
    world_run(world, "c1");
    world_hold(world, "launcher.destroy");
    destroy(world, "c1", &end);
    world_limit(world, "a", "c1", &limitation);
    world_release_call(world, "launcher.destroy");
    assert_int_equal(end.count, 1);
    assert_null(end.termination.state);
    assert_null(end.termination.reason);
    answer_release(&end);
}

/* --- trees --- */

static void run_tree(struct world *world)
{
    world_run(world, "p");
    world_run(world, "p.c");
    world_run(world, "p.c.d");
    world_forget(world);
}

/* NE-13, NE-34 */
static void test_tree(void **state)
{
    struct world *world = *state;
    struct answer waits[2] = {0};
    struct answer end = {0};
    run_tree(world);
    containerizer_wait(world->containerizer, "p.c", answer_termination(&waits[0]));
    containerizer_wait(world->containerizer, "p.c.d", answer_termination(&waits[1]));
    destroy(world, "p", &end);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(waits[i].count, 1);
        assert_int_equal(waits[i].termination.status.value, SIGKILL);
        answer_release(&waits[i]);
    }
    assert_int_equal(end.count, 1);
    assert_true(world_index(world, "provisioner.destroy p.c.d") <
                world_index(world, "launcher.destroy p.c"));
    assert_true(
        world_index(world, "provisioner.destroy p.c") < world_index(world, "launcher.destroy p"));
    nothing_left(world);
    /* NE-25: with the root its files are gone. */
    containerizer_wait(world->containerizer, "p.c", answer_termination(&end));
    assert_true(end.none);
    answer_release(&end);
}

/* NE-12, NE-25, NE-26 */
static void test_nested_alone(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    run_tree(world);
    double_process_end(&world->outside, world_pid(world, "p.c.d"), 42 << 8, false);
    world_settle(world);
    assert_string_equal(world_phase(world, "p.c.d"), "unknown");
    for (unsigned round = 0; round < 2; round++) {
        containerizer_wait(world->containerizer, "p.c.d", answer_termination(&end));
        assert_int_equal(end.termination.status.value, 42 << 8);
        containerizer_destroy(world->containerizer, "p.c.d", answer_termination(&end));
        assert_int_equal(end.termination.status.value, 42 << 8);
    }
    assert_int_equal(end.count, 4);
    destroy(world, "p.c", &end);
    assert_int_equal(end.termination.status.value, SIGKILL);
    assert_string_equal(world_phase(world, "p"), "RUNNING");
    assert_true(world_exists(world, "/run/containers/p/containers/c/termination"));
    answer_release(&end);
}

static void test_unreadable_termination(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    world_write(world, "/run/containers/p/containers/c/termination", "{\"status\": \"x\"}");
    containerizer_wait(world->containerizer, "p.c", answer_termination(&answer));
    assert_true(answer.result < 0);
    assert_contains(answer.message, "wait p.c: /run/containers/p/containers/c/termination");
    answer_release(&answer);
}

/* NE-14 */
static void test_parent_exits(void **state)
{
    struct world *world = *state;
    struct answer parent = {0};
    struct answer nested = {0};
    run_tree(world);
    containerizer_wait(world->containerizer, "p", answer_termination(&parent));
    containerizer_wait(world->containerizer, "p.c", answer_termination(&nested));
    double_process_end(&world->outside, world_pid(world, "p"), 3 << 8, false);
    world_settle(world);
    assert_int_equal(parent.termination.status.value, 3 << 8);
    assert_int_equal(nested.termination.status.value, SIGKILL);
    answer_release(&parent);
    answer_release(&nested);
}

/* NE-35 */
static void test_nested_destroy_fails(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    run_tree(world);
    world_fail(world, "launcher.destroy", "stuck");
    destroy(world, "p.c.d", &end);
    world_fail(world, "launcher.destroy", NULL);
    destroy(world, "p", &end);
    assert_string_equal(
        end.message, "destroy p: nested container p.c could not be destroyed");
    assert_int_equal(world_count(world, "launcher.destroy p"), 0);
    assert_int_equal(world_process(world, "p")->last_signal, 0);
    assert_true(destroy_errors(world) == 3);
    answer_release(&end);
}

/* NE-36 */
static void test_limitation_of_the_root(void **state)
{
    struct world *world = *state;
    struct answer nested = {0};
    struct limitation limitation = memory_limit();
    run_tree(world);
    containerizer_wait(world->containerizer, "p.c.d", answer_termination(&nested));
    world_limit(world, "a", "p", &limitation);
    assert_string_equal(nested.termination.reason, "REASON_CONTAINER_LIMITATION_MEMORY");
    assert_string_equal(nested.termination.message, "Memory limit exceeded");
    nothing_left(world);
    answer_release(&nested);
}

/* FB-11: a nested launch under way when its parent is destroyed. */
static void test_parent_destroyed_while_nested_launches(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer launch = {0};
    struct answer end = {0};
    world_run(world, "p");
    world_hold(world, "a.prepare");
    world_launch(world, "p.c", &config, &launch);
    destroy(world, "p", &end);
    assert_int_equal(end.count, 0);
    world_release_call(world, "a.prepare");
    assert_contains(launch.message, "launch p.c: container was destroyed while preparing");
    assert_int_equal(end.count, 1);
    nothing_left(world);
    answer_release(&launch);
    answer_release(&end);
}

/* A chain deep enough to overflow the stack if a level took a frame. */
static void test_deep_tree(void **state)
{
    struct world *world = *state;
    enum { DEPTH = 200 };
    char id[2 * DEPTH + 2] = "p";
    struct answer end = {0};
    world_run(world, id);
    for (size_t i = 1; i < DEPTH; i++) {
        size_t length = strlen(id);
        memcpy(id + length, ".c", 3);
        struct answer launch = {0};
        struct container_config config = world_config("true");
        containerizer_launch(
            world->containerizer, id, &config, NULL, 0, NULL, answer_launch(&launch));
        assert_int_equal(launch.result, 0);
        answer_release(&launch);
    }
    containerizer_destroy(world->containerizer, "p", answer_termination(&end));
    for (size_t i = 0; i < 2 * DEPTH && end.count == 0; i++)
        world_settle(world);
    assert_int_equal(end.count, 1);
    nothing_left(world);
    answer_release(&end);
}

/* An answer that asks for the next thing itself. */
static void destroy_at_once(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    (void)err;
    struct world *world = arg;
    assert_int_equal(result, 0);
    containerizer_destroy(world->containerizer, "c1", DONE_NONE);
}

static void test_destroy_from_the_launch_answer(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    containerizer_launch(world->containerizer, "c1", &config, NULL, 0, NULL,
        DONE(destroy_at_once, world));
    world_settle(world);
    nothing_left(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_running),
        WORLD_TEST(test_every_isolator_of_an_executor),
        WORLD_TEST(test_provisioning),
        WORLD_TEST(test_preparing),
        cmocka_unit_test(test_isolating),
        WORLD_TEST(test_fetching),
        WORLD_TEST(test_unknown),
        WORLD_TEST(test_launcher_fails),
        WORLD_TEST(test_cleanup_fails),
        WORLD_TEST(test_provisioner_fails),
        WORLD_TEST(test_after_failed_prepare),
        WORLD_TEST(test_two_destroys_and_waits),
        WORLD_TEST(test_cancelled_wait),
        cmocka_unit_test(test_exit_status),
        WORLD_TEST(test_exit_while_isolating),
        WORLD_TEST(test_limitation),
        WORLD_TEST(test_watch_fails),
        WORLD_TEST(test_limitation_after_destroy_began),
        WORLD_TEST(test_tree),
        WORLD_TEST(test_nested_alone),
        WORLD_TEST(test_unreadable_termination),
        WORLD_TEST(test_parent_exits),
        WORLD_TEST(test_nested_destroy_fails),
        WORLD_TEST(test_limitation_of_the_root),
        WORLD_TEST(test_parent_destroyed_while_nested_launches),
        WORLD_TEST(test_deep_tree),
        WORLD_TEST(test_destroy_from_the_launch_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
