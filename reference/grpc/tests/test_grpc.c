/* SPDX-License-Identifier: Apache-2.0 */
/* The client against the fakes' server, and against peers whose bytes are written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "fakes/grpc_server.h"
#include "fakes/tests/sim_fixture.h"
#include "fakes/vfs.h"
#include "reference/grpc/grpc.h"
#include "reference/grpc/http2.h"

#define SOCKET "/run/socket"
#define TIMEOUT_NS (500 * NS_PER_MS)

struct world {
    struct sim_fixture sim;
    struct grpc_server *server;
    struct grpc_client *client;
    struct strbuf heard;
    bool end_inside; /* the client, when it is answered */

    /* what the server does */
    struct grpc_call *asked;
    struct strbuf dropped;

    /* a peer that is only bytes */
    struct host_listener *listener;
    struct host_channel *peer;
    const char *bytes;
    size_t length;
    bool hangs_up;
};

static void answered(
    void *arg, int result, const struct grpc_answer *answer, const struct err *err)
{
    struct world *world = arg;

    if (result < 0)
        strbuf_addf(&world->heard, "%d %s;", result, err_text(err));
    else if (answer->status != GRPC_OK)
        strbuf_addf(
            &world->heard, "%s \"%s\";", grpc_status_name(answer->status), answer->message);
    else
        strbuf_addf(&world->heard, "%.*s (%zu);", (int)(answer->length < 9 ? answer->length : 9),
            answer->bytes, answer->length);
    if (world->end_inside) {
        grpc_client_end(world->client);
        world->client = NULL;
    }
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    sim_fixture_init(&world->sim, CGROUP_LAYOUT_NONE);
    vfs_mkdir(world->sim.kernel->vfs, "/run", 0755, true);
}

static void world_release(struct world *world)
{
    grpc_client_end(world->client);
    grpc_server_end(world->server);
    host_channel_close(world->peer);
    host_listener_close(world->listener);
    strbuf_release(&world->heard);
    strbuf_release(&world->dropped);
    sim_fixture_release(&world->sim);
}

static void call(struct world *world, const char *path, const char *bytes)
{
    assert_int_equal(grpc_client_call(world->client, path, bytes, strlen(bytes), TIMEOUT_NS,
                         answered, world, NULL),
        0);
    sim_fixture_run(&world->sim, 10);
}

static void heard(struct world *world, const char *expected)
{
    assert_string_equal(strbuf_text(&world->heard), expected);
    strbuf_reset(&world->heard);
}

/* --- the server of the fakes --- */

/* Answers are the tests'. */
static void called(
    void *arg, struct grpc_call *asked, const char *path, const char *bytes, size_t length)
{
    struct world *world = arg;

    (void)bytes, (void)length;
    strbuf_addf(&world->heard, "[%s %zu]", path, length);
    world->asked = asked;
}

static void dropped(void *arg, struct grpc_call *asked)
{
    struct world *world = arg;

    assert_ptr_equal(asked, world->asked);
    world->asked = NULL;
    strbuf_add(&world->dropped, "dropped;");
}

static const struct grpc_handler handler = {called, dropped};

static void world_serve(struct world *world)
{
    world_init(world);
    assert_int_equal(
        grpc_server_start(world->sim.host, SOCKET, &handler, world, &world->server, NULL), 0);
    assert_int_equal(grpc_client_start(world->sim.host, SOCKET, &world->client, NULL), 0);
}

static void test_calls(void **state)
{
    struct world world;
    _cleanup_free_ char *big = malloc(200001);

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "request");
    heard(&world, "[/a.B/One 7]");
    grpc_call_answer(world.asked, "response", 8);
    sim_fixture_run(&world.sim, 10);
    heard(&world, "response (8);");
    /* Both ways beyond the windows of flow control, which have 65,535 bytes. */
    memset(big, 'x', 200000);
    big[200000] = '\0';
    call(&world, "/a.B/Two", big);
    heard(&world, "[/a.B/Two 200000]");
    grpc_call_answer(world.asked, big, 200000);
    sim_fixture_run(&world.sim, 10);
    heard(&world, "xxxxxxxxx (200000);");
    call(&world, "/a.B/Three", "");
    heard(&world, "[/a.B/Three 0]");
    grpc_call_refuse(world.asked, GRPC_UNAVAILABLE, "100 % gone:\n\303\244");
    sim_fixture_run(&world.sim, 10);
    heard(&world, "UNAVAILABLE \"100 % gone:\n\303\244\";");
    /* It is of use after a refusal. */
    call(&world, "/a.B/Four", "");
    grpc_call_answer(world.asked, "", 0);
    sim_fixture_run(&world.sim, 10);
    heard(&world, "[/a.B/Four 0] (0);");
    assert_string_equal(strbuf_text(&world.dropped), "");
    world_release(&world);
}

static void test_too_long(void **state)
{
    struct world world;
    char *big = calloc(1, GRPC_MESSAGE_MAX_BYTES + 1);

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "");
    strbuf_reset(&world.heard);
    grpc_call_answer(world.asked, big, GRPC_MESSAGE_MAX_BYTES + 1);
    sim_fixture_run(&world.sim, 400);
    heard(&world, "-90 the response is longer than 4194304 bytes;");
    free(big);
    world_release(&world);
}

static void test_deadline(void **state)
{
    struct world world;

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "");
    heard(&world, "[/a.B/One 0]");
    sim_fixture_run(&world.sim, 480);
    heard(&world, "");
    sim_fixture_run(&world.sim, 20);
    heard(&world, "-110 no answer within the deadline;");
    assert_string_equal(strbuf_text(&world.dropped), "dropped;");
    world_release(&world);
}

static void test_hang_up(void **state)
{
    struct world world;
    _cleanup_err_ struct err err = ERR_INIT;

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "");
    grpc_call_hang_up(world.asked);
    sim_fixture_run(&world.sim, 10);
    heard(&world, "[/a.B/One 0]-104 the other side has closed the connection;");
    assert_int_equal(grpc_client_call(world.client, "/a.B/Two", "", 0, TIMEOUT_NS, answered, &world,
                         &err),
        -ENOTCONN);
    world_release(&world);
}

/* What a fault keeps back comes in its order. */
static void test_late(void **state)
{
    struct world world;
    const struct fault_rule rule = {.kind = EFFECT_EVENT,
        .nth = 2,
        .times = 1,
        .verdict = {EFFECT_PROCEED, 0, 50 * NS_PER_MS}};

    (void)state;
    world_serve(&world);
    fault_plan_add(&world.sim.faults, &rule);
    call(&world, "/a.B/One", "request");
    sim_fixture_run(&world.sim, 100);
    heard(&world, "[/a.B/One 7]");
    grpc_call_answer(world.asked, "response", 8);
    sim_fixture_run(&world.sim, 100);
    heard(&world, "response (8);");
    world_release(&world);
}

/* A client may end inside its answer, and before it. */
static void test_ends(void **state)
{
    struct world world;

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "");
    world.end_inside = true;
    grpc_call_answer(world.asked, "x", 1);
    sim_fixture_run(&world.sim, 10);
    heard(&world, "[/a.B/One 0]x (1);");
    assert_null(world.client);
    assert_int_equal(grpc_client_start(world.sim.host, SOCKET, &world.client, NULL), 0);
    call(&world, "/a.B/Two", "");
    grpc_client_end(TAKE_PTR(world.client));
    sim_fixture_run(&world.sim, 10);
    heard(&world, "[/a.B/Two 0]");
    assert_string_equal(strbuf_text(&world.dropped), "dropped;");
    world_release(&world);
}

static void test_agent_gone(void **state)
{
    struct world world;

    (void)state;
    world_serve(&world);
    call(&world, "/a.B/One", "");
    strbuf_reset(&world.heard);
    host_crash(world.sim.host);
    host_gone(world.sim.host);
    heard(&world, "-108 the other side has closed the connection;");
    world_release(&world);
}

static void test_nobody(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    assert_int_equal(grpc_client_start(world.sim.host, SOCKET, &world.client, NULL), -ENOENT);
    world_release(&world);
}

/* --- peers of bytes --- */

static void peer_bytes(void *arg, const char *bytes, size_t length)
{
    struct world *world = arg;

    (void)bytes, (void)length;
    if (!world->bytes)
        return;
    host_channel_send_bytes(world->peer, world->bytes, world->length, NULL);
    world->bytes = NULL;
    if (world->hangs_up)
        host_channel_close(TAKE_PTR(world->peer));
}

static void peer_closed(void *arg, int result)
{
    struct world *world = arg;

    (void)result;
    world->peer = NULL;
}

static void peer_accepted(void *arg, struct host_channel *channel)
{
    static const struct host_channel_events events = {.bytes = peer_bytes, .closed = peer_closed};
    struct world *world = arg;

    world->peer = channel;
    host_channel_start(channel, &events, world);
}

#define BYTES(text) text, sizeof(text) - 1
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
/* HEADERS of stream 1, from the static table of HPACK: 200 is 0x88, 404 is 0x8d. */
#define HEADERS(length, flags) "\0\0" length "\1" flags "\0\0\0\1"
#define END_BOTH "\5"
#define END_HEADERS "\4"
#define GRPC_TYPE "\x0f\x10\x10" "application/grpc"
#define DATA(length, flags) "\0\0" length "\0" flags "\0\0\0\1"
#define STATUS_0 "\0\013grpc-status\1" "0"

static void test_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        bool hangs_up;
        const char *heard;
    } cases[] = {
        {BYTES(SETTINGS HEADERS("\1", END_BOTH) "\x8d"), false, "-71 HTTP status 404;"},
        {BYTES(SETTINGS HEADERS("\1", END_BOTH) "\x88"), false,
            "-71 what answers is no gRPC, by its content-type;"},
        {BYTES(SETTINGS HEADERS("\x14", END_BOTH) "\x88" GRPC_TYPE), false,
            "-71 the response has no grpc-status;"},
        {BYTES(SETTINGS HEADERS("\x23", END_BOTH) "\x88" GRPC_TYPE STATUS_0), false,
            "-71 a message of gRPC has 5 bytes at least, there are 0;"},
        {BYTES(SETTINGS HEADERS("\x14", END_HEADERS) "\x88" GRPC_TYPE DATA("\6", "\0")
                   "\0\0\0\0\2x" HEADERS("\x0f", END_BOTH) STATUS_0),
            false, "-71 a message of 2 bytes was announced, 1 came;"},
        {BYTES(SETTINGS HEADERS("\x14", END_HEADERS) "\x88" GRPC_TYPE DATA("\6", "\0")
                   "\1\0\0\0\1x" HEADERS("\x0f", END_BOTH) STATUS_0),
            false, "-71 the message is compressed, which nobody asked for;"},
        {BYTES(SETTINGS HEADERS("\x14", END_HEADERS) "\x88" GRPC_TYPE DATA("\6", "\0")
                   "\0\0\0\0\1x" HEADERS("\x0f", END_BOTH) STATUS_0),
            false, "x (1);"},
        {BYTES(SETTINGS HEADERS("\x14", END_HEADERS) "\x88" GRPC_TYPE DATA("\6", "\0")
                   "\0\0\0\0\1x"),
            true, "-104 the other side has closed the connection;"},
        {BYTES(SETTINGS "\0\0\4\3\0\0\0\0\1\0\0\0\x0b"), false,
            "-71 the stream ended with ENHANCE_YOUR_CALM;"},
        {BYTES(SETTINGS "\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0"), false,
            "-71 the stream ended with REFUSED_STREAM;"},
        {BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), false, "-71 HTTP/2: "},
        {BYTES("\xff"), false, "-110 no answer within the deadline;"},
        {BYTES(SETTINGS HEADERS("\1", END_BOTH) "\xff"), false, "-71 "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        const char *text;

        world_init(&world);
        world.bytes = cases[i].bytes;
        world.length = cases[i].length;
        world.hangs_up = cases[i].hangs_up;
        assert_int_equal(host_listen(world.sim.host, SOCKET, 0600, peer_accepted, &world,
                             &world.listener, NULL),
            0);
        assert_int_equal(grpc_client_start(world.sim.host, SOCKET, &world.client, NULL), 0);
        call(&world, "/a.B/One", "");
        sim_fixture_run(&world.sim, 600);
        text = strbuf_text(&world.heard);
        if (!strstr(text, cases[i].heard))
            fail_msg("case %zu: \"%s\" instead of \"%s\"", i, text, cases[i].heard);
        world_release(&world);
    }
}

static void test_texts(void **state)
{
    static const char *const texts[][2] = {
        {"plain", "plain"}, {"a%20b", "a b"}, {"%", "%"}, {"%4", "%4"}, {"%zz", "%zz"},
        {"%C3%a4", "\303\244"}, {"%00", "?"}, {"%2525", "%25"}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_free_ char *text = grpc_text_decode(texts[i][0], strlen(texts[i][0]));

        assert_string_equal(text, texts[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_agent_gone),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
