/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor against an agent that does what a real one never would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "fakes/tests/sim_fixture.h"
#include "reference/base/strbuf.h"
#include "reference/executors/command_executor.h"
#include "reference/executors/protocol.h"

#define SOCKET "/run/executors.sock"

struct world {
    struct sim_fixture sim;
    struct host *own; /* of the executor's process */
    struct process *process;
    struct command_executor *executor;
    struct host_listener *listener;
    struct host_channel *channel;
    struct strbuf heard; /* "STARTING;RUNNING;" */
    char **uuids;
    unsigned subscriptions;
    size_t resent; /* updates in the last subscription */
    int exit_status; /* -1: lives */
};

static void hear_update(struct world *world, const struct task_update *update)
{
    strbuf_addf(&world->heard, "%s%s;", update->state + strlen("TASK_"),
        update->message ? update->message : "");
    assert_false(strv_contains(world->uuids, update->uuid));
    strv_add(&world->uuids, update->uuid);
}

static void channel_line(void *arg, const char *line)
{
    struct world *world = arg;
    struct executor_event event = {0};
    assert_int_equal(
        json_type_decode_text(&executor_event_json, line, strlen(line), &event, "e", NULL), 0);
    if (event.event == EXECUTOR_UPDATE) {
        hear_update(world, event.update);
    } else {
        world->subscriptions++;
        world->resent = event.updates_count;
    }
    json_type_release(&executor_event_json, &event);
}

static void channel_closed(void *arg, int result)
{
    struct world *world = arg;
    (void)result;
    world->channel = NULL;
}

static void accepted(void *arg, struct host_channel *channel)
{
    static const struct host_channel_events events = {
        .line = channel_line, .closed = channel_closed};
    struct world *world = arg;
    if (!channel) {
        world->listener = NULL;
        return;
    }
    world->channel = channel;
    host_channel_start(channel, &events, world);
}

static void executor_exits(void *arg, int wait_status)
{
    struct world *world = arg;
    assert_int_equal(world->exit_status, -1);
    world->exit_status = wait_status;
}

static void world_start(struct world *world, const char *const *flags, const char *mode)
{
    *world = (struct world){.exit_status = -1};
    sim_fixture_init(&world->sim, CGROUP_LAYOUT_NONE);
    vfs_mkdir(world->sim.kernel->vfs, "/run", 0755, true);
    assert_int_equal(host_listen(world->sim.host, SOCKET, 0600, accepted, world,
                         &world->listener, NULL),
        0);
    const char *environment[] = {"MESOS_FRAMEWORK_ID=f", "MESOS_EXECUTOR_ID=e",
        "MESOS_DOMAIN_SOCKET=" SOCKET, mode, NULL};
    struct command_executor_options options = {0};
    char *const none[] = {NULL};
    assert_int_equal(
        command_executor_options_parse(flags ? (char *const *)(uintptr_t)flags : none,
            (char *const *)(uintptr_t)environment, &options, NULL),
        0);
    process_fork(world->sim.kernel, sim_host_process(world->sim.host), 0, &world->process);
    world->own = sim_host_for(world->process, NULL, NULL);
    world->executor = command_executor_new(world->own, &options, executor_exits, world);
    sim_fixture_run(&world->sim, 1);
    assert_int_equal(world->subscriptions, 1);
}

static void world_end(struct world *world)
{
    command_executor_free(world->executor);
    host_free(world->own);
    host_channel_close(world->channel);
    host_listener_close(world->listener);
    sim_fixture_release(&world->sim);
    strbuf_release(&world->heard);
    strv_free(world->uuids);
}

static void say(struct world *world, const char *line)
{
    assert_int_equal(host_channel_send(world->channel, line, NULL), 0);
    sim_fixture_run(&world->sim, 1);
}

#define SUBSCRIBED "{\"command\":\"subscribed\"}"
#define LAUNCH(id, command)                                                                        \
    "{\"command\":\"launch\",\"task\":{\"task_id\":\"" id "\",\"command\":{\"value\":\"" command   \
    "\"}}}"
#define KILL "{\"command\":\"kill\",\"task_id\":\"t\"}"

/* EX-16 */
static void test_kill_before_launch(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    say(&world, SUBSCRIBED);
    say(&world, KILL);
    assert_int_equal(world.exit_status, SIGABRT);
    world_end(&world);
}

/* EX-17 */
static void test_shutdown_before_launch(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    say(&world, SUBSCRIBED);
    say(&world, "{\"command\":\"shutdown\"}");
    assert_int_equal(world.exit_status, 0);
    assert_string_equal(strbuf_text(&world.heard), "");
    world_end(&world);
}

/* EX-19 */
static void test_second_launch(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    say(&world, SUBSCRIBED);
    say(&world, LAUNCH("t", "sleep 5"));
    say(&world, LAUNCH("u", "sleep 5"));
    assert_string_equal(strbuf_text(&world.heard),
        "STARTING;RUNNING;"
        "FAILEDAttempted to run multiple tasks using a \"command\" executor;");
    sim_fixture_run(&world.sim, 7000);
    assert_non_null(strstr(strbuf_text(&world.heard), "FINISHED"));
    assert_int_equal(world.exit_status, 0);
    world_end(&world);
}

static void test_tasks_that_are_none(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"command\":\"launch\",\"task\":{\"task_id\":\"t\"}}",
        "{\"command\":\"launch\",\"task\":{\"task_id\":\"t\",\"command\":{\"shell\":true}}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct world world;
        world_start(&world, NULL, "MESOS_CHECKPOINT=1");
        say(&world, SUBSCRIBED);
        say(&world, lines[i]);
        assert_int_equal(world.exit_status, SIGABRT);
        world_end(&world);
    }
}

/* EX-27 */
static void test_root_needs_root(void **state)
{
    (void)state;
    static const char *const flags[] = {"--rootfs=/r", "--sandbox_directory=/s", NULL};
    struct world world;
    world_start(&world, flags, "MESOS_CHECKPOINT=1");
    world.own->facts.root = false;
    say(&world, SUBSCRIBED);
    say(&world, LAUNCH("t", "sleep 5"));
    assert_int_equal(world.exit_status, SIGABRT);
    world_end(&world);
}

static void test_nonsense_is_ignored(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "{", "[]", "{\"command\":\"frobnicate\"}",
        "{\"command\":\"ack\"}", "{\"command\":\"ack\",\"uuid\":\"unknown\"}",
        "{\"command\":\"launch\"}"};
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    say(&world, SUBSCRIBED);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        say(&world, lines[i]);
    assert_int_equal(world.exit_status, -1);
    say(&world, LAUNCH("t", "sleep 5"));
    assert_string_equal(strbuf_text(&world.heard), "STARTING;RUNNING;");
    world_end(&world);
}

/* It subscribes each second until it is subscribed. */
static void test_subscribes_again(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    sim_fixture_run(&world.sim, 2500);
    assert_int_equal(world.subscriptions, 3);
    say(&world, SUBSCRIBED);
    sim_fixture_run(&world.sim, 5000);
    assert_int_equal(world.subscriptions, 3);
    world_end(&world);
}

static void lose_agent(struct world *world)
{
    host_channel_close(world->channel);
    world->channel = NULL;
    sim_fixture_run(&world->sim, 1);
}

static void test_lost_without_checkpoint(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=0");
    say(&world, SUBSCRIBED);
    say(&world, LAUNCH("t", "sleep 500"));
    lose_agent(&world);
    sim_fixture_run(&world.sim, 2000);
    assert_int_equal(world.exit_status, 0);
    world_end(&world);
}

static void test_lost_before_registration(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    lose_agent(&world);
    assert_int_equal(world.exit_status, 0);
    world_end(&world);
}

/* Exactly what was not acknowledged comes again, in the order of sending. */
static void test_reconnects(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, "MESOS_CHECKPOINT=1");
    say(&world, SUBSCRIBED);
    say(&world, LAUNCH("t", "sleep 500"));
    _cleanup_free_ char *ack =
        str_printf("{\"command\":\"ack\",\"uuid\":\"%s\"}", world.uuids[0]);
    say(&world, ack);
    lose_agent(&world);
    sim_fixture_run(&world.sim, 3000);
    assert_int_equal(world.subscriptions > 1, true);
    assert_int_equal(world.resent, 1);
    assert_int_equal(world.exit_status, -1);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_before_launch),
        cmocka_unit_test(test_shutdown_before_launch),
        cmocka_unit_test(test_second_launch),
        cmocka_unit_test(test_tasks_that_are_none),
        cmocka_unit_test(test_root_needs_root),
        cmocka_unit_test(test_nonsense_is_ignored),
        cmocka_unit_test(test_subscribes_again),
        cmocka_unit_test(test_lost_without_checkpoint),
        cmocka_unit_test(test_lost_before_registration),
        cmocka_unit_test(test_reconnects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
