/* SPDX-License-Identifier: Apache-2.0 */
/* Updates and usage of docker containers (docker.md 9, 10). */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/kernel/process.h"
#include "reference/docker/tests/docker_fixture.h"

#define MIB (UINT64_C(1) << 20)

static void launched(struct docker_fixture *fixture, enum what what, const char *extra)
{
    docker_launch_id(fixture, what, "", extra);
    docker_run_ms(fixture, 3000);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    docker_lines(fixture);
}

#define RESOURCES                                                                                  \
    ",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1},"                        \
    "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":128}]"

static void update(struct docker_fixture *fixture, double cpus, double mem,
    const struct resource_limits *limits)
{
    struct resources requests = {0};
    if (cpus > 0)
        resources_add_scalar(&requests, "cpus", cpus);
    if (mem > 0)
        resources_add_scalar(&requests, "mem", mem);
    fixture->other.count = 0;
    containerizer_update(
        fixture->containerizer, ID, &requests, limits, docker_hear(&fixture->other));
    docker_run_ms(fixture, 100);
    resources_release(&requests);
    assert_int_equal(fixture->other.count, 1);
}

static void assert_cpu(struct docker_fixture *fixture, const char *shares, const char *quota)
{
    assert_string_equal(docker_cgroup_file(fixture, "cpu", "cpu.shares", false), shares);
    assert_string_equal(docker_cgroup_file(fixture, "cpu", "cpu.cfs_quota_us", false), quota);
}

static void assert_memory(struct docker_fixture *fixture, uint64_t soft, uint64_t hard)
{
    const char *file = "memory.soft_limit_in_bytes";
    assert_int_equal(
        strtoull(docker_cgroup_file(fixture, "memory", file, false), NULL, 10), soft);
    file = "memory.limit_in_bytes";
    assert_int_equal(
        strtoull(docker_cgroup_file(fixture, "memory", file, false), NULL, 10), hard);
}

static void test_update(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits none = {0};
    launched(fixture, CUSTOM, RESOURCES);
    update(fixture, 2, 256, &none);
    assert_int_equal(fixture->other.result, 0);
    assert_cpu(fixture, "2048", "-1");
    assert_memory(fixture, 256 * MIB, 256 * MIB);
    assert_string_equal(docker_lines(fixture), ""); /* the cgroups were known from the launch */
    update(fixture, 0.001, 1, &none); /* the least, and DO-45: only the soft limit moves */
    assert_cpu(fixture, "2", "-1");
    assert_memory(fixture, 32 * MIB, 256 * MIB);
}

/* DO-31, DO-32 */
static void test_update_cfs_and_limits(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits none = {0};
    const struct resource_limits limits = {.cpus = OPT(2), .mem = OPT(512)};
    docker_set_flag(fixture, "cgroups_enable_cfs", "true");
    launched(fixture, CUSTOM, RESOURCES);
    assert_cpu(fixture, "512", "50000");
    update(fixture, 1, 64, &none);
    assert_cpu(fixture, "1024", "100000");
    update(fixture, 1, 64, &limits);
    assert_cpu(fixture, "1024", "200000");
    assert_memory(fixture, 64 * MIB, 512 * MIB);
}

/* DO-33 */
static void test_infinite_limits(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits limits = {.cpus = OPT(INFINITY), .mem = OPT(INFINITY)};
    launched(fixture, CUSTOM, "");
    update(fixture, 1, 64, &limits);
    assert_cpu(fixture, "1024", "-1");
    _cleanup_free_ char *hard =
        str_dup(docker_cgroup_file(fixture, "memory", "memory.limit_in_bytes", false));
    assert_string_equal(
        hard, docker_cgroup_file(fixture, "memory", "memory.limit_in_bytes", true));
}

/* DO-43a: what is the same is not written again. */
static void test_same_update(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits none = {0};
    launched(fixture, CUSTOM, "");
    update(fixture, 2, 256, &none);
    fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_CGROUP_WRITE,
        .verdict = {.action = EFFECT_FAIL, .error = -EIO}});
    update(fixture, 2, 256, &none);
    assert_int_equal(fixture->other.result, 0);
    assert_int_equal(fixture->faults.rules[0].seen, 0);
    update(fixture, 3, 256, &none);
    assert_int_equal(fixture->other.result, -EIO);
    assert_non_null(strstr(fixture->other.message, "cpu.shares"));
}

static void test_updates_that_change_nothing(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits none = {0};
    update(fixture, 2, 256, &none); /* unknown */
    assert_int_equal(fixture->other.result, 0);
    launched(fixture, TASK, "");
    update(fixture, 2, 256, &none); /* a command task's are only remembered */
    assert_string_equal(docker_lines(fixture), "");
    update(fixture, 0, 0, &none);
    assert_int_equal(fixture->other.result, 0);
    docker_destroy_id(fixture);
    update(fixture, 3, 256, &none);
    assert_int_equal(fixture->other.result, 0);
}

/* DO-44 (MESOS-8480): a zombie is shown in the root cgroup, which is never written. */
static void test_zombie(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits none = {0};
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    docker_recover_run(fixture, fake_docker_pid(fixture->engine, NAME), false);
    docker_run_ms(fixture, 1000);
    struct process *process =
        process_find(fixture->kernel, fake_docker_pid(fixture->engine, NAME));
    _cleanup_free_ char *shares =
        str_dup(docker_cgroup_file(fixture, "cpu", "cpu.shares", true));
    process->state = PROCESS_ZOMBIE;
    update(fixture, 2, 256, &none);
    process->state = PROCESS_RUNNING;
    assert_int_equal(fixture->other.result, 0);
    assert_string_equal(docker_cgroup_file(fixture, "cpu", "cpu.shares", true), shares);
    assert_string_equal(docker_cgroup_file(fixture, "cpu", "cpu.shares", false), "512");
}

/* Each attempt to inspect is given up after 5 s, and repeated. */
static void test_update_inspects_patiently(void **state)
{
    struct docker_fixture *fixture = *state;
    struct resources requests = {0};
    const struct resource_limits none = {0};
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    docker_recover_run(fixture, fake_docker_pid(fixture->engine, NAME), false);
    docker_run_ms(fixture, 1000);
    docker_lines(fixture);
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_HOLD, .times = 2});
    resources_add_scalar(&requests, "cpus", 2);
    fixture->other.count = 0;
    containerizer_update(
        fixture->containerizer, ID, &requests, &none, docker_hear(&fixture->other));
    resources_release(&requests);
    docker_run_ms(fixture, 9900);
    assert_int_equal(fixture->other.count, 0);
    docker_run_ms(fixture, 200);
    assert_int_equal(fixture->other.count, 1);
    assert_int_equal(fixture->other.result, 0);
    assert_string_equal(docker_lines(fixture), "inspect --type=container " NAME
        "; inspect --type=container " NAME "; inspect --type=container " NAME);
    assert_cpu(fixture, "2048", "-1");
}

/* An update that waits for an inspection is ready when the container goes. */
static void test_update_outlives_container(void **state)
{
    struct docker_fixture *fixture = *state;
    struct resources requests = {0};
    const struct resource_limits none = {0};
    launched(fixture, CUSTOM, "");
    docker_restart(fixture);
    docker_recover_run(fixture, fake_docker_pid(fixture->engine, NAME), false);
    docker_run_ms(fixture, 1000);
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_HOLD});
    resources_add_scalar(&requests, "cpus", 2);
    fixture->other.count = 0;
    containerizer_update(
        fixture->containerizer, ID, &requests, &none, docker_hear(&fixture->other));
    resources_release(&requests);
    containerizer_usage(fixture->containerizer, ID, docker_hear_usage(&fixture->launch));
    fake_docker_exit(fixture->engine, NAME, 0);
    docker_run_ms(fixture, 100);
    assert_int_equal(fixture->other.count, 1);
    assert_int_equal(fixture->other.result, 0);
    assert_int_equal(fixture->launch.result, -ENOENT);
}

/* --- usage --- */

static void usage(struct docker_fixture *fixture)
{
    fixture->other.count = 0;
    containerizer_usage(fixture->containerizer, ID, docker_hear_usage(&fixture->other));
    docker_run_ms(fixture, 100);
    assert_int_equal(fixture->other.count, 1);
}

#define BUSY                                                                                       \
    ",\"task_info\":{\"name\":\"t\",\"task_id\":\"t\",\"command\":{\"shell\":false,"              \
    "\"value\":\"seatrial-workload\",\"arguments\":[\"alloc:8MiB\",\"burn:2s/50%\","               \
    "\"sleep:100s\"]}}"
#define TASK_RESOURCES                                                                             \
    ",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1.1},"                      \
    "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":1056}],\"limits\":{\"cpus\":2.1,"            \
    "\"mem\":2080}"

/* DO-06 */
static void test_usage_of_a_task(void **state)
{
    struct docker_fixture *fixture = *state;
    struct container_config config;
    docker_config(&config, CUSTOM, ID, "", BUSY TASK_RESOURCES);
    fake_docker_set_task(fixture->engine, NAME, &config);
    json_type_release(&container_config_json, &config);
    launched(fixture, TASK, TASK_RESOURCES);
    usage(fixture);
    assert_int_equal(fixture->other.result, 0);
    const struct statistics *statistics = &fixture->other.usage;
    assert_true(statistics->timestamp > 0);
    assert_true(statistics->cpus_user_time_secs.value > 0.5);
    assert_true(statistics->cpus_system_time_secs.value > 0.5);
    assert_true(statistics->mem_rss_bytes.value >= 8 * MIB);
    assert_true(fabs(statistics->cpus_soft_limit.value - 1) < 1e-9);
    assert_true(fabs(statistics->cpus_limit.value - 2) < 1e-9);
    assert_int_equal(statistics->mem_soft_limit_bytes.value, 1024 * MIB);
    assert_int_equal(statistics->mem_limit_bytes.value, 2048 * MIB);
    assert_false(statistics->cpus_nr_periods.set);
    assert_false(statistics->mem_total_bytes.set);
    docker_destroy_id(fixture);
    usage(fixture);
    assert_int_equal(fixture->other.result, -ENOENT);
}

static void test_usage_of_a_custom_executor(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "cgroups_enable_cfs", "true");
    launched(fixture, CUSTOM, "");
    usage(fixture);
    assert_int_equal(fixture->other.result, 0);
    const struct statistics *statistics = &fixture->other.usage;
    assert_true(statistics->cpus_nr_periods.set);
    assert_true(statistics->cpus_nr_throttled.set);
    assert_true(statistics->cpus_throttled_time_secs.set);
    assert_true(fabs(statistics->cpus_limit.value - 0.5) < 1e-9);
    assert_int_equal(statistics->mem_limit_bytes.value, 64 * MIB);
    assert_false(statistics->mem_soft_limit_bytes.set); /* no limit was given */
}

static void test_infinite_usage_limits(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct resource_limits limits = {.cpus = OPT(INFINITY), .mem = OPT(INFINITY)};
    launched(fixture, CUSTOM, "");
    update(fixture, 1, 64, &limits);
    usage(fixture);
    const struct statistics *statistics = &fixture->other.usage;
    assert_true(fabs(statistics->cpus_limit.value - (double)fixture->host->facts.cpus) < 1e-9);
    assert_int_equal(statistics->mem_limit_bytes.value, fixture->host->facts.memory_bytes);
}

static void test_usage_failures(void **state)
{
    struct docker_fixture *fixture = *state;
    usage(fixture);
    assert_string_equal(fixture->other.message, "usage " ID ": unknown container");
    launched(fixture, TASK, ""); /* its container does not run yet */
    usage(fixture);
    assert_int_equal(fixture->other.result, -EREMOTEIO);
}

static void test_status(void **state)
{
    struct docker_fixture *fixture = *state;
    containerizer_status(fixture->containerizer, ID, docker_hear(&fixture->other));
    assert_int_equal(fixture->other.result, 0);
    assert_false(fixture->other.none);
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, docker_setup, docker_teardown),                          \
        {#name " (cli)", name, docker_setup_cli, docker_teardown, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_update),
        BOTH(test_update_cfs_and_limits),
        BOTH(test_infinite_limits),
        BOTH(test_same_update),
        BOTH(test_updates_that_change_nothing),
        BOTH(test_zombie),
        BOTH(test_update_inspects_patiently),
        BOTH(test_update_outlives_container),
        BOTH(test_usage_of_a_task),
        BOTH(test_usage_of_a_custom_executor),
        BOTH(test_infinite_usage_limits),
        BOTH(test_usage_failures),
        BOTH(test_status),
    };
    return cmocka_run_group_tests_name("docker update", tests, NULL, NULL);
}
