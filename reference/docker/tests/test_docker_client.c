/* SPDX-License-Identifier: Apache-2.0 */
/* The docker client and its front: each verb, faults, and crashes of the agent around them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/host/sim_host.h"
#include "fakes/kernel/process.h"
#include "fakes/sim_loop.h"
#include "reference/base/strbuf.h"
#include "reference/docker/docker_cli.h"
#include "reference/docker/tests/docker_fixture.h"

/* --- what the calls yield --- */

struct told {
    unsigned count;
    int result;
    char *message;
    struct docker_inspection inspection;
    struct docker_inspections inspections;
    struct docker_names names;
    int64_t exit;
};

static void told_clear(struct told *told)
{
    json_type_release(&docker_inspection_json, &told->inspection);
    json_type_release(&docker_inspections_json, &told->inspections);
    json_type_release(&docker_names_json, &told->names);
    free(told->message);
    *told = (struct told){0};
}

/* Of the calls of one test: what is pending at its end is still told. */
static struct told told;
static struct told exit_told; /* of docker run */
static struct docker *client;

static int client_setup(void **state)
{
    if (docker_setup(state) < 0)
        return -1;
    struct docker_fixture *fixture = *state;
    client = fake_docker_client(fixture->engine, fixture->host);
    return 0;
}

static int client_setup_cli(void **state)
{
    if (docker_setup_cli(state) < 0)
        return -1;
    struct docker_fixture *fixture = *state;
    client = docker_cli_new(fixture->host, "docker", "/var/run/docker.sock");
    return 0;
}

static int client_teardown(void **state)
{
    struct docker_fixture *fixture = *state;
    host_gone(fixture->host);
    docker_free(client);
    told_clear(&told);
    told_clear(&exit_told);
    return docker_teardown(state);
}

static void note(struct told *into, int result, const struct err *err)
{
    unsigned count = into->count;
    told_clear(into);
    into->count = count + 1;
    into->result = result;
    into->message = result < 0 ? str_dup(err_text(err)) : NULL;
}

static void told_nothing(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    note(arg, result, err);
}

static void told_inspection(void *arg, int result, const void *value, const struct err *err)
{
    struct told *into = arg;
    note(into, result, err);
    if (value)
        json_type_copy(&docker_inspection_json, &into->inspection, value);
}

static void told_inspections(void *arg, int result, const void *value, const struct err *err)
{
    struct told *into = arg;
    note(into, result, err);
    if (value)
        json_type_copy(&docker_inspections_json, &into->inspections, value);
}

static void told_names(void *arg, int result, const void *value, const struct err *err)
{
    struct told *into = arg;
    note(into, result, err);
    if (value)
        json_type_copy(&docker_names_json, &into->names, value);
}

static void told_exit(void *arg, int result, const void *value, const struct err *err)
{
    struct told *into = arg;
    note(into, result, err);
    into->exit = value ? ((const struct docker_exit *)value)->status : -1;
}

static struct host_request *run(const char *name, struct told *into)
{
    char *arguments[] = {(char *)(uintptr_t) "sleep", (char *)(uintptr_t) "1000", NULL};
    const struct docker_run_options options = {.name = (char *)(uintptr_t)name,
        .image = (char *)(uintptr_t) "img", .arguments = arguments};
    return docker_run(client, &options, DONE(told_exit, into));
}

static void inspect(struct docker_fixture *fixture, const char *name, struct told *into)
{
    docker_inspect(client, name, DONE(told_inspection, into));
    docker_run_ms(fixture, 100);
}

/* --- the verbs --- */

/* DK-01, DK-02 */
static void test_life(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_ps(client, "c", DONE(told_names, &told));
    docker_run_ms(fixture, 100);
    assert_null(told.names.names);
    inspect(fixture, "c1", &told);
    assert_int_equal(told.result, -EREMOTEIO);
    assert_string_equal(told.message,
        "docker inspect c1: exit status 1: Error: No such container: c1");

    run("c1", &exit_told);
    docker_run_ms(fixture, 1000);
    docker_ps(client, "c", DONE(told_names, &told));
    docker_run_ms(fixture, 100);
    assert_string_equal(told.names.names[0], "c1");
    inspect(fixture, "c1", &told);
    _cleanup_free_ char *id = str_dup(told.inspection.id);
    assert_string_equal(told.inspection.name, "/c1");
    assert_true(told.inspection.started);
    assert_int_equal(told.inspection.pid.value, fake_docker_pid(fixture->engine, "c1"));

    docker_rm(client, "c1", false, DONE(told_nothing, &told));
    docker_run_ms(fixture, 100);
    assert_int_equal(told.result, -EREMOTEIO);
    docker_kill(client, "c1", SIGKILL, DONE(told_nothing, &told));
    docker_run_ms(fixture, 100);
    assert_int_equal(told.result, 0);
    assert_int_equal(exit_told.count, 1);
    assert_int_equal(exit_told.exit, (128 + SIGKILL) << 8);
    inspect(fixture, "c1", &told);
    assert_string_equal(told.inspection.id, id);
    assert_false(told.inspection.pid.set);
    docker_kill(client, "c1", SIGKILL, DONE(told_nothing, &told));
    docker_run_ms(fixture, 100);
    assert_int_equal(told.result, -EREMOTEIO);

    docker_rm(client, "c1", false, DONE(told_nothing, &told));
    docker_run_ms(fixture, 100);
    assert_int_equal(told.result, 0);
    inspect(fixture, "c1", &told);
    assert_int_equal(told.result, -EREMOTEIO);
}

static void test_stop(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_stop(client, "c1", -1, DONE(told_nothing, &told));
    docker_run_ms(fixture, 1);
    assert_int_equal(told.result, -EINVAL);
    assert_string_equal(told.message, "stop c1: the timeout is negative");
    assert_string_equal(docker_lines(fixture), "");

    run("c1", &exit_told);
    docker_run_ms(fixture, 1000);
    docker_lines(fixture);
    docker_stop(client, "c1", 2500 * (int64_t)NS_PER_MS, DONE(told_nothing, &told));
    docker_run_ms(fixture, 1900);
    assert_int_equal(told.count, 1);
    docker_run_ms(fixture, 200);
    assert_int_equal(told.result, 0);
    assert_int_equal(exit_told.exit, (128 + SIGKILL) << 8);
    assert_string_equal(docker_lines(fixture), "stop -t 2 c1");
}

static void test_stop_and_remove(void **state)
{
    struct docker_fixture *fixture = *state;
    run("c1", &exit_told);
    docker_run_ms(fixture, 1000);
    docker_lines(fixture);
    docker_stop_and_remove(client, "c1", 0, DONE(told_nothing, &told));
    docker_run_ms(fixture, 1000);
    assert_int_equal(told.result, 0);
    docker_stop_and_remove(client, "c1", 0, DONE(told_nothing, &told)); /* not there */
    docker_run_ms(fixture, 1000);
    assert_int_equal(told.result, 0);
    assert_string_equal(docker_lines(fixture), "stop -t 0 c1; rm -v c1; stop -t 0 c1; rm -f -v c1");
}

/* At most a hundred inspections at a time, and the answers in the order of ps. */
static void test_list(void **state)
{
    struct docker_fixture *fixture = *state;
    for (unsigned i = 0; i < 250; i++) {
        _cleanup_free_ char *name = str_printf("many-%03u", i);
        char *arguments[] = {(char *)(uintptr_t) "true", NULL};
        const struct docker_run_options options = {.name = name,
            .image = (char *)(uintptr_t) "img", .arguments = arguments};
        docker_run(client, &options, DONE_NONE);
        docker_run_ms(fixture, 200);
    }
    docker_lines(fixture);
    docker_list(client, "many-", DONE(told_inspections, &told));
    docker_run_ms(fixture, 20);
    unsigned lines = 0;
    char *const *all = fake_docker_lines(fixture->engine);
    for (size_t i = fixture->lines_seen; all[i]; i++)
        lines += str_starts(all[i], "inspect");
    assert_int_equal(lines, 100);
    docker_run_ms(fixture, 1000);
    assert_int_equal(told.inspections.count, 250);
    assert_string_equal(told.inspections.items[0].name, "/many-249");
    assert_string_equal(told.inspections.items[249].name, "/many-000");
}

static void test_list_fails_as_a_whole(void **state)
{
    struct docker_fixture *fixture = *state;
    run("c1", &exit_told);
    run("c2", &exit_told);
    docker_run_ms(fixture, 1000);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){.verb = DOCKER_INSPECT,
        .name = "c1", .fault = FAKE_DOCKER_FAIL, .text = "broken"});
    docker_list(client, "c", DONE(told_inspections, &told));
    docker_run_ms(fixture, 1000);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.message, "docker inspect c1: exit status 1: broken");
}

static void test_inspect_patiently(void **state)
{
    struct docker_fixture *fixture = *state;
    const struct docker_patience patience = {
        .interval_ns = NS_PER_SEC, .attempt_ns = 5 * NS_PER_SEC};
    docker_inspect_patiently(client, "c1", &patience, DONE(told_inspection, &told));
    docker_run_ms(fixture, 2500);
    assert_int_equal(told.count, 0);
    fake_docker_add_rule(fixture->engine,
        &(struct fake_docker_rule){.verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_HOLD, .times = 1});
    docker_run_ms(fixture, 1000);
    run("c1", &exit_told);
    docker_run_ms(fixture, 4000);
    assert_int_equal(told.count, 0); /* the one that hangs is given up after 5 s */
    docker_run_ms(fixture, 1500);
    assert_int_equal(told.count, 1);
    assert_true(told.inspection.pid.set);
}

static void test_cancel(void **state)
{
    struct docker_fixture *fixture = *state;
    struct host_request *request = run("c1", &exit_told);
    docker_run_ms(fixture, 1000);
    host_cancel(request);
    host_cancel(docker_pull(client, "far:latest", NULL, DONE(told_nothing, &told)));
    host_cancel(docker_list(client, "c", DONE(told_inspections, &told)));
    host_cancel(docker_stop_and_remove(client, "c1", 0, DONE(told_nothing, &told)));
    docker_run_ms(fixture, 10 * 1000);
    assert_int_equal(told.count + exit_told.count, 0);
    assert_true(fake_docker_pid(fixture->engine, "c1") > 0); /* it runs on */
    docker_inspect_image(client, "far:latest", DONE(told_nothing, &told));
    docker_run_ms(fixture, 100);
    assert_int_equal(told.result, -EREMOTEIO); /* DK-06: it was not pulled */
}

/* --- faults at the seam, and what the trace says --- */

static void keep_docker_line(void *arg, const char *line)
{
    if (strstr(line, "\"op\":\"docker\""))
        str_set((char **)arg, line);
}

static void test_trace(void **state)
{
    struct docker_fixture *fixture = *state;
    _cleanup_free_ char *line = NULL;
    struct trace *trace = trace_new(fixture->loop, 0);
    trace_set_sink(trace, keep_docker_line, &line);
    fixture->host->trace = trace;
    host_cancel(docker_rm(client, "c1", true, DONE_NONE));
    fixture->host->trace = NULL;
    trace_free(trace);
    assert_non_null(strstr(line, "\"subject\":\"rm c1\""));
    assert_non_null(
        strstr(line, "\"detail\":\"docker -H unix:///var/run/docker.sock rm -f -v c1\""));
}

static void test_faults(void **state)
{
    struct docker_fixture *fixture = *state;
    static const struct {
        struct effect_verdict verdict;
        uint64_t ms;
        unsigned count;
        int result;
    } rows[] = {
        {{.action = EFFECT_FAIL, .error = -EIO}, 1, 1, -EIO},
        {{.action = EFFECT_LOSE}, 1, 1, 0},
        {{.delay_ns = NS_PER_SEC}, 900, 0, 0},
        {{.delay_ns = NS_PER_SEC}, 1100, 1, 0},
        {{.delay_ns = UINT64_MAX}, 100 * 1000, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        told_clear(&told);
        fault_plan_release(&fixture->faults);
        fault_plan_add(&fixture->faults,
            &(struct fault_rule){.kind = EFFECT_DOCKER, .verdict = rows[i].verdict});
        struct host_request *request = docker_ps(client, "c", DONE(told_names, &told));
        docker_run_ms(fixture, rows[i].ms);
        assert_int_equal(told.count, rows[i].count);
        assert_int_equal(told.result, rows[i].result);
        if (told.count == 0)
            host_cancel(request);
    }
}

/* Only the CLI has an output that can be too long, or none of text. */
static void test_output(void **state)
{
    struct docker_fixture *fixture = *state;
    size_t length = 5 << 20;
    _cleanup_free_ char *text = mem_alloc(length + 1);
    memset(text, ' ', length);
    fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){
        .verb = DOCKER_INSPECT, .fault = FAKE_DOCKER_GARBAGE, .text = text});
    inspect(fixture, "c1", &told);
    assert_int_equal(told.result, -EBADMSG);
    assert_string_equal(
        told.message, "docker inspect c1: it printed more than 4194304 bytes");
}

static void test_exit_statuses(void **state)
{
    struct docker_fixture *fixture = *state;
    static const int statuses[] = {1, 125, 126, 127};
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                for (enum docker_verb verb = DOCKER_RUN; verb <= DOCKER_STOP; verb++)
            fake_docker_add_rule(fixture->engine, &(struct fake_docker_rule){.verb = verb,
                .fault = FAKE_DOCKER_FAIL, .status = statuses[i], .times = 1});
        run("c1", &exit_told);
        docker_stop(client, "c1", 0, DONE(told_nothing, &told));
        docker_run_ms(fixture, 1000);
        assert_int_equal(exit_told.exit, statuses[i] << 8);
        assert_int_equal(told.result, -EREMOTEIO);
        _cleanup_free_ char *how = docker_exit_text(statuses[i] << 8);
        assert_non_null(strstr(told.message, how));
    }
}

/* --- the agent crashes --- */

static void kill_strangers(struct docker_fixture *fixture)
{
    for (bool again = true; again;) {
        again = false;
        list_for_each(node, &fixture->kernel->processes) {
            struct process *process = list_entry(node, struct process, node);
            if (!str_equal(process->command, "mesos-docker-executor"))
                continue;
            process_exit(process, SIGKILL);
            again = true;
            break;
        }
        docker_run_ms(fixture, 100);
    }
}

/* At each effect of a launch, before and after it. The next agent's recovery, which knows of no
 * executor, leaves no container; an executor on the host ends with its agent's protocol. */
static void crash_launches(struct docker_fixture *fixture, enum what what)
{
    static const enum effect_action crashes[] = {EFFECT_CRASH_BEFORE, EFFECT_CRASH_AFTER};
    unsigned fired = 0;
    for (size_t i = 0; i < 40; i++) {
        fault_plan_add(&fixture->faults, &(struct fault_rule){.kind = EFFECT_KIND_COUNT,
            .nth = i / 2 + 1, .verdict = {.action = crashes[i % 2]}});
        fixture->launch.count = 0;
        docker_launch_id(fixture, what, ",\"image\":\"far\"", "");
        docker_run_ms(fixture, 10 * 1000);
        fired += (unsigned)fixture->faults.rules[0].fired;
        docker_restart(fixture);
        assert_int_equal(fixture->launch.count, 1);
        docker_run_ms(fixture, 10 * 1000);
        docker_recover_run(fixture, 0, false);
        docker_run_ms(fixture, 5000);
        kill_strangers(fixture);
        docker_assert_clean(fixture);
    }
    assert_true(fired >= 8);
}

static void test_crashes_custom(void **state)
{
    crash_launches(*state, CUSTOM);
}

static void test_crashes_task(void **state)
{
    crash_launches(*state, TASK);
}

static void test_crashes_mode_a(void **state)
{
    struct docker_fixture *fixture = *state;
    docker_set_flag(fixture, "docker_mesos_image", "img");
    crash_launches(fixture, TASK);
}

#define CLIENT(name)                                                                               \
    cmocka_unit_test_setup_teardown(name, client_setup, client_teardown),                          \
        {#name " (cli)", name, client_setup_cli, client_teardown, NULL}
#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, docker_setup, docker_teardown),                          \
        {#name " (cli)", name, docker_setup_cli, docker_teardown, NULL}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT(test_life),
        CLIENT(test_stop),
        CLIENT(test_stop_and_remove),
        CLIENT(test_list),
        CLIENT(test_list_fails_as_a_whole),
        CLIENT(test_inspect_patiently),
        CLIENT(test_cancel),
        CLIENT(test_trace),
        CLIENT(test_faults),
        {"test_output (cli)", test_output, client_setup_cli, client_teardown, NULL},
        CLIENT(test_exit_statuses),
        BOTH(test_crashes_custom),
        BOTH(test_crashes_task),
        BOTH(test_crashes_mode_a),
    };
    return cmocka_run_group_tests_name("docker client", tests, NULL, NULL);
}
