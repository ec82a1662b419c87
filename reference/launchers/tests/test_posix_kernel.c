/* SPDX-License-Identifier: Apache-2.0 */
/* The posix launcher on real processes (LA-08, LA-10, LA-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/launchers/tests/kernel_world.h"

static void destroy_kills_the_tree(void **state)
{
    static const char *const commands[] = {
        "echo > up; exec sleep 100",
        "sleep 100 & sleep 100 & echo > up; wait",
        /* double fork, in the same session */
        "(sh -c 'sleep 100 & echo > up' &) ; sleep 100",
        /* deaf to everything but SIGKILL */
        "trap '' TERM INT HUP; echo > up; while :; do sleep 1; done",
        /* stopped */
        "echo > up; kill -STOP $$",
        /* the init ends at once, its daemon stays */
        "(sleep 100 &) ; echo > up",
        /* a child in a session of its own is still a descendant */
        "setsid sleep 100 & echo > up; sleep 100",
    };
    struct world *world = *state;
    struct launcher *launcher = launcher_posix_new(world->host);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        struct plan plan;
        _cleanup_free_ char *id = str_printf("c%zu", i);
        world_plan(world, &plan, id, commands[i]);
        pid_t pid = world_fork(world, launcher, id, &plan);
        free(world_await(world, id, "up"));
        assert_int_equal(world_destroy(world, launcher, id, NULL), 0);
        assert_int_equal(count_alive(world, pid), 0);
        plan_release(&plan);
    }
    launcher_free(launcher);
}

/* What makes a session of its own and is adopted escapes: the known limit of this launcher. */
static void a_daemon_escapes(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = launcher_posix_new(world->host);
    struct plan plan;
    world_plan(world, &plan, "c1",
        /* told once the shell between them has been reaped */
        "(setsid sh -c 'echo $$ > born; exec sleep 100' &); until [ -s born ]; do sleep 0.01; "
        "done; mv born escaped; exec sleep 100");
    world_fork(world, launcher, "c1", &plan);
    _cleanup_free_ char *text = world_await(world, "c1", "escaped");
    pid_t escaped = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    assert_true(is_alive(escaped));
    kill(escaped, SIGKILL);
    plan_release(&plan);
    launcher_free(launcher);
}

static void destroy_after_the_end_kills_nobody_else(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = launcher_posix_new(world->host);
    struct plan plan;
    world_plan(world, &plan, "c1", "true");
    pid_t pid = world_fork(world, launcher, "c1", &plan);
    assert_int_equal(world_wait(world, pid), 0);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0); /* LA-10 */
    plan_release(&plan);
    launcher_free(launcher);
}

static void forks_that_are_refused(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = launcher_posix_new(world->host);
    _cleanup_err_ struct err err = ERR_INIT;
    struct plan plan;
    pid_t pid;
    int gate;
    world_plan(world, &plan, "c1", "sleep 100");
    plan.clone_namespaces = NS_BIT(NS_PID);
    assert_int_equal(launcher_fork(launcher, "c1", &plan, &pid, &gate, &err), -EINVAL);
    assert_non_null(strstr(err.message, "namespaces"));
    plan.clone_namespaces = 0;
    plan.enter_namespaces = NS_BIT(NS_MNT);
    assert_int_equal(launcher_fork(launcher, "c1", &plan, &pid, &gate, &err), -EINVAL);
    plan.enter_namespaces = 0;
    world_fork(world, launcher, "c1", &plan);
    assert_int_equal(launcher_fork(launcher, "c1", &plan, &pid, &gate, &err), -EEXIST);
    struct container_status status = {0};
    assert_int_equal(launcher_status(launcher, "c1", &status, NULL), 0);
    assert_true(status.executor_pid.set);
    assert_int_equal(launcher_status(launcher, "c2", &status, NULL), -ENOENT);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    plan_release(&plan);
    launcher_free(launcher);
}

static void recovers_live_containers(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = launcher_posix_new(world->host);
    struct plan plan;
    world_plan(world, &plan, "c1", "sleep 100");
    pid_t pid = world_fork(world, launcher, "c1", &plan);
    launcher_free(launcher);

    launcher = launcher_posix_new(world->host);
    const struct container_state states[] = {{.id = "c1", .pid = pid}, {.id = "c2"}};
    struct outcome outcome;
    launcher_recover(launcher, states, 2, outcome_strings(&outcome));
    assert_true(outcome.done);
    assert_int_equal(outcome.result, 0);
    assert_int_equal(strv_length(outcome.strings), 0);
    outcome_release(&outcome);
    assert_int_equal(world_destroy(world, launcher, "c2", NULL), 0);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    assert_int_equal(count_alive(world, pid), 0);
    launcher_free(launcher);

    launcher = launcher_posix_new(world->host);
    const struct container_state twice[] = {{.id = "c1", .pid = 77}, {.id = "c2", .pid = 77}};
    launcher_recover(launcher, twice, 2, outcome_strings(&outcome));
    assert_int_equal(outcome.result, -EEXIST);
    assert_string_equal(outcome.message, "recover c2: pid 77 is that of c1 already");
    outcome_release(&outcome);
    launcher_free(launcher);
    plan_release(&plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(destroy_kills_the_tree),
        TEST(a_daemon_escapes),
        TEST(destroy_after_the_end_kills_nobody_else),
        TEST(forks_that_are_refused),
        TEST(recovers_live_containers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
