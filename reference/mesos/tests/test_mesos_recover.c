/* SPDX-License-Identifier: Apache-2.0 */
/* recovery: what is found where, what is kept, what is destroyed (containerizer.md 5). */
#include "reference/mesos/tests/cmocka_head.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void recover(struct world *world, const struct agent_state *state, struct answer *answer)
{
    world_forget(world);
    containerizer_recover(world->containerizer, state, answer_plain(answer));
}

static void recover_well(struct world *world, const struct agent_state *state)
{
    struct answer answer = {0};
    recover(world, state, &answer);
    if (answer.result < 0)
        fail_msg("%s", answer.message);
    assert_int_equal(answer.count, 1);
    answer_release(&answer);
    world_settle(world);
}

static void recover_badly(struct world *world, const struct agent_state *state, const char *message)
{
    struct answer answer = {0};
    recover(world, state, &answer);
    if (answer.result >= 0)
        fail_msg("recovery succeeds in spite of: %s", message);
    assert_contains(answer.message, message);
    answer_release(&answer);
}

static void launch_executor(struct world *world, const char *id)
{
    struct executor_info executor = {.executor_id = (char *)"e"};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.executor_info = &executor;
    world_launch(world, id, &config, &answer);
    assert_int_equal(answer.result, 0);
    answer_release(&answer);
}

static struct executor_info executor_info = {.executor_id = (char *)"e"};

static struct agent_run run_of(struct world *world, const char *id)
{
    return (struct agent_run){
        .container_id = (char *)id,
        .executor_info = &executor_info,
        .forked_pid = world_pid(world, id),
        .directory = (char *)"/sandbox",
    };
}

static void restart_with_run(struct world *world, const char *id)
{
    struct agent_run run = run_of(world, id);
    const struct agent_state state = {&run, 1};
    world_restart(world);
    recover_well(world, &state);
}

static char *containers(struct world *world)
{
    _cleanup_strv_ char **ids = containerizer_containers(world->containerizer);
    char *text = str_dup("");
    for (size_t i = 0; ids[i]; i++) {
        char *longer = str_printf("%s%s%s", text, i ? " " : "", ids[i]);
        free(text);
        text = longer;
    }
    return text;
}

static void assert_containers(struct world *world, const char *expected)
{
    _cleanup_free_ char *text = containers(world);
    assert_string_equal(text, expected);
}

/* MC-02: through the marker; its wait and its kill work. */
static void test_standalone(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    world_run(world, "c1");
    world_restart(world);
    recover_well(world, NULL);
    assert_containers(world, "c1");
    assert_string_equal(world_phase(world, "c1"), "RUNNING");
    assert_int_equal(world_count(world, "a.recover [c1] []"), 1);
    assert_int_equal(world_count(world, "c.recover [] []"), 1);
    assert_int_equal(world_count(world, "provisioner.recover c1"), 1);
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    double_process_end(&world->outside, world_pid(world, "c1"), 7 << 8, false);
    world_settle(world);
    assert_int_equal(wait.termination.status.value, 7 << 8);
    assert_false(world_exists(world, "/run/containers/c1"));
    answer_release(&wait);
}

/* It ended while there was no agent. */
static void test_ended_meanwhile(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    world_run(world, "c1");
    double_process_end(&world->outside, world_pid(world, "c1"), 7 << 8, false);
    world_restart(world);
    struct answer answer = {0};
    recover(world, NULL, &answer);
    assert_int_equal(answer.result, 0);
    assert_containers(world, "c1");
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    world_settle(world);
    assert_int_equal(wait.termination.status.value, 7 << 8);
    answer_release(&wait);
    answer_release(&answer);
}

/* NE-16 */
static void test_executor_with_nested(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    launch_executor(world, "p");
    world_run(world, "p.c");
    restart_with_run(world, "p");
    assert_containers(world, "p p.c");
    assert_int_equal(world_count(world, "c.recover [p] []"), 1);
    assert_int_equal(world_count(world, "a.recover [p p.c] []"), 1);
    containerizer_wait(world->containerizer, "p.c", answer_termination(&wait));
    containerizer_destroy(world->containerizer, "p", DONE_NONE);
    world_settle(world);
    assert_int_equal(wait.termination.status.value, SIGKILL);
    assert_containers(world, "");
    assert_int_equal(double_processes_alive(&world->outside), 0);
    answer_release(&wait);
}

/* NE-17, NE-38, MESOS-8416: the metadata was wiped. */
static void test_wiped_metadata(void **state)
{
    struct world *world = *state;
    launch_executor(world, "p");
    world_run(world, "p.c");
    world_restart(world);
    struct answer answer = {0};
    recover(world, NULL, &answer);
    assert_int_equal(answer.result, 0);
    assert_containers(world, "p p.c"); /* recovery does not wait for the orphans */
    assert_string_equal(world_phase(world, "p.c"), "DESTROYING");
    world_settle(world);
    assert_containers(world, "");
    assert_int_equal(world_count(world, "a.recover [] [p p.c]"), 1);
    assert_true(world_index(world, "provisioner.destroy p.c") <
                world_index(world, "launcher.destroy p"));
    assert_int_equal(double_processes_alive(&world->outside), 0);
    assert_false(world_exists(world, "/run/containers/p"));
    answer_release(&answer);
}

/* NE-11 */
static void test_debug_is_destroyed(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    world_run(world, "p");
    config.container_class = CONTAINER_CLASS_DEBUG;
    world_launch(world, "p.d", &config, &answer);
    world_restart(world);
    recover_well(world, NULL);
    assert_containers(world, "p");
    assert_true(world_exists(world, "/run/containers/p/containers/d/termination"));
    answer_release(&answer);
}

/* NE-18 */
static void test_nested_without_config(void **state)
{
    struct world *world = *state;
    struct answer end = {0};
    world_run(world, "p");
    world_run(world, "p.c");
    vfs_remove(world->outside.vfs, "/run/containers/p/containers/c/config");
    world_restart(world);
    recover_well(world, NULL);
    assert_containers(world, "p p.c");
    containerizer_destroy(world->containerizer, "p.c", answer_termination(&end));
    world_settle(world);
    assert_int_equal(end.termination.status.value, SIGKILL);
    answer_release(&end);
}

/* NE-19 to NE-24: containers that only the launcher knows. */
static void test_orphans_of_the_launcher(void **state)
{
    struct world *world = *state;
    world_run(world, "p");
    world_run(world, "p.c");
    world_restart(world);
    strv_add(&world->launcher_orphans, "o");
    strv_add(&world->launcher_orphans, "o.a");
    strv_add(&world->launcher_orphans, "o.b");
    strv_add(&world->launcher_orphans, "p.x");
    struct answer answer = {0};
    struct answer wait = {0};
    world_hold(world, "launcher.destroy");
    recover(world, NULL, &answer);
    assert_containers(world, "o o.a o.b p p.c p.x");
    assert_int_equal(world_count(world, "a.recover [p p.c] [o o.a o.b p.x]"), 1);
    assert_int_equal(world_count(world, "provisioner.recover p p.c o o.a o.b p.x"), 1);
    containerizer_wait(world->containerizer, "o", answer_termination(&wait));
    world_release_call(world, "launcher.destroy");
    assert_containers(world, "p p.c");
    assert_int_equal(wait.count, 1);
    assert_false(wait.termination.status.set);
    assert_true(
        world_index(world, "launcher.destroy o.b") < world_index(world, "launcher.destroy o"));
    answer_release(&answer);
    answer_release(&wait);
}

/* NE-39: nothing can be launched below an orphan. */
static void test_launch_below_an_orphan(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct container_config config = world_config("true");
    strv_add(&world->launcher_orphans, "o");
    world_hold(world, "launcher.destroy");
    recover(world, NULL, &answer);
    config.directory = NULL;
    world_launch(world, "o.n", &config, &answer);
    assert_contains(answer.message, "its parent o is being destroyed");
    world_release_call(world, "launcher.destroy");
    answer_release(&answer);
}

/* NE-37 */
static void test_terminated_nested(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    world_run(world, "p");
    world_run(world, "p.c");
    double_process_end(&world->outside, world_pid(world, "p.c"), 42 << 8, false);
    world_settle(world);
    world_restart(world);
    recover_well(world, NULL);
    assert_containers(world, "p");
    containerizer_wait(world->containerizer, "p.c", answer_termination(&wait));
    assert_int_equal(wait.termination.status.value, 42 << 8);
    answer_release(&wait);
}

/* MC-41: the agent was gone between fork and checkpoint; the child ended by its gate. */
static void test_no_pid(void **state)
{
    struct world *world = *state;
    world_run(world, "p");
    world_write(world, "/run/containers/c1/standalone.marker", "");
    world_write(world, "/run/containers/c1/status", "256");
    world_write(world, "/run/containers/p/containers/n/status", "");
    world_restart(world);
    recover_well(world, NULL);
    assert_containers(world, "p");
    assert_int_equal(world_count(world, "launcher.destroy c1"), 1);
    assert_int_equal(world_count(world, "launcher.destroy p.n"), 1);
    assert_false(world_exists(world, "/run/containers/c1"));
}

/* --- the agent's state: MC-18 and the other reasons to pass a run over --- */

static void test_runs_passed_over(void **state)
{
    (void)state;
    static struct container_info docker = {.type = CONTAINER_TYPE_DOCKER};
    static struct executor_info of_docker = {.container = &docker};
    for (unsigned i = 0; i < 4; i++) {
        struct world world = {0};
        world_init(&world);
        vfs_mkdir(world.outside.vfs, "/sandbox", 0755, true);
        struct agent_run run = {.container_id = (char *)"x",
            .executor_info = &executor_info,
            .forked_pid = 50,
            .directory = (char *)"/sandbox"};
        if (i == 0)
            run.executor_info = NULL;
        else if (i == 1)
            run.executor_info = &of_docker;
        else if (i == 2)
            run.forked_pid = 0;
        else
            run.completed = true;
        const struct agent_state agent_state = {&run, 1};
        struct answer answer = {0};
        recover(&world, &agent_state, &answer);
        assert_int_equal(answer.result, 0);
        assert_containers(&world, "");
        answer_release(&answer);
        world_release(&world);
    }
}

/* After a reboot there is neither runtime directory nor process. */
static void test_reboot(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    struct answer answer = {0};
    vfs_mkdir(world->outside.vfs, "/sandbox", 0755, true);
    struct agent_run run = {.container_id = (char *)"x",
        .executor_info = &executor_info,
        .forked_pid = 50,
        .directory = (char *)"/sandbox"};
    const struct agent_state agent_state = {&run, 1};
    recover(world, &agent_state, &answer);
    assert_int_equal(answer.result, 0);
    assert_containers(world, "x");
    containerizer_wait(world->containerizer, "x", answer_termination(&wait));
    world_settle(world);
    assert_int_equal(wait.count, 1);
    assert_false(wait.termination.status.set);
    assert_containers(world, "");
    answer_release(&wait);
    answer_release(&answer);
}

static void test_bad_state(void **state)
{
    struct world *world = *state;
    struct agent_run runs[2] = {{.container_id = (char *)"x",
        .executor_info = &executor_info,
        .forked_pid = 50,
        .directory = (char *)"/nowhere"}};
    const struct agent_state one = {runs, 1};
    recover_badly(
        world, &one, "recover: agent state: container x: its sandbox /nowhere does not exist");
    vfs_mkdir(world->outside.vfs, "/nowhere", 0755, true);
    runs[1] = runs[0];
    const struct agent_state two = {runs, 2};
    recover_badly(world, &two, "container x: two executors run in it");
}

/* --- malformed checkpoints --- */

static void test_malformed_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *text;
        const char *message;
    } cases[] = {
        {"pid", "12x", "c1/pid: expected a number, got \"12x\""},
        {"pid", "-3", "c1/pid: expected a pid, got -3"},
        {"pid", "99999999999", "c1/pid: expected a number"},
        {"config", "{", "c1/config"},
        {"config", "{\"user\": 7}", "c1/config"},
        {"launch_info", "[]", "c1/launch_info"},
        {"termination", "{}", "c1/termination: a root container has no such file"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        double_process_add(&world.outside, 50, 1);
        world_write(&world, "/run/containers/c1/standalone.marker", "");
        world_write(&world, "/run/containers/c1/pid", "50");
        _cleanup_free_ char *path = mesos_runtime_file("/run", "c1", cases[i].file);
        world_write(&world, path, cases[i].text);
        recover_badly(&world, NULL, cases[i].message);
        assert_false(double_process_find(&world.outside, 50)->ended);
        world_release(&world);
    }
}

static void test_strange_entries_are_left_alone(void **state)
{
    struct world *world = *state;
    world_write(world, "/run/containers/a file", "");
    world_write(world, "/run/containers/with.dot/pid", "1");
    recover_well(world, NULL);
    assert_containers(world, "");
    assert_true(world_exists(world, "/run/containers/with.dot/pid"));
}

/* --- parts that fail --- */

static void test_failing_parts(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        const char *message;
    } cases[] = {
        {"launcher.recover", "recover: launcher: broken"},
        {"b.recover", "recover: isolator b: broken"},
        {"provisioner.recover", "recover: provisioner: broken"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        world_run(&world, "c1");
        world_restart(&world);
        world_fail(&world, cases[i].call, "broken");
        recover_badly(&world, NULL, cases[i].message);
        world_settle(&world);
        assert_int_equal(double_processes_alive(&world.outside), 1);
        world_release(&world);
    }
}

static void test_held_parts(void **state)
{
    struct world *world = *state;
    static const char *const calls[] = {"launcher.recover", "b.recover", "provisioner.recover"};
    struct answer answer = {0};
    world_run(world, "c1");
    world_restart(world);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
        world_hold(world, calls[i]);
    recover(world, NULL, &answer);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        assert_int_equal(answer.count, 0);
        assert_int_equal(world_release_call(world, calls[i]), 1);
    }
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.result, 0);
    /* And when the instance ends in between. */
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        world_restart(world);
        world_hold(world, calls[i]);
        recover(world, NULL, &answer);
        assert_int_equal(answer.count, 1 + i);
        world_restart(world);
        assert_int_equal(answer.count, 2 + i);
        assert_int_equal(answer.result, -ESHUTDOWN);
        world_release_call(world, calls[i]);
    }
    answer_release(&answer);
}

/* The limits of what was recovered are watched. */
static void test_limits_are_watched(void **state)
{
    struct world *world = *state;
    struct answer wait = {0};
    struct limitation limitation = {.message = (char *)"late"};
    world_run(world, "c1");
    world_restart(world);
    recover_well(world, NULL);
    containerizer_wait(world->containerizer, "c1", answer_termination(&wait));
    world_limit(world, "a", "c1", &limitation);
    assert_string_equal(wait.termination.message, "late");
    answer_release(&wait);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_standalone),
        WORLD_TEST(test_ended_meanwhile),
        WORLD_TEST(test_executor_with_nested),
        WORLD_TEST(test_wiped_metadata),
        WORLD_TEST(test_debug_is_destroyed),
        WORLD_TEST(test_nested_without_config),
        WORLD_TEST(test_orphans_of_the_launcher),
        WORLD_TEST(test_launch_below_an_orphan),
        WORLD_TEST(test_terminated_nested),
        WORLD_TEST(test_no_pid),
        cmocka_unit_test(test_runs_passed_over),
        WORLD_TEST(test_reboot),
        WORLD_TEST(test_bad_state),
        cmocka_unit_test(test_malformed_files),
        WORLD_TEST(test_strange_entries_are_left_alone),
        cmocka_unit_test(test_failing_parts),
        WORLD_TEST(test_held_parts),
        WORLD_TEST(test_limits_are_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
