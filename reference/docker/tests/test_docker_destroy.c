/* SPDX-License-Identifier: Apache-2.0 */
/* Destroys of docker containers in each phase (docker.md 11). */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/docker/tests/docker_fixture.h"

#define HOUR_MS (UINT64_C(3600) * 1000)

static pid_t executor_pid(struct docker_fixture *fixture)
{
    return (pid_t)strtol(docker_file(fixture, PID_PATH), NULL, 10);
}

static void launched(struct docker_fixture *fixture, enum what what)
{
    docker_launch_id(fixture, what, "", "");
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    docker_wait_id(fixture);
    docker_lines(fixture);
}

/* The launch has failed, and everybody got this termination. */
static void assert_destroyed_early(struct docker_fixture *fixture, const char *message)
{
    assert_int_equal(fixture->destroy.count, 1);
    assert_int_equal(fixture->destroy.result, 0);
    assert_string_equal(fixture->destroy.message, message);
    assert_string_equal(fixture->wait.message, message);
    assert_false(fixture->wait.status.set);
    assert_int_equal(fixture->launch.count, 1);
    assert_int_equal(fixture->launch.result, -ECANCELED);
    _cleanup_free_ char *failure = str_printf("launch " ID ": %s", message);
    assert_string_equal(fixture->launch.message, failure);
    docker_run_ms(fixture, 10 * 1000);
    docker_assert_clean(fixture);
}

/* DO-23, DO-28 */
static void test_unknown(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_destroy_id(fixture);
    docker_wait_id(fixture);
    assert_true(fixture->destroy.none && fixture->destroy.count == 1);
    assert_true(fixture->wait.none && fixture->wait.count == 1);
    containerizer_destroy(fixture->containerizer, ID ".nested",
        docker_hear_termination(&fixture->other));
    assert_true(fixture->other.none && fixture->other.count == 1);
}

/* DO-21 */
static void test_fetching(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_fetcher_hold(fixture->fetcher, ID);
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_to(fixture, CONTAINER_FETCHING);
    docker_wait_id(fixture);
    docker_destroy_id(fixture);
    assert_int_equal(fake_fetcher_kills(fixture->fetcher, ID), 1);
    assert_destroyed_early(fixture, "Container destroyed while fetching");
}

static void test_pulling(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, ",\"image\":\"far\"", "");
    docker_run_to(fixture, CONTAINER_PULLING);
    docker_run_ms(fixture, 1000);
    docker_wait_id(fixture);
    docker_destroy_id(fixture);
    assert_destroyed_early(fixture, "Container destroyed while pulling image");
    assert_string_equal(docker_lines(fixture), "inspect far:latest; pull far:latest");
}

/* DO-39: an inspection that hangs is given up as well. */
static void test_pulling_hangs(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_IMAGE_INSPECT, .fault = FAKE_DOCKER_HOLD});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 1000 * 1000);
    docker_wait_id(fixture);
    docker_destroy_id(fixture);
    assert_destroyed_early(fixture, "Container destroyed while pulling image");
}

static void test_mounting(void **state)
{
    struct docker_fixture *fixture = *state;
    vfs_mkdir(fixture->kernel->vfs, WORK "/volumes/roles/*/p1", 0755, true);
    docker_launch_id(fixture, TASK, "",
        ",\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":64,\"disk\":{"
        "\"persistence\":{\"id\":\"p1\"},\"container_path\":\"data\"}}]");
    docker_run_to(fixture, CONTAINER_MOUNTING);
    for (int i = 0; i < 8 && !host_file_exists(fixture->host, SANDBOX "/data"); i++)
        loop_step(fixture->loop);
    assert_true(host_file_exists(fixture->host, SANDBOX "/data"));
    docker_wait_id(fixture);
    docker_destroy_id(fixture);
    assert_destroyed_early(fixture, "Container destroyed while mounting volumes");
}

/* --- RUNNING --- */

static void test_running_task(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK);
    pid_t pid = executor_pid(fixture);
    docker_destroy_id(fixture);
    docker_destroy_id(fixture); /* the same termination */
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->destroy.count, 2);
    assert_string_equal(fixture->destroy.message, "Container killed");
    assert_int_equal(fixture->wait.status.value, SIGTERM);
    assert_false(docker_process_lives(fixture, pid));
    assert_string_equal(docker_lines(fixture), "stop -t 0 " NAME);
    docker_run_ms(fixture, 7 * HOUR_MS);
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME);
    docker_assert_clean(fixture);
}

/* The whole tree below the executor gets its signal. */
static void test_process_tree(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK);
    struct process *child = NULL;
    struct process *grandchild = NULL;
    struct process *executor = process_find(fixture->kernel, executor_pid(fixture));
    assert_int_equal(process_fork(fixture->kernel, executor, 0, &child), 0);
    assert_int_equal(process_fork(fixture->kernel, child, 0, &grandchild), 0);
    pid_t pid = grandchild->pid;
    docker_destroy_id(fixture);
    assert_false(docker_process_lives(fixture, pid));
}

static void test_running_custom_executor(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_stop_timeout", "5secs");
    launched(fixture, CUSTOM);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 4500);
    assert_int_equal(fixture->destroy.count, 0); /* pid 1 does not die of SIGTERM */
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->destroy.count, 1);
    assert_string_equal(fixture->wait.message, "Container killed");
    assert_string_equal(docker_lines(fixture), "stop -t 5 " NAME);
    docker_run_ms(fixture, 7 * HOUR_MS);
    docker_assert_clean(fixture);
}

/* DO-47 */
static void test_stop_hangs(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM);
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_STOP, .fault = FAKE_DOCKER_HOLD});
    pid_t pid = fake_docker_pid(fixture->engine, NAME);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 900);
    assert_true(docker_process_lives(fixture, pid));
    docker_run_ms(fixture, 200); /* stop timeout + 1 s */
    assert_false(docker_process_lives(fixture, pid));
    assert_int_equal(fixture->destroy.count, 1);
    assert_string_equal(fixture->wait.message, "Container killed");
    docker_run_ms(fixture, 7 * HOUR_MS);
    docker_assert_clean(fixture);
}

/* A stop that fails does not matter as long as the process can be waited for. */
static void test_stop_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_STOP, .fault = FAKE_DOCKER_FAIL, .text = "no"});
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    assert_string_equal(fixture->destroy.message, "Container killed");
}

static void test_neither_stopped_nor_reaped(void **state)
{
    struct docker_fixture *fixture = *state;
    char subject[] = "exit";
    launched(fixture, TASK);
    fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_EVENT, .subject = subject,
        .verdict = {.action = EFFECT_FAIL, .error = -EIO}});
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_STOP, .fault = FAKE_DOCKER_FAIL, .text = "no"});
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->destroy.result, -EIO);
    assert_non_null(strstr(fixture->wait.message, "GPUs"));
    enum container_phase phase;
    assert_int_equal(containerizer_phase(fixture->containerizer, ID, &phase), -ENOENT);
    docker_lines(fixture);
    docker_run_ms(fixture, 7 * HOUR_MS);
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME);
}

/* An executor that survives its SIGTERM keeps the destroy pending (quirk). */
static void test_executor_survives(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK);
    struct process *executor = process_find(fixture->kernel, executor_pid(fixture));
    executor->ignored_signals = SIGNAL_BIT(SIGTERM);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, HOUR_MS);
    assert_int_equal(fixture->destroy.count, 0);
    process_signal(executor, SIGKILL);
    docker_run_ms(fixture, 100);
    assert_int_equal(fixture->wait.status.value, SIGKILL);
}

/* A destroy that comes before there is a process to wait for waits for the launch. */
static void test_running_but_not_started(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_RUN, .fault = FAKE_DOCKER_DELAY, .delay_ns = 5 * NS_PER_SEC});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_to(fixture, CONTAINER_RUNNING);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 4000);
    assert_int_equal(fixture->destroy.count, 0);
    docker_run_ms(fixture, 4000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_string_equal(fixture->destroy.message, "Container killed");
}

/* And when the launch fails instead, the destroy that follows on it completes both. */
static void test_running_but_launch_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_RUN, .fault = FAKE_DOCKER_FAIL, .status = 127});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_to(fixture, CONTAINER_RUNNING);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 4000);
    assert_int_equal(fixture->launch.result, -EREMOTEIO);
    assert_int_equal(fixture->destroy.count, 0);
    containerizer_destroy(
        fixture->containerizer, ID, docker_hear_termination(&fixture->other));
    assert_int_equal(fixture->destroy.count, 1);
    assert_int_equal(fixture->other.count, 1);
    assert_null(fixture->destroy.message);
    docker_assert_clean(fixture);
}

/* DO-46: the delay of the removal. */
static void test_remove_delay(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_remove_delay", "10secs");
    launched(fixture, CUSTOM);
    fake_docker_exit(fixture->engine, NAME, 0);
    docker_run_ms(fixture, 9000);
    assert_string_equal(docker_lines(fixture), "");
    assert_true(fake_docker_exists(fixture->engine, NAME));
    docker_run_ms(fixture, 1500);
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME);
    docker_assert_clean(fixture);
}

static void test_wait_is_given_up(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK);
    docker_destroy_id(fixture);
    containerizer_wait_cancel(fixture->containerizer, ID, &fixture->wait);
    assert_int_equal(fixture->wait.result, -ECANCELED);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->wait.count, 1);
    assert_int_equal(fixture->destroy.count, 1);
}

/* The engine restarts in the middle: the container is gone, and so is its executor's end told. */
static void test_engine_restarts(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM);
    fake_docker_restart(fixture->engine);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->wait.count, 1);
    assert_string_equal(fixture->wait.message, "Container terminated");
    docker_run_ms(fixture, 7 * HOUR_MS);
    docker_assert_clean(fixture);
}

/* Nobody is left without an answer when the agent goes, whatever it was doing. */
static void test_agent_goes(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, ",\"image\":\"far\"", "");
    docker_wait_id(fixture);
    docker_run_ms(fixture, 500);
    docker_restart(fixture);
    assert_int_equal(fixture->launch.result, -ESHUTDOWN);
    assert_int_equal(fixture->wait.result, -ESHUTDOWN);
    assert_int_equal(fixture->launch.count + fixture->wait.count, 2);
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, docker_setup, docker_teardown),                          \
        {#name " (cli)", name, docker_setup_cli, docker_teardown, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_unknown),
        BOTH(test_fetching),
        BOTH(test_pulling),
        BOTH(test_pulling_hangs),
        BOTH(test_mounting),
        BOTH(test_running_task),
        BOTH(test_process_tree),
        BOTH(test_running_custom_executor),
        BOTH(test_stop_hangs),
        BOTH(test_stop_fails),
        BOTH(test_neither_stopped_nor_reaped),
        BOTH(test_executor_survives),
        BOTH(test_running_but_not_started),
        BOTH(test_running_but_launch_fails),
        BOTH(test_remove_delay),
        BOTH(test_wait_is_given_up),
        BOTH(test_engine_restarts),
        BOTH(test_agent_goes),
    };
    return cmocka_run_group_tests_name("docker destroy", tests, NULL, NULL);
}
