/* SPDX-License-Identifier: Apache-2.0 */
/* The agent on a host double, with the real posix launcher and isolators: creation, launches,
 * metadata and recovery. */
#include "reference/mesos/tests/cmocka_head.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/sim_loop.h"
#include "reference/agent/agent.h"
#include "reference/launchers/launcher.h"

struct fixture {
    struct double_world outside;
    struct host *host;
    struct flags flags;
    struct agent *agent;
    unsigned wrapped;
};

static void settle(struct fixture *fixture)
{
    sim_loop_advance(fixture->outside.loop, 50 * NS_PER_MS);
}

static struct isolator *count_isolator(void *arg, struct isolator *inner)
{
    ((struct fixture *)arg)->wrapped++;
    return inner;
}

static struct launcher *count_launcher(void *arg, struct launcher *inner)
{
    ((struct fixture *)arg)->wrapped += 100;
    return inner;
}

static int create(struct fixture *fixture, struct err *err)
{
    const struct agent_parts parts = {
        .wrap_isolator = count_isolator, .wrap_launcher = count_launcher, .wrap_arg = fixture};
    return agent_create(fixture->host, &fixture->flags, &parts, &fixture->agent, err);
}

static void stop(struct fixture *fixture)
{
    host_crash(fixture->host);
    host_gone(fixture->host);
    agent_free(fixture->agent);
    host_free(fixture->host);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    double_world_init(&fixture->outside);
    fixture->host = double_host_new(&fixture->outside, NULL);
    flags_init(&fixture->flags);
    str_set(&fixture->flags.work_dir, "/work");
    str_set(&fixture->flags.runtime_dir, "/run");
    *state = fixture;
    return create(fixture, NULL);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    stop(fixture);
    flags_release(&fixture->flags);
    double_world_release(&fixture->outside);
    free(fixture);
    return 0;
}

static void restart(struct fixture *fixture)
{
    struct answer answer = {0};
    stop(fixture);
    fixture->host = double_host_new(&fixture->outside, NULL);
    assert_int_equal(create(fixture, NULL), 0);
    agent_recover(fixture->agent, answer_plain(&answer));
    settle(fixture);
    if (answer.result < 0)
        fail_msg("%s", answer.message);
    assert_int_equal(answer.count, 1);
    answer_release(&answer);
}

static bool exists(struct fixture *fixture, const char *path)
{
    return vfs_info(fixture->outside.vfs, path, true, &(struct vfs_info){0}) == 0;
}

static bool is_known(struct fixture *fixture, const char *id)
{
    enum container_phase phase;
    return containerizer_phase(fixture->agent->containerizer, id, &phase) == 0;
}

static pid_t last_pid(struct fixture *fixture)
{
    return fixture->outside.last_pid;
}

static double metric(struct fixture *fixture, const char *name)
{
    return json_number_value(json_object_get(fixture->agent->containerizer->metrics, name));
}

static void launch(struct fixture *fixture, const char *id, const struct container_config *config,
    struct answer *answer)
{
    agent_launch(fixture->agent, id, config, answer_launch(answer));
    settle(fixture);
    assert_int_equal(answer->count, 1);
}

static struct container_config command(const char *value)
{
    return (struct container_config){.command_info = {.shell = true, .value = (char *)value}};
}

/* --- creation --- */

static void test_parts_are_wrapped(void **state)
{
    struct fixture *fixture = *state;
    assert_true(fixture->wrapped > 100);
    assert_string_equal(fixture->agent->containerizer->ops->name, "mesos");
}

static void test_bad_flags(void **state)
{
    (void)state;
    static const struct {
        size_t flag; /* set past the checks of flags_set: agent_create has its own */
        const char *value;
        const char *message;
    } cases[] = {
        {offsetof(struct flags, containerizers), "rkt", "containerizers: unknown name \"rkt\""},
        {offsetof(struct flags, containerizers), "", "containerizers: expected a name"},
        {offsetof(struct flags, containerizers), "meos", "did you mean \"mesos\"?"},
        {offsetof(struct flags, containerizers), "mesos,mesos", "\"mesos\" is given twice"},
        {offsetof(struct flags, launcher), "posx", "did you mean \"posix\"?"},
        {offsetof(struct flags, launcher), "linux", "launcher linux: it needs cgroup2"},
        {offsetof(struct flags, isolation), "cgroups/cpu", "requires the linux launcher"},
        {offsetof(struct flags, isolation), "posix/cpu,posix/cpu", "duplicate"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fixture fixture = {0};
        struct agent *agent = NULL;
        _cleanup_err_ struct err err = ERR_INIT;
        double_world_init(&fixture.outside);
        fixture.host = double_host_new(&fixture.outside, NULL);
        flags_init(&fixture.flags);
        str_set(&fixture.flags.work_dir, "/work");
        str_set((char **)((char *)&fixture.flags + cases[i].flag), cases[i].value);
        int r = agent_create(fixture.host, &fixture.flags, NULL, &agent, &err);
        if (r == 0)
            fail_msg("%s was accepted", cases[i].value);
        assert_null(agent);
        assert_contains(err_text(&err), cases[i].message);
        flags_release(&fixture.flags);
        host_free(fixture.host);
        double_world_release(&fixture.outside);
    }
}

static void test_choice_of_containerizers(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *flag;
        const char *name;
    } cases[] = {
        {"mesos", "mesos"},
        {"docker", "docker"},
        {"mesos,docker", "composing"},
        {"docker,mesos", "composing"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        stop(fixture);
        fixture->host = double_host_new(&fixture->outside, NULL);
        str_set(&fixture->flags.containerizers, cases[i].flag);
        _cleanup_err_ struct err err = ERR_INIT;
        if (create(fixture, &err) < 0)
            fail_msg("%s: %s", cases[i].flag, err_text(&err));
        assert_string_equal(fixture->agent->containerizer->ops->name, cases[i].name);
    }
}

/* --- standalone containers --- */

static void test_standalone(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = {0};
    struct answer wait = {0};
    struct container_config config = command("true");
    struct vfs_info info;
    config.command_info.user = (char *)"alice";
    launch(fixture, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    assert_int_equal(vfs_info(fixture->outside.vfs, "/work/containers/c1", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    assert_false(exists(fixture, "/work/meta"));
    assert_true(exists(fixture, "/run/containers/c1/standalone.marker"));
    restart(fixture);
    assert_true(is_known(fixture, "c1"));
    containerizer_wait(fixture->agent->containerizer, "c1", answer_termination(&wait));
    double_process_end(&fixture->outside, last_pid(fixture), 7 << 8, false);
    settle(fixture);
    assert_int_equal(wait.termination.status.value, 7 << 8);
    answer_release(&answer);
    answer_release(&wait);
}

static void test_no_switch_user(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = {0};
    struct container_config config = command("true");
    config.command_info.user = (char *)"alice";
    config.user = (char *)"alice";
    fixture->agent->flags.switch_user = false;
    launch(fixture, "c1", &config, &answer);
    assert_null(double_process_find(&fixture->outside, last_pid(fixture))->user);
    answer_release(&answer);
}

static void test_nested(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = {0};
    struct container_config config = command("true");
    launch(fixture, "c1", &config, &answer);
    answer_release(&answer);
    launch(fixture, "c1.n", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    assert_true(exists(fixture, "/work/containers/c1/containers/n/stdout"));
    answer_release(&answer);
    launch(fixture, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_ALREADY_LAUNCHED);
    answer_release(&answer);
}

/* --- failures --- */

static void test_failed_launch_is_destroyed(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer = {0};
    struct container_config config = command("true");
    struct command_uri uri = {.value = (char *)"http://host/file"};
    config.command_info.uris = &uri;
    config.command_info.uris_count = 1;
    launch(fixture, "c1", &config, &answer);
    assert_contains(answer.message, "launch c1: fetch: Could not fetch: ");
    assert_false(is_known(fixture, "c1"));
    assert_int_equal(double_processes_alive(&fixture->outside), 0);
    assert_false(exists(fixture, "/run/containers/c1"));
    assert_true(metric(fixture, "slave/container_launch_errors") == 1);
    answer_release(&answer);
}

static void test_refused_launches(void **state)
{
    struct fixture *fixture = *state;
    struct docker_info image = {.image = (char *)"busybox"};
    struct container_info docker = {.type = CONTAINER_TYPE_DOCKER};
    struct executor_info executor = {.framework_id = (char *)"../f"};
    struct answer answer = {0};
    struct container_config config = command("true");
    launch(fixture, "a/b", &config, &answer);
    assert_contains(answer.message, "launch a/b: ");
    answer_release(&answer);
    config.container_info = &docker;
    launch(fixture, "c1", &config, &answer);
    assert_contains(answer.message, "container_info.docker: required field is missing");
    answer_release(&answer);
    docker.docker = &image;
    launch(fixture, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_NOT_SUPPORTED);
    assert_true(metric(fixture, "slave/container_launch_errors") == 1);
    answer_release(&answer);
    config.container_info = NULL;
    config.executor_info = &executor;
    launch(fixture, "c1", &config, &answer);
    assert_contains(answer.message, "launch c1: framework_id \"../f\": cannot be a directory");
    answer_release(&answer);
    config.executor_info = NULL;
    config.user = (char *)"nobody-knows";
    launch(fixture, "c1", &config, &answer);
    assert_contains(answer.message, "launch c1: no such user");
    answer_release(&answer);
}

/* --- executors --- */

#define EXECUTOR "/work/meta/slaves/S0/frameworks/f1/executors/e1"

static void launch_executor(struct fixture *fixture, const char *id)
{
    struct executor_info executor = {
        .framework_id = (char *)"f1", .executor_id = (char *)"e1"};
    struct answer answer = {0};
    struct container_config config = command("executor");
    config.executor_info = &executor;
    launch(fixture, id, &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    answer_release(&answer);
}

static void test_executor(void **state)
{
    struct fixture *fixture = *state;
    launch_executor(fixture, "c1");
    const char *text = NULL;
    size_t length = 0;
    const char *environment =
        double_process_find(&fixture->outside, last_pid(fixture))->environment;
    assert_contains(environment, "MESOS_FRAMEWORK_ID=f1");
    assert_contains(environment, "MESOS_EXECUTOR_ID=e1");
    assert_contains(environment, "MESOS_SLAVE_ID=S0");
    assert_contains(
        environment, "MESOS_DIRECTORY=/work/slaves/S0/frameworks/f1/executors/e1/runs/c1");
    assert_int_equal(
        vfs_read(fixture->outside.vfs, EXECUTOR "/runs/c1/pids/forked.pid", &text, &length), 0);
    assert_int_equal(strtol(text, NULL, 10), last_pid(fixture));
    assert_true(exists(fixture, EXECUTOR "/executor.info"));
    assert_true(exists(fixture, "/work/slaves/S0/frameworks/f1/executors/e1/runs/latest/stdout"));
    assert_false(exists(fixture, "/run/containers/c1/standalone.marker"));
    restart(fixture);
    assert_true(is_known(fixture, "c1"));
    /* Its end is not seen by the agent's own wait after a restart: the run stays uncompleted. */
    containerizer_destroy(fixture->agent->containerizer, "c1", DONE_NONE);
    settle(fixture);
    assert_int_equal(double_processes_alive(&fixture->outside), 0);
}

static void test_completed_executor(void **state)
{
    struct fixture *fixture = *state;
    launch_executor(fixture, "c1");
    double_process_end(&fixture->outside, last_pid(fixture), 0, false);
    settle(fixture);
    assert_true(exists(fixture, EXECUTOR "/runs/c1/executor.sentinel"));
    assert_true(metric(fixture, "slave/executors_terminated") == 1);
    struct agent_state agent_state = {0};
    assert_int_equal(
        agent_state_read(fixture->host, &fixture->agent->flags, &agent_state, NULL), 0);
    assert_int_equal(agent_state.runs_count, 1);
    assert_true(agent_state.runs[0].completed);
    agent_state_release(&agent_state);
    /* The next run of the same executor is the latest one. */
    launch_executor(fixture, "c2");
    assert_int_equal(
        agent_state_read(fixture->host, &fixture->agent->flags, &agent_state, NULL), 0);
    assert_string_equal(agent_state.runs[0].container_id, "c2");
    assert_string_equal(agent_state.runs[0].framework_id, "f1");
    assert_string_equal(agent_state.runs[0].executor_id, "e1");
    assert_int_equal(agent_state.runs[0].forked_pid, last_pid(fixture));
    assert_false(agent_state.runs[0].completed);
    agent_state_release(&agent_state);
}

static void test_command_task(void **state)
{
    struct fixture *fixture = *state;
    struct task_info task = {.task_id = (char *)"t1"};
    struct answer answer = {0};
    struct container_config config = command("executor");
    config.task_info = &task;
    launch(fixture, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    assert_true(exists(
        fixture, "/work/meta/slaves/S0/frameworks/framework/executors/t1/runs/c1/pids/forked.pid"));
    answer_release(&answer);
}

static void test_malformed_metadata(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        const char *text;
        const char *message;
    } cases[] = {
        {EXECUTOR "/runs/c1/pids/forked.pid", "x", "forked.pid: expected a number, got \"x\""},
        {EXECUTOR "/runs/c1/pids/forked.pid", "0", "forked.pid: expected a pid, got 0"},
        {EXECUTOR "/executor.info", "{", EXECUTOR "/executor.info"},
    };
    launch_executor(fixture, "c1");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct answer answer = {0};
        vfs_write(fixture->outside.vfs, cases[i].path, cases[i].text, strlen(cases[i].text), 0600,
            false);
        agent_recover(fixture->agent, answer_plain(&answer));
        assert_int_equal(answer.count, 1);
        assert_contains(answer.message, cases[i].message);
        answer_release(&answer);
    }
}

/* The agent is gone while launches and waits are pending. */
static void test_free_with_pending(void **state)
{
    struct fixture *fixture = *state;
    launch_executor(fixture, "c1");
    struct answer answer = {0};
    struct container_config config = command("true");
    host_crash(fixture->host);
    agent_launch(fixture->agent, "c2", &config, answer_launch(&answer));
    assert_int_equal(answer.result, -ESHUTDOWN);
    answer_release(&answer);
}

#define AGENT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_TEST(test_parts_are_wrapped),
        cmocka_unit_test(test_bad_flags),
        AGENT_TEST(test_choice_of_containerizers),
        AGENT_TEST(test_standalone),
        AGENT_TEST(test_no_switch_user),
        AGENT_TEST(test_nested),
        AGENT_TEST(test_failed_launch_is_destroyed),
        AGENT_TEST(test_refused_launches),
        AGENT_TEST(test_executor),
        AGENT_TEST(test_completed_executor),
        AGENT_TEST(test_command_task),
        AGENT_TEST(test_malformed_metadata),
        AGENT_TEST(test_free_with_pending),
    };
    (void)world_setup;
    (void)world_teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
