/* SPDX-License-Identifier: Apache-2.0 */
/* Launches of the docker containerizer (docker.md 2 to 7), with the double and with the CLI. */
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

#define RESOURCES                                                                                  \
    ",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1},"                        \
    "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":128}]"
#define ENV_LINE                                                                                   \
    "-e FROM_AGENT=1 -e MESOS_CONTAINER_NAME=" NAME " -e MESOS_SANDBOX=/mnt/mesos/sandbox "
#define BOX_LINE "-v " SANDBOX ":/mnt/mesos/sandbox "

/* --- acceptance --- */

static void test_acceptance(void **state)
{
    struct docker_fixture *fixture = *state;
    struct container_config config;
    docker_config(&config, CUSTOM, ID, "", "");
    containerizer_launch(fixture->containerizer, ID ".nested", &config, NULL, 0, NULL,
        docker_hear_launch(&fixture->launch));
    assert_int_equal(fixture->launch.result, -EOPNOTSUPP);
    assert_string_equal(fixture->launch.message,
        "launch " ID ".nested: nested containers are not supported");

    config.container_info->type = CONTAINER_TYPE_MESOS;
    containerizer_launch(fixture->containerizer, ID, &config, NULL, 0, NULL,
        docker_hear_launch(&fixture->launch));
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    json_type_release(&container_config_json, &config);
    containerizer_launch(fixture->containerizer, ID, &config, NULL, 0, NULL,
        docker_hear_launch(&fixture->launch));
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    docker_assert_clean(fixture);
}

/* DO-41 */
static void test_known_id_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, "", "");
    struct container_config config;
    docker_config(&config, CUSTOM, ID, "", "");
    containerizer_launch(fixture->containerizer, ID, &config, NULL, 0, NULL,
        docker_hear_launch(&fixture->other));
    json_type_release(&container_config_json, &config);
    assert_int_equal(fixture->other.result, -EEXIST);
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
}

static void test_unsupported_operations(void **state)
{
    struct docker_fixture *fixture = *state;
    struct containerizer *docker = fixture->containerizer;
    containerizer_attach(docker, ID, docker_hear(&fixture->other));
    assert_int_equal(fixture->other.result, -EOPNOTSUPP);
    containerizer_kill(docker, ID, SIGTERM, docker_hear(&fixture->other));
    assert_int_equal(fixture->other.result, -EOPNOTSUPP);
    containerizer_remove(docker, ID, docker_hear(&fixture->other));
    assert_int_equal(fixture->other.result, -EOPNOTSUPP);
    containerizer_prune_images(docker, NULL, docker_hear(&fixture->other));
    assert_int_equal(fixture->other.result, 0);
}

/* --- a custom executor --- */

/* DO-01 */
static void test_custom_executor(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, "", RESOURCES);
    docker_run_to(fixture, CONTAINER_RUNNING);
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    static const char inspect[] = "inspect --type=container " NAME;
    static const char run[] =
        "run --cpu-shares 1024 --memory 134217728 -e FROM_AGENT=1 -e 'MESOS_ALLOCATION_ROLE=*' "
        "-e MESOS_CONTAINER_NAME=" NAME " -e MESOS_SANDBOX=/mnt/mesos/sandbox " BOX_LINE
        "--net host --name " NAME " img sleep 1000";
    /* the CLI takes a moment until it is one; the first inspection does not find the container */
    _cleanup_free_ char *expected = str_printf("inspect img:latest; %s; %s; %s; %s",
        fixture->cli ? inspect : run, fixture->cli ? run : inspect, inspect, inspect);
    assert_string_equal(docker_lines(fixture), expected);
    pid_t pid = fake_docker_pid(fixture->engine, NAME);
    assert_true(pid > 0);
    assert_int_equal(strtol(docker_file(fixture, PID_PATH), NULL, 10), pid);

    docker_wait_id(fixture);
    fake_docker_exit(fixture->engine, NAME, 0);
    docker_run_ms(fixture, 100);
    assert_int_equal(fixture->wait.count, 1);
    assert_string_equal(fixture->wait.message, "Container terminated");
    assert_string_equal(docker_lines(fixture), ""); /* no stop */
    docker_run_ms(fixture, 6 * 3600 * 1000);
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME);
    docker_assert_clean(fixture);
}

/* Its forced update: cgroups get the resources of the executor, not those of the launch. */
static void test_forced_update(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, "", RESOURCES);
    docker_run_ms(fixture, 3000);
    assert_string_equal(docker_cgroup_file(fixture, "cpu", "cpu.shares", false), "512");
    assert_string_equal(
        docker_cgroup_file(fixture, "memory", "memory.soft_limit_in_bytes", false), "67108864");
    assert_string_equal(
        docker_cgroup_file(fixture, "memory", "memory.limit_in_bytes", false), "134217728");
}

/* DO-27 */
static void test_run_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_RUN, .fault = FAKE_DOCKER_FAIL, .status = 125, .text = "no such device"});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.result, -EREMOTEIO);
    assert_string_equal(fixture->launch.message,
        "launch " ID ": docker run: exit status 125 (docker could not run it)");
    docker_lines(fixture);
    docker_run_ms(fixture, 5000);
    assert_string_equal(docker_lines(fixture), ""); /* the inspection was given up */
    docker_destroy_id(fixture);
    assert_int_equal(fixture->destroy.result, 0);
    assert_false(fixture->destroy.none);
    assert_null(fixture->destroy.message);
    docker_assert_clean(fixture);
}

static void test_name_conflict(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 3000);
    pid_t pid = fake_docker_pid(fixture->engine, NAME);
    docker_restart(fixture); /* knows of nothing, and does not recover */
    vfs_remove(fixture->kernel->vfs, PID_PATH);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_HOLD, .times = 1});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.result, -EREMOTEIO);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fake_docker_pid(fixture->engine, NAME), pid); /* not ours to remove */
}

/* The launch fails although the container runs: then it must not be left. */
static void test_garbage_inspection(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){.verb = DOCKER_INSPECT,
        .fault = FAKE_DOCKER_GARBAGE, .text = "[{\"Id\":", .times = 1});
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_DELAY, .delay_ns = NS_PER_SEC});
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.result, -EBADMSG);
    docker_destroy_id(fixture);
    assert_int_equal(fixture->destroy.count, 1);
    docker_run_ms(fixture, 1000);
    docker_assert_clean(fixture);
}

/* --- command tasks --- */

/* Mode B, with what the executor is told. */
static void test_executor_on_the_host(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, TASK, "", RESOURCES);
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_string_equal(docker_lines(fixture), "inspect img:latest");
    pid_t pid = (pid_t)strtol(docker_file(fixture, PID_PATH), NULL, 10);
    const struct process *executor = process_find(fixture->kernel, pid);
    assert_non_null(executor);
    assert_string_equal(executor->command, "mesos-docker-executor");

    docker_wait_id(fixture);
    process_exit(process_find(fixture->kernel, pid), 3 << 8);
    docker_run_ms(fixture, 100);
    assert_string_equal(fixture->wait.message, "Container terminated");
    assert_true(fixture->wait.status.set);
    assert_int_equal(fixture->wait.status.value, 3 << 8);
    docker_run_ms(fixture, 7 * 3600 * 1000);
    assert_string_equal(docker_lines(fixture), "rm -f -v " NAME);
    docker_assert_clean(fixture);
}

static void test_task_runs_to_its_end(void **state)
{
    struct docker_fixture *fixture = *state;
    struct container_config config;
    docker_config(&config, TASK, ID, "", RESOURCES);
    fake_docker_set_task(fixture->engine, NAME, &config);
    json_type_release(&container_config_json, &config);
    docker_launch_id(fixture, TASK, "", RESOURCES);
    docker_run_ms(fixture, 1000);
    docker_wait_id(fixture);
    assert_true(fake_docker_pid(fixture->engine, NAME) > 0);
    docker_run_ms(fixture, 1000 * 1000);
    assert_int_equal(fixture->wait.count, 1);
    assert_int_equal(fixture->wait.status.value, 0);
}

/* Mode A */
static void test_executor_in_a_container(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_mesos_image", "img");
    docker_launch_id(fixture, TASK, "", "");
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    const char *lines = docker_lines(fixture);
    const char *run =
        "run -e FROM_AGENT=1 -e FROM_COMMAND=2 -e MESOS_CONTAINER_NAME=" EXECUTOR_NAME
        " -e MESOS_SANDBOX=/mnt/mesos/sandbox -v /var/run/docker.sock:/var/run/docker.sock:ro "
        "-v " SANDBOX ":" SANDBOX ":rw " BOX_LINE "--net host --name " EXECUTOR_NAME
        " --pid=host --cap-add=SYS_ADMIN --cap-add=SYS_PTRACE img /libexec/mesos-docker-executor "
        "--cgroups_enable_cfs=false --container=" NAME " --docker=docker "
        "--docker_socket=/var/run/docker.sock --launcher_dir=/libexec "
        "--mapped_directory=/mnt/mesos/sandbox --sandbox_directory=" SANDBOX
        " --stop_timeout=0ns; ";
    if (!strstr(lines, run))
        fail_msg("%s", lines);
    assert_true(fake_docker_pid(fixture->engine, EXECUTOR_NAME) > 0);
    docker_wait_id(fixture);
    fake_docker_exit(fixture->engine, EXECUTOR_NAME, 0);
    docker_run_ms(fixture, 7 * 3600 * 1000);
    assert_int_equal(fixture->wait.count, 1);
    assert_string_equal(
        docker_lines(fixture), "rm -f -v " NAME "; rm -f -v " EXECUTOR_NAME); /* DO-46 */
    docker_assert_clean(fixture);
}

static void test_checkpoint_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    char path[] = PID_PATH;
    fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_FILE_WRITE,
        .subject = path, .verdict = {.action = EFFECT_FAIL, .error = -ENOSPC}});
    docker_launch_id(fixture, TASK, "", "");
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->launch.result, -ENOSPC);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    docker_assert_clean(fixture);
}

/* --- fetching and pulling --- */

/* DO-25 */
static void test_fetch_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_fetcher_fail(fixture->fetcher, ID, "no route");
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 1000);
    assert_true(fixture->launch.result < 0);
    assert_non_null(strstr(fixture->launch.message, "no route"));
    docker_destroy_id(fixture);
    assert_string_equal(docker_lines(fixture), "");
    docker_assert_clean(fixture);
}

static void test_pull(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, TASK, ",\"image\":\"far\"", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_string_equal(
        docker_lines(fixture), "inspect far:latest; pull far:latest; inspect far:latest");
    json_t *metrics = fixture->containerizer->metrics;
    double ms = json_number_value(json_object_get(metrics, "containerizer/docker/image_pull_ms"));
    assert_true(ms >= 2000);
}

static void test_forced_pull(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, TASK, ",\"force_pull_image\":true", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_string_equal(docker_lines(fixture), "pull img; inspect img:latest");
}

/* DO-26 */
static void test_image_does_not_exist(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_launch_id(fixture, TASK, ",\"image\":\"none:1\"", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.result, -EREMOTEIO);
    assert_string_equal(fixture->launch.message,
        "launch " ID ": docker pull none:1: exit status 1: Error response from daemon: manifest "
        "for none:1 not found: manifest unknown");
    docker_destroy_id(fixture);
    docker_assert_clean(fixture);
}

static void test_bad_image_json(void **state)
{
    struct docker_fixture *fixture = *state;
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_IMAGE_INSPECT, .fault = FAKE_DOCKER_GARBAGE, .text = "[{}]"});
    docker_launch_id(fixture, TASK, "", "");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.result, -EBADMSG);
    if (fixture->cli)
        assert_string_equal(fixture->launch.message,
            "launch " ID ": docker inspect image img:latest: output: [0].ContainerConfig: "
            "expected an object, got nothing");
}

/* The agent's credentials are in a HOME of the pull's own, and only as long as it takes. */
static void test_pull_with_config(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_config", "{\"auths\":{\"r\":{\"auth\":\"x\"}}}");
    docker_launch_id(fixture, TASK, ",\"image\":\"far\"", "");
    docker_run_to(fixture, CONTAINER_PULLING);
    docker_run_ms(fixture, 1000);
    assert_string_equal(docker_file(fixture, "/run/mesos/docker_config/" ID "/.docker/config.json"),
        "{\"auths\":{\"r\":{\"auth\":\"x\"}}}");
    docker_run_ms(fixture, 5000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_false(host_file_exists(fixture->host, "/run/mesos/docker_config/" ID));
}

static void test_sandbox_brings_its_config(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_config", "{\"r\":{\"auth\":\"x\"}}");
    vfs_write(fixture->kernel->vfs, SANDBOX "/.dockercfg", "{}", 2, 0600, false);
    docker_launch_id(fixture, TASK, ",\"image\":\"far\"", "");
    docker_run_to(fixture, CONTAINER_PULLING);
    docker_run_ms(fixture, 1000);
    assert_false(host_file_exists(fixture->host, "/run/mesos/docker_config/" ID));
}

/* --- hooks, links, volumes --- */

static void add_environment(
    void *arg, const char *id, const struct container_config *config, struct done done)
{
    (void)arg, (void)id, (void)config;
    char executor[] = "HOOKED";
    char task[] = "TASKED";
    char value[] = "yes";
    const struct environment_variable for_executor = {.name = executor, .value = value};
    const struct environment_variable for_task = {.name = task, .value = value};
    done_ok(done, &(struct docker_hook_environment){&for_executor, 1, &for_task, 1});
}

static void test_hooks(void **state)
{
    struct docker_fixture *fixture = *state;
    fixture->hooks.pre_launch = add_environment;
    docker_set_flag(fixture, "docker_mesos_image", "img");
    docker_launch_id(fixture, TASK, "", "");
    docker_run_ms(fixture, 3000);
    const char *lines = docker_lines(fixture);
    assert_non_null(strstr(lines, " -e HOOKED=yes "));
    assert_null(strstr(lines, "-e TASKED"));
    assert_non_null(strstr(lines, "'--task_environment={\"TASKED\":\"yes\"}'"));
}

static void test_hooks_of_a_custom_executor(void **state)
{
    struct docker_fixture *fixture = *state;
    fixture->hooks.pre_launch = add_environment;
    docker_restart(fixture);
    docker_launch_id(fixture, CUSTOM, "", "");
    docker_run_ms(fixture, 3000);
    const char *lines = docker_lines(fixture);
    assert_non_null(strstr(lines, " -e HOOKED=yes "));
    assert_non_null(strstr(lines, " -e TASKED=yes "));
}

/* DO-20 */
static void test_colon_in_the_sandbox(void **state)
{
    struct docker_fixture *fixture = *state;
    static const char link[] = WORK "/slaves/S0/docker/links/" ID;
    vfs_mkdir(fixture->kernel->vfs, WORK "/slaves/S0/a:b", 0755, true);
    docker_launch_id(
        fixture, CUSTOM, "", ",\"user\":\"alice\",\"directory\":\"" WORK "/slaves/S0/a:b\"");
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_non_null(strstr(docker_lines(fixture), "-v /work/slaves/S0/docker/links/" ID ":/mnt/"));
    assert_true(host_file_exists(fixture->host, link));
    struct vfs_info info = {.uid = 1000};
    if (fixture->cli) /* DO-34; the double has no process with an output */
        assert_int_equal(
            vfs_info(fixture->kernel->vfs, WORK "/slaves/S0/a:b/stdout", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 1000);
    assert_false(host_file_exists(fixture->host, link));
}

#define VOLUME                                                                                     \
    ",\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":64,\"role\":\"r\","         \
    "\"disk\":{\"persistence\":{\"id\":\"p1\"},\"container_path\":\"%s\",\"volume_mode\":\"RO\"}}]"

static void launch_with_volume(struct docker_fixture *fixture, const char *path)
{
    _cleanup_free_ char *extra = str_printf(VOLUME, path);
    vfs_mkdir(fixture->kernel->vfs, WORK "/volumes/roles/r/p1", 0755, true);
    docker_launch_id(fixture, TASK, "", extra);
}

/* DO-11 */
static void test_persistent_volume(void **state)
{
    struct docker_fixture *fixture = *state;
    launch_with_volume(fixture, "data");
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    struct mount_info *mounts = NULL;
    size_t count = 0;
    assert_int_equal(host_mounts(fixture->host, 0, &mounts, &count, NULL), 0);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= strcmp(mounts[i].target, SANDBOX "/data") == 0;
    mount_info_free(mounts, count);
    assert_true(found);
    docker_destroy_id(fixture);
    docker_run_ms(fixture, 7 * 3600 * 1000);
    docker_assert_clean(fixture);
}

static void test_volume_with_a_deep_path(void **state)
{
    struct docker_fixture *fixture = *state;
    launch_with_volume(fixture, "a/b");
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_false(host_file_exists(fixture->host, SANDBOX "/a"));
}

static void test_mount_fails(void **state)
{
    struct docker_fixture *fixture = *state;
    fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_MOUNT, .nth = 2,
        .verdict = {.action = EFFECT_FAIL, .error = -EPERM}});
    launch_with_volume(fixture, "data");
    docker_run_ms(fixture, 1000);
    assert_int_equal(fixture->launch.result, -EPERM);
    assert_true(strncmp(fixture->launch.message, "launch " ID ": persistent volume p1: ", 60) == 0);
    docker_destroy_id(fixture);
    docker_assert_clean(fixture);
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, docker_setup, docker_teardown),                          \
        {#name " (cli)", name, docker_setup_cli, docker_teardown, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_acceptance),
        BOTH(test_known_id_fails),
        BOTH(test_unsupported_operations),
        BOTH(test_custom_executor),
        BOTH(test_forced_update),
        BOTH(test_run_fails),
        BOTH(test_name_conflict),
        BOTH(test_garbage_inspection),
        BOTH(test_executor_on_the_host),
        BOTH(test_task_runs_to_its_end),
        BOTH(test_executor_in_a_container),
        BOTH(test_checkpoint_fails),
        BOTH(test_fetch_fails),
        BOTH(test_pull),
        BOTH(test_forced_pull),
        BOTH(test_image_does_not_exist),
        BOTH(test_bad_image_json),
        BOTH(test_pull_with_config),
        BOTH(test_sandbox_brings_its_config),
        BOTH(test_hooks),
        BOTH(test_hooks_of_a_custom_executor),
        BOTH(test_colon_in_the_sandbox),
        BOTH(test_persistent_volume),
        BOTH(test_volume_with_a_deep_path),
        BOTH(test_mount_fails),
    };
    return cmocka_run_group_tests_name("docker launch", tests, NULL, NULL);
}
