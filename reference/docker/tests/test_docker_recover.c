/* SPDX-License-Identifier: Apache-2.0 */
/* Creation and recovery of the docker containerizer (docker.md 1, 12). */
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

static void launched(struct docker_fixture *fixture, enum what what, const char *extra)
{
    docker_launch_id(fixture, what, "", extra);
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    docker_lines(fixture);
}

static pid_t forked_pid(struct docker_fixture *fixture)
{
    return (pid_t)strtol(docker_file(fixture, PID_PATH), NULL, 10);
}

/* Recovers with one run of the agent, or with none (pid 0). */
static void recover(struct docker_fixture *fixture, pid_t pid, bool command_task)
{
    docker_recover_run(fixture, pid, command_task);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->other.count, 1);
}

static void assert_containers(struct docker_fixture *fixture, const char *expected)
{
    _cleanup_strv_ char **ids = containerizer_containers(fixture->containerizer);
    assert_int_equal(strv_length(ids), *expected ? 1 : 0);
    if (*expected)
        assert_string_equal(ids[0], expected);
}

/* --- the client --- */

static void test_version(void **state)
{
    struct docker_fixture *fixture = *state;
    static const struct {
        const char *version;
        const char *message; /* NULL: recovers */
    } rows[] = {
        {"1.8.0, build 1", NULL},
        {"17.05.0-ce, build 89658be", NULL},
        {"1.7.9, build 1",
            "recover docker: docker 1.8.0 or newer is needed, this is 1.7.9"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_docker_set_version(fixture->engine, rows[i].version);
        fixture->other.count = 0;
        recover(fixture, 0, false);
        if (!rows[i].message)
            assert_int_equal(fixture->other.result, 0);
        else
            assert_string_equal(fixture->other.message, rows[i].message);
        docker_restart(fixture);
    }
}

static void test_version_is_garbage(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_VERSION, .fault = FAKE_DOCKER_GARBAGE, .text = "what?"});
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, -EBADMSG);
}

/* With the CLI only: it is killed after 5 s. */
static void test_version_hangs(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_VERSION, .fault = FAKE_DOCKER_HOLD});
    docker_recover_run(fixture, 0, false);
    docker_run_ms(fixture, 4900);
    assert_int_equal(fixture->other.count, 0);
    docker_run_ms(fixture, 200);
    assert_int_equal(fixture->other.result, -ETIMEDOUT);
    assert_string_equal(fixture->other.message,
        "recover docker: docker version: no answer after 5 s, killed");
}

static void test_no_cli(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker", "no-such-docker");
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, -ENOENT);
    assert_string_equal(
        fixture->other.message, "recover docker: docker version: run no-such-docker: ENOENT");
}

static void test_socket_refused(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_refuse(fixture->engine, true);
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, -EREMOTEIO);
    assert_string_equal(fixture->other.message,
        "recover docker: docker ps mesos-: exit status 1: Cannot connect to the Docker daemon at "
        "unix:///var/run/docker.sock. Is the docker daemon running?");
}

static void test_flags(void **state)
{
    struct docker_fixture *fixture = *state;
    static const struct {
        const char *name;
        const char *value;
        const char *message;
    } rows[] = {
        {"docker_socket", "var/run/docker.sock", "docker_socket"},
        {"docker_config", "[1]", "docker_config"},
        {"docker_config", "/no/such/file", "docker_config"},
        {"docker_stop_timeout", "soon", "docker_stop_timeout"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct flags flags = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        flags_init(&flags);
        int r = flags_set(&flags, rows[i].name, rows[i].value, &err);
        const struct docker_parts parts = {.host = fixture->host, .flags = &flags,
            .fetcher = fixture->fetcher};
        struct containerizer *made = NULL;
        if (r == 0)
            r = docker_containerizer_new(&parts, &made, &err);
        assert_true(r < 0);
        assert_null(made);
        assert_non_null(strstr(err_text(&err), rows[i].message));
        flags_release(&flags);
    }
}

/* --- executors --- */

/* DO-07a */
static void test_task_is_recovered(void **state)
{
    struct docker_fixture *fixture = *state;
    struct container_config config;
    docker_config(&config, TASK, ID, "", "");
    fake_docker_set_task(fixture->engine, NAME, &config);
    json_type_release(&container_config_json, &config);
    launched(fixture, TASK, "");
    pid_t pid = forked_pid(fixture);
    docker_restart(fixture);
    recover(fixture, pid, true);
    assert_int_equal(fixture->other.result, 0);
    assert_string_equal(docker_lines(fixture), "--version; ps -a; inspect --type=container " NAME);
    assert_containers(fixture, ID);
    enum container_phase phase;
    assert_int_equal(containerizer_phase(fixture->containerizer, ID, &phase), 0);
    assert_int_equal(phase, CONTAINER_RUNNING);
    docker_wait_id(fixture);
    assert_int_equal(fixture->wait.count, 0);

    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    assert_string_equal(fixture->wait.message, "Container killed");
    assert_false(fixture->wait.status.set); /* not our child any more */
    docker_run_ms(fixture, UINT64_C(7) * 3600 * 1000);
    docker_assert_clean(fixture);
}

static void test_executor_has_ended_meanwhile(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, TASK, "");
    pid_t pid = forked_pid(fixture);
    docker_restart(fixture);
    process_signal(process_find(fixture->kernel, pid), SIGKILL);
    docker_recover_run(fixture, pid, true);
    docker_wait_id(fixture); /* not known yet */
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->other.result, 0);
    assert_containers(fixture, "");
    docker_run_ms(fixture, UINT64_C(7) * 3600 * 1000);
    docker_assert_clean(fixture);
}

static void test_executor_container_is_recovered(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_mesos_image", "img");
    launched(fixture, TASK, "");
    pid_t pid = forked_pid(fixture);
    docker_restart(fixture);
    recover(fixture, pid, true);
    assert_containers(fixture, ID);
    docker_wait_id(fixture);
    fake_docker_exit(fixture->engine, EXECUTOR_NAME, 0);
    docker_lines(fixture);
    docker_run_ms(fixture, UINT64_C(7) * 3600 * 1000);
    assert_string_equal(fixture->wait.message, "Container terminated");
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME "; rm -f -v " EXECUTOR_NAME);
    docker_assert_clean(fixture);
}

/* Runs that are none of ours, DO-09 among them. */
static void test_other_runs(void **state)
{
    struct docker_fixture *fixture = *state;
    struct container_info mesos = {.type = CONTAINER_TYPE_MESOS};
    struct container_info docker = {.type = CONTAINER_TYPE_DOCKER};
    struct executor_info of_mesos = {.container = &mesos};
    struct executor_info of_docker = {.container = &docker};
    struct executor_info of_nobody = {0};
    char id[] = ID;
    char id2[] = ID2;
    struct agent_run runs[] = {
        {.container_id = id, .executor_info = &of_mesos, .forked_pid = 1},
        {.container_id = id2, .executor_info = &of_docker, .forked_pid = 0},
        {.container_id = id2, .executor_info = &of_docker, .forked_pid = 1, .completed = true},
        {.container_id = id2, .forked_pid = 1},
        {.container_id = id2, .executor_info = &of_nobody, .forked_pid = 1},
    };
    const struct agent_state agent = {runs, ARRAY_SIZE(runs)};
    containerizer_recover(fixture->containerizer, &agent, docker_hear(&fixture->other));
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->other.result, 0);
    assert_containers(fixture, "");
}

/* Without ContainerInfo it counts that docker has a container of that name. */
static void test_run_without_container_info(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    pid_t pid = forked_pid(fixture);
    docker_restart(fixture);
    struct executor_info executor = {0};
    char id[] = ID;
    struct agent_run run = {.container_id = id, .executor_info = &executor, .forked_pid = pid};
    const struct agent_state agent = {&run, 1};
    containerizer_recover(fixture->containerizer, &agent, docker_hear(&fixture->other));
    docker_run_ms(fixture, 1000);
    assert_containers(fixture, ID);
}

/* --- orphans --- */

/* DO-07b, DO-08 */
static void test_orphan(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, 0);
    assert_string_equal(docker_lines(fixture), "--version; ps -a; inspect --type=container " NAME
        "; stop -t 0 " NAME "; rm -v " NAME);
    assert_containers(fixture, "");
    docker_wait_id(fixture);
    assert_true(fixture->wait.none);
    docker_assert_clean(fixture);
}

/* Both containers of mode A are orphans, although the literal rule overlooks the executor's. */
static void test_orphaned_executor_container(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_mesos_image", "img");
    launched(fixture, TASK, "");
    docker_restart(fixture);
    recover(fixture, 0, false);
    docker_assert_clean(fixture);
}

static void test_orphans_are_kept(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    docker_set_flag(fixture, "docker_kill_orphans", "false");
    recover(fixture, 0, false);
    assert_true(fake_docker_pid(fixture->engine, NAME) > 0);
}

/* DO-10 */
static void test_malformed_name_is_kept(void **state)
{
    struct docker_fixture *fixture = *state;
    char name[] = "mesos-malformedUUID";
    char image[] = "img";
    char sleeping[] = "sleep";
    char seconds[] = "1000";
    char *arguments[] = {sleeping, seconds, NULL};
    const struct docker_run_options options = {
        .name = name, .image = image, .arguments = arguments};
    struct docker *client = fake_docker_client(fixture->engine, fixture->host);
    docker_run(client, &options, DONE_NONE);
    docker_run_ms(fixture, 1000);
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, 0);
    assert_true(fake_docker_pid(fixture->engine, name) > 0);
    host_gone(fixture->host);
    docker_free(client);
}

static void test_orphan_that_cannot_be_stopped(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_STOP, .fault = FAKE_DOCKER_FAIL, .text = "no"});
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, 0);
    assert_non_null(strstr(docker_lines(fixture), "rm -f -v " NAME));
    docker_assert_clean(fixture);
}

static void test_inspection_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_FAIL, .text = "broken"});
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, -EREMOTEIO);
    assert_non_null(strstr(fixture->other.message, "broken"));
    assert_true(fake_docker_pid(fixture->engine, NAME) > 0);
}

#define VOLUME                                                                                     \
    ",\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":64,\"disk\":{"              \
    "\"persistence\":{\"id\":\"p1\"},\"container_path\":\"data\"}}]"

static void launched_with_volume(struct docker_fixture *fixture)
{
    struct container_config config;
    docker_config(&config, TASK, ID, "", "");
    fake_docker_set_task(fixture->engine, NAME, &config);
    json_type_release(&container_config_json, &config);
    vfs_mkdir(fixture->kernel->vfs, WORK "/volumes/roles/*/p1", 0755, true);
    launched(fixture, TASK, VOLUME);
}

/* DO-12 */
static void test_volume_of_a_recovered_container(void **state)
{
    struct docker_fixture *fixture = *state;
    launched_with_volume(fixture);
    pid_t pid = forked_pid(fixture);
    docker_restart(fixture);
    recover(fixture, pid, true);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, UINT64_C(7) * 3600 * 1000);
    docker_assert_clean(fixture);
}

/* DO-13; its executor ends by itself when its container has gone. */
static void test_volume_of_an_orphan(void **state)
{
    struct docker_fixture *fixture = *state;
    launched_with_volume(fixture);
    docker_restart(fixture);
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, 0);
    docker_run_ms(fixture, 1000);
    docker_assert_clean(fixture);
}

static void test_unmount_of_an_orphan_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    launched_with_volume(fixture);
    docker_restart(fixture);
    fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_UNMOUNT,
        .verdict = {.action = EFFECT_FAIL, .error = -EBUSY}});
    recover(fixture, 0, false);
    assert_int_equal(fixture->other.result, -EBUSY);
}

static void test_agent_goes_while_it_recovers(void **state)
{
    struct docker_fixture *fixture = *state;
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    docker_recover_run(fixture, 0, false);
    docker_run_ms(fixture, 25); /* in the middle */
    docker_restart(fixture);
    assert_int_equal(fixture->other.count, 1);
    assert_int_equal(fixture->other.result, -ESHUTDOWN);
    fixture->other.count = 0;
    recover(fixture, 0, false);
    docker_assert_clean(fixture);
}

/* The agent crashes at each effect of a recovery that removes an orphan, before and after it; the
 * next one cleans up all the same. */
static void test_crashes_while_recovering(void **state)
{
    struct docker_fixture *fixture = *state;
    static const enum effect_action crashes[] = {EFFECT_CRASH_BEFORE, EFFECT_CRASH_AFTER};
    for (size_t i = 0; i < 24; i++) {
        launched(fixture, CUSTOM, "");
        docker_restart(fixture);
        fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_KIND_COUNT,
            .nth = i / 2 + 1, .verdict = {.action = crashes[i % 2]}});
        docker_recover_run(fixture, 0, false);
        docker_run_ms(fixture, 5000);
        docker_restart(fixture);
        fixture->other.count = 0;
        recover(fixture, 0, false);
        assert_int_equal(fixture->other.result, 0);
        docker_run_ms(fixture, 1000);
        docker_assert_clean(fixture);
    }
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, docker_setup, docker_teardown)
#define CLI(name) {#name " (cli)", name, docker_setup_cli, docker_teardown, NULL}
#define BOTH(name) ONE(name), CLI(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_version),
        BOTH(test_version_is_garbage),
        CLI(test_version_hangs),
        CLI(test_no_cli),
        BOTH(test_socket_refused),
        ONE(test_flags),
        BOTH(test_task_is_recovered),
        BOTH(test_executor_has_ended_meanwhile),
        BOTH(test_executor_container_is_recovered),
        BOTH(test_other_runs),
        BOTH(test_run_without_container_info),
        BOTH(test_orphan),
        BOTH(test_orphaned_executor_container),
        BOTH(test_orphans_are_kept),
        BOTH(test_malformed_name_is_kept),
        BOTH(test_orphan_that_cannot_be_stopped),
        BOTH(test_inspection_fails),
        BOTH(test_volume_of_a_recovered_container),
        BOTH(test_volume_of_an_orphan),
        BOTH(test_unmount_of_an_orphan_fails),
        BOTH(test_agent_goes_while_it_recovers),
        BOTH(test_crashes_while_recovering),
    };
    return cmocka_run_group_tests_name("docker recover", tests, NULL, NULL);
}
