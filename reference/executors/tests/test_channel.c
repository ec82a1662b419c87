/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of the host, over the simulated machine and over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes/tests/sim_fixture.h"
#include "reference/base/loop_uv.h"
#include "reference/base/strbuf.h"
#include "reference/host_linux.h"

struct side {
    struct world *world;
    struct host_channel *channel;
    struct strbuf heard;
    bool close_at_line;
};

struct world {
    struct sim_fixture sim;
    struct loop *loop;
    struct host *host;
    char *directory; /* real; NULL: simulated */
    char *path;
    struct host_listener *listener;
    bool listener_gone;
    struct side server;
    struct side client;
};

static void heard_line(void *arg, const char *line)
{
    struct side *side = arg;
    strbuf_addf(&side->heard, "%.20s;", line);
    if (side->close_at_line)
        host_channel_close(TAKE_PTR(side->channel));
}

static void heard_end(void *arg, int result)
{
    struct side *side = arg;
    strbuf_addf(&side->heard, "end %d;", result);
    side->channel = NULL;
}

static const struct host_channel_events events = {.line = heard_line, .closed = heard_end};

static void accepted(void *arg, struct host_channel *channel)
{
    struct world *world = arg;
    if (!channel) {
        world->listener = NULL;
        world->listener_gone = true;
        return;
    }
    world->server.channel = channel;
    host_channel_start(channel, &events, &world->server);
}

static void nothing(void *arg)
{
    *(bool *)arg = true;
}

/* Lets some time pass. */
static void pass(struct world *world)
{
    bool over = false;
    if (!world->directory) {
        sim_fixture_run(&world->sim, 5);
        return;
    }
    loop_timer_start(world->loop, 50 * NS_PER_MS, nothing, &over);
    while (!over)
        loop_step(world->loop);
}

static void world_init(struct world *world, bool real)
{
    *world = (struct world){.server.world = world, .client.world = world};
    if (real) {
        char template[] = "/tmp/seatrial-test.XXXXXX";
        const struct host_linux_options options = {
            .init_helper = TEST_INIT_HELPER, .cgroups = "none"};
        world->directory = str_dup(mkdtemp(template));
        world->loop = loop_uv_new();
        assert_int_equal(host_linux_new(world->loop, NULL, &options, &world->host, NULL), 0);
        world->path = str_printf("%s/socket", world->directory);
    } else {
        sim_fixture_init(&world->sim, CGROUP_LAYOUT_NONE);
        world->host = world->sim.host;
        vfs_mkdir(world->sim.kernel->vfs, "/run", 0755, true);
        world->path = str_dup("/run/socket");
    }
}

static void world_release(struct world *world)
{
    host_channel_close(world->server.channel);
    host_channel_close(world->client.channel);
    host_listener_close(world->listener);
    assert_true(world->listener_gone || !host_file_exists(world->host, world->path));
    if (world->directory) {
        unlink(world->path);
        rmdir(world->directory);
        host_free(world->host);
        loop_free(world->loop);
        free(world->directory);
    } else {
        sim_fixture_release(&world->sim);
    }
    free(world->path);
    strbuf_release(&world->server.heard);
    strbuf_release(&world->client.heard);
}

static void world_connect(struct world *world)
{
    assert_int_equal(
        host_listen(world->host, world->path, 0666, accepted, world, &world->listener, NULL), 0);
    assert_int_equal(host_connect(world->host, world->path, &world->client.channel, NULL), 0);
    host_channel_start(world->client.channel, &events, &world->client);
    pass(world);
    assert_non_null(world->server.channel);
}

static void send(struct side *side, const char *line)
{
    assert_int_equal(host_channel_send(side->channel, line, NULL), 0);
}

static void talk(struct world *world)
{
    world_connect(world);
    send(&world->client, "one");
    send(&world->client, "");
    send(&world->client, "three");
    send(&world->server, "back");
    pass(world);
    assert_string_equal(strbuf_text(&world->server.heard), "one;;three;");
    assert_string_equal(strbuf_text(&world->client.heard), "back;");
    /* What was sent before the end still comes. */
    send(&world->server, "last");
    host_channel_close(TAKE_PTR(world->server.channel));
    pass(world);
    assert_string_equal(strbuf_text(&world->client.heard), "back;last;end 0;");
}

static void close_within(struct world *world)
{
    world_connect(world);
    world->server.close_at_line = true;
    send(&world->client, "one");
    send(&world->client, "two");
    pass(world);
    assert_string_equal(strbuf_text(&world->server.heard), "one;");
    assert_null(world->server.channel);
    pass(world);
    assert_null(world->client.channel);
}

static void long_lines(struct world *world)
{
    world_connect(world);
    char *line = malloc(HOST_LINE_MAX_BYTES + 2);
    memset(line, 'x', HOST_LINE_MAX_BYTES + 1);
    line[HOST_LINE_MAX_BYTES] = '\0';
    send(&world->client, line);
    for (unsigned i = 0; i < 20; i++)
        pass(world);
    assert_string_equal(strbuf_text(&world->server.heard), "xxxxxxxxxxxxxxxxxxxx;");
    line[HOST_LINE_MAX_BYTES] = 'x';
    line[HOST_LINE_MAX_BYTES + 1] = '\0';
    send(&world->client, line);
    for (unsigned i = 0; i < 20; i++)
        pass(world);
    assert_string_equal(strbuf_text(&world->server.heard), "xxxxxxxxxxxxxxxxxxxx;end -90;");
    free(line);
}

static void nobody(struct world *world)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct host_channel *channel = NULL;
    assert_int_equal(host_connect(world->host, world->path, &channel, &err), -ENOENT);
    host_file_write(world->host, world->path, "", 0, 0644, NULL);
    assert_int_equal(host_connect(world->host, world->path, &channel, &err), -ECONNREFUSED);
    /* A listener takes the place of what is there. */
    world_connect(world);
}

static void crash(struct world *world)
{
    world_connect(world);
    host_crash(world->host);
    assert_int_equal(host_channel_send(world->client.channel, "x", NULL), -ESHUTDOWN);
    host_gone(world->host);
    assert_string_equal(strbuf_text(&world->client.heard), "end -108;");
    assert_true(world->listener_gone);
}

static void in_both(void (*test)(struct world *world))
{
    for (int real = 0; real < 2; real++) {
        struct world world;
        world_init(&world, real);
        test(&world);
        world_release(&world);
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        in_both(name);                                                                             \
    }
TEST(talk)
TEST(close_within)
TEST(long_lines)
TEST(nobody)
TEST(crash)

/* Faults at what is sent and at what comes. */
static void test_faults(void **state)
{
    (void)state;
    static const struct {
        enum effect_kind kind;
        struct effect_verdict verdict;
        int sent;
        const char *heard;
        const char *later; /* 10 ms on */
    } cases[] = {
        {EFFECT_MESSAGE, {EFFECT_LOSE, 0, 0}, 0, "b;", "b;"},
        {EFFECT_MESSAGE, {EFFECT_FAIL, -EPIPE, 0}, -EPIPE, "b;", "b;"},
        {EFFECT_EVENT, {EFFECT_LOSE, 0, 0}, 0, "b;", "b;"},
        {EFFECT_EVENT, {EFFECT_PROCEED, 0, 8 * NS_PER_MS}, 0, "", "a;b;"},
        {EFFECT_EVENT, {EFFECT_FAIL, -EIO, 0}, 0, "end -5;", "end -5;"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        world_init(&world, false);
        world_connect(&world);
        const struct fault_rule rule = {.kind = cases[i].kind,
            .detail = (char *)(uintptr_t)"a",
            .nth = 1,
            .times = 1,
            .verdict = cases[i].verdict};
        fault_plan_add(&world.sim.faults, &rule);
        assert_int_equal(
            host_channel_send(world.client.channel, "a", NULL), cases[i].sent);
        if (world.client.channel)
            host_channel_send(world.client.channel, "b", NULL);
        pass(&world);
        assert_string_equal(strbuf_text(&world.server.heard), cases[i].heard);
        sim_fixture_run(&world.sim, 10);
        assert_string_equal(strbuf_text(&world.server.heard), cases[i].later);
        world_release(&world);
    }
}

static void test_path_too_long(void **state)
{
    (void)state;
    struct world world;
    _cleanup_err_ struct err err = ERR_INIT;
    char path[200];
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    world_init(&world, true);
    assert_int_equal(
        host_listen(world.host, path, 0600, accepted, &world, &world.listener, &err),
        -ENAMETOOLONG);
    assert_non_null(strstr(err_text(&err), "has 199 characters, a socket's has at most 107"));
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_close_within),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_path_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
