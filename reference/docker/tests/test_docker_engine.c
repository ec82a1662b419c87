/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker containerizer with a real engine, which ci/docker-engine starts for this test alone.
 * Skipped, with the reason, on a machine that can't run one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/docker/docker_containerizer.h"
#include "reference/host_linux.h"

#define ID "c1a5d0a0-1111-4222-8333-44445555abcd"
#define NAME "mesos-" ID
#define MIB (UINT64_C(1) << 20)
#define DEADLINE_NS (60 * NS_PER_SEC)

struct heard {
    unsigned count;
    int result;
    int64_t number;
    char *message;
    struct statistics usage;
};

/* One engine for all tests. */
static char engine_directory[] = "/tmp/seatrial-docker.XXXXXX";

struct world {
    struct loop *loop;
    struct host *host;
    struct flags flags;
    struct containerizer *containerizer;
    char *directory;
    struct heard launch;
    struct heard wait;
    struct heard other;
};

static int engine(const char *verb)
{
    _cleanup_free_ char *command = str_printf("ci/docker-engine %s %s", verb, engine_directory);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *docker_output(const char *arguments)
{
    _cleanup_free_ char *command =
        str_printf("docker -H unix://%s/d.sock %s", engine_directory, arguments);
    FILE *pipe = popen(command, "r");
    char text[512] = "";
    size_t length = fread(text, 1, sizeof(text) - 1, pipe);
    pclose(pipe);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    return str_dup(text);
}

/* --- callbacks --- */

static void heard_any(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    (void)value;
    heard->count++;
    heard->result = result;
    str_set(&heard->message, result < 0 ? err_text(err) : NULL);
}

static void heard_launch(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard_any(arg, result, value, err);
    heard->number = value ? (int64_t) * (const enum launch_result *)value : -1;
}

static void heard_termination(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard_any(arg, result, value, err);
    if (value)
        str_set(&heard->message, ((const struct termination *)value)->message);
}

static void heard_usage(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard_any(arg, result, value, err);
    heard->usage = value ? *(const struct statistics *)value : (struct statistics){0};
}

/* --- the world --- */

/* There is nothing to fetch. */
static void nothing_to_fetch(struct fetcher *fetcher, const char *id,
    const struct command_info *command, const char *directory, const char *user, struct done done)
{
    (void)fetcher, (void)id, (void)command, (void)directory, (void)user;
    done_ok(done, NULL);
}

static void nothing_to_free(struct fetcher *fetcher)
{
    (void)fetcher;
}

static struct fetcher *no_fetcher(void)
{
    static const struct fetcher_ops ops = {.fetch = nothing_to_fetch, .free = nothing_to_free};
    static struct fetcher fetcher = {.ops = &ops};
    return &fetcher;
}

static void until(struct world *world, const struct heard *heard)
{
    uint64_t end = loop_now_ns(world->loop) + DEADLINE_NS;
    while (heard->count == 0 && loop_now_ns(world->loop) < end)
        loop_step(world->loop);
    assert_int_equal(heard->count, 1);
}

static void agent_start(struct world *world)
{
    static const struct host_linux_options options = {.init_helper = TEST_INIT_HELPER};
    _cleanup_err_ struct err err = ERR_INIT;
    if (host_linux_new(world->loop, NULL, &options, &world->host, &err) < 0)
        fail_msg("%s", err_text(&err));
    const struct docker_parts parts = {
        .host = world->host,
        .flags = &world->flags,
        .fetcher = no_fetcher(),
        .without_cgroups = true,
    };
    if (docker_containerizer_new(&parts, &world->containerizer, &err) < 0)
        fail_msg("%s", err_text(&err));
}

static void agent_stop(struct world *world)
{
    host_gone(world->host);
    containerizer_free(world->containerizer);
    host_free(world->host);
}

static void recover(struct world *world)
{
    const struct agent_state nothing = {0};
    world->other.count = 0;
    containerizer_recover(world->containerizer, &nothing, DONE(heard_any, &world->other));
    until(world, &world->other);
}

static int setup(void **state)
{
    struct world *world = mem_alloc(sizeof(*world));
    _cleanup_free_ char *socket = str_printf("%s/d.sock", engine_directory);
    _cleanup_err_ struct err err = ERR_INIT;
    world->loop = loop_uv_new();
    world->directory = str_dup("/tmp/seatrial-test.XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    flags_init(&world->flags);
    str_set(&world->flags.work_dir, world->directory);
    assert_int_equal(flags_set(&world->flags, "docker_socket", socket, &err), 0);
    assert_int_equal(flags_set(&world->flags, "docker_remove_delay", "0secs", &err), 0);
    agent_start(world);
    recover(world);
    if (world->other.result < 0)
        fail_msg("%s", world->other.message);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    agent_stop(world);
    loop_free(world->loop);
    flags_release(&world->flags);
    _cleanup_free_ char *command = str_printf("rm -rf %s", world->directory);
    int status = system(command);
    free(world->directory);
    free(world->launch.message);
    free(world->wait.message);
    free(world->other.message);
    free(world);
    return status;
}

static void launch(struct world *world, const char *image, const char *script)
{
    struct container_config config;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = str_printf(
        "{\"container_info\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"%s\"}},"
        "\"command_info\":{\"value\":\"%s\"},\"directory\":\"%s\",\"resources\":["
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":64}]}",
        image, script, world->directory);
    config = (struct container_config){0};
    if (json_type_decode_text(&container_config_json, text, strlen(text), &config, "c", &err) < 0)
        fail_msg("%s", err_text(&err));
    containerizer_launch(world->containerizer, ID, &config, NULL, 0, NULL,
        DONE(heard_launch, &world->launch));
    json_type_release(&container_config_json, &config);
    until(world, &world->launch);
}

static void assert_nothing_left(struct world *world)
{
    uint64_t end = loop_now_ns(world->loop) + DEADLINE_NS;
    _cleanup_free_ char *names = docker_output("ps -aq");
    while (*names && loop_now_ns(world->loop) < end) {
        loop_step(world->loop);
        free(names);
        names = docker_output("ps -aq");
    }
    assert_string_equal(names, "");
}

static bool has_v1(const struct world *world)
{
    struct cgroup_hierarchy *cpu = cgroup_hierarchy_find(world->host->cgroups, "cpu");
    return cpu && !cpu->v2;
}

/* --- tests --- */

/* DK-01a, DK-01b, DK-01c */
static void test_life_of_a_container(void **state)
{
    struct world *world = *state;
    launch(world, "seatrial-busybox", "echo out; echo err >&2; sleep 1000");
    if (world->launch.result < 0)
        fail_msg("%s", world->launch.message);
    assert_int_equal(world->launch.number, LAUNCH_SUCCESS);
    containerizer_wait(world->containerizer, ID, DONE(heard_termination, &world->wait));

    if (has_v1(world)) {
        world->other.count = 0;
        containerizer_usage(world->containerizer, ID, DONE(heard_usage, &world->other));
        until(world, &world->other);
        if (world->other.result < 0)
            fail_msg("%s", world->other.message);
        assert_true(world->other.usage.mem_rss_bytes.set);
        assert_int_equal(world->other.usage.mem_limit_bytes.value, 64 * MIB);
    }
    world->other.count = 0;
    containerizer_destroy(world->containerizer, ID, DONE(heard_termination, &world->other));
    until(world, &world->other);
    assert_string_equal(world->other.message, "Container killed");
    assert_int_equal(world->wait.count, 1);
    assert_nothing_left(world);
    _cleanup_free_ char *path = str_printf("%s/stdout", world->directory);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    assert_int_equal(host_file_read(world->host, path, &text, &length, NULL), 0);
    assert_string_equal(text, "out\n"); /* DO-14 */
}

static void test_update_writes_cgroups(void **state)
{
    struct world *world = *state;
    if (!has_v1(world))
        skip();
    launch(world, "seatrial-busybox", "sleep 1000");
    struct resources requests = {0};
    const struct resource_limits limits = {.cpus = OPT(2), .mem = OPT(128)};
    resources_add_scalar(&requests, "cpus", 0.5);
    resources_add_scalar(&requests, "mem", 96);
    world->other.count = 0;
    containerizer_update(
        world->containerizer, ID, &requests, &limits, DONE(heard_any, &world->other));
    resources_release(&requests);
    until(world, &world->other);
    if (world->other.result < 0)
        fail_msg("%s", world->other.message);
    _cleanup_free_ char *id = docker_output("inspect --type=container -f '{{.Id}}' " NAME);
    _cleanup_free_ char *path = str_printf("seatrial-docker/%s", id);
    struct cgroup_hierarchy *cpu = cgroup_hierarchy_find(world->host->cgroups, "cpu");
    struct cgroup_hierarchy *memory = cgroup_hierarchy_find(world->host->cgroups, "memory");
    uint64_t number = 0;
    assert_int_equal(cgroup_read_u64(cpu->fs, path, "cpu.shares", &number, NULL), 0);
    assert_int_equal(number, 512);
    assert_int_equal(cgroup_read_u64(cpu->fs, path, "cpu.cfs_quota_us", &number, NULL), 0);
    assert_int_equal(number, 200000);
    assert_int_equal(
        cgroup_read_u64(memory->fs, path, "memory.limit_in_bytes", &number, NULL), 0);
    assert_int_equal(number, 128 * MIB);
    containerizer_destroy(world->containerizer, ID, DONE(heard_termination, &world->wait));
    until(world, &world->wait);
    assert_nothing_left(world);
}

static void test_container_ends(void **state)
{
    struct world *world = *state;
    launch(world, "seatrial-busybox", "sleep 4");
    assert_int_equal(world->launch.number, LAUNCH_SUCCESS);
    containerizer_wait(world->containerizer, ID, DONE(heard_termination, &world->wait));
    until(world, &world->wait);
    assert_string_equal(world->wait.message, "Container terminated");
    assert_nothing_left(world);
}

static void test_image_does_not_exist(void **state)
{
    struct world *world = *state;
    launch(world, "localhost:1/none", "true");
    assert_int_equal(world->launch.result, -EREMOTEIO);
    assert_non_null(
        strstr(world->launch.message, "docker pull localhost:1/none:latest: exit status 1: "));
    containerizer_destroy(world->containerizer, ID, DONE(heard_termination, &world->other));
    assert_nothing_left(world);
}

/* DK-01d */
static void test_orphan_is_removed(void **state)
{
    struct world *world = *state;
    launch(world, "seatrial-busybox", "sleep 1000");
    assert_int_equal(world->launch.number, LAUNCH_SUCCESS);
    agent_stop(world);
    agent_start(world);
    recover(world);
    assert_int_equal(world->other.result, 0);
    assert_nothing_left(world);
}

static void test_name_conflict(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *id =
        docker_output("create --name " NAME " seatrial-busybox sleep 1000");
    assert_non_null(id);
    launch(world, "seatrial-busybox", "sleep 1000");
    assert_int_equal(world->launch.result, -EREMOTEIO);
    assert_non_null(strstr(world->launch.message, "exit status 125 (docker could not run it)"));
    containerizer_destroy(world->containerizer, ID, DONE(heard_termination, &world->other));
    _cleanup_free_ char *removed = docker_output("rm -v " NAME);
    assert_string_equal(removed, NAME);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_life_of_a_container),
        TEST(test_update_writes_cgroups),
        TEST(test_container_ends),
        TEST(test_image_does_not_exist),
        TEST(test_orphan_is_removed),
        TEST(test_name_conflict),
    };
    if (!mkdtemp(engine_directory))
        return 1;
    int status = engine("start");
    if (status != 0)
        return status;
    int failures = cmocka_run_group_tests_name("docker engine", tests, NULL, NULL);
    return engine("stop") == 0 ? failures : 1;
}
