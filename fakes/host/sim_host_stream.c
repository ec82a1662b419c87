/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the simulated host: pairs of ends, each with what is on its way to it. A socket is an
 * empty file of the vfs and a server in the table of the world.
 */
#include <errno.h>
#include <stdlib.h>

#include "fakes/host/sim_host_internal.h"
#include "fakes/vfs.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"

#define TRAVEL_NS (10 * NS_PER_US)

struct host_stream {
    struct loop *loop;
    struct host_stream *peer; /* NULL: it has ended */
    const struct host_stream_events *events;
    void *arg;
    struct strbuf inbox;
    bool peer_ended; /* and not told */
    struct loop_timer *timer;
};

struct host_stream_server {
    struct sim_world *world;
    char *path;
    struct list connecting; /* struct connecting */
    void (*accepted)(void *arg, struct host_stream *stream);
    void *arg;
};

/* A stream on its way to who listens. */
struct connecting {
    struct list node;
    struct host_stream_server *server;
    struct host_stream *stream;
    struct loop_timer *timer;
};

static void stream_end(struct host_stream *stream);

static void stream_due(void *arg)
{
    struct host_stream *stream = arg;
    stream->timer = NULL;
    if (stream->inbox.length > 0) {
        struct strbuf came = stream->inbox;
        stream->inbox = (struct strbuf)STRBUF_INIT;
        if (stream->peer_ended)
            stream->timer = loop_timer_start(stream->loop, TRAVEL_NS, stream_due, stream);
        stream->events->received(stream->arg, came.text, came.length);
        strbuf_release(&came);
    } else if (stream->peer_ended) {
        stream->peer_ended = false;
        stream->events->ended(stream->arg, 0);
    }
}

static void stream_schedule(struct host_stream *stream)
{
    if (stream->events && !stream->timer)
        stream->timer = loop_timer_start(stream->loop, TRAVEL_NS, stream_due, stream);
}

static void connecting_free(struct connecting *connecting)
{
    loop_timer_stop(connecting->server->world->kernel->loop, connecting->timer);
    list_remove(&connecting->node);
    free(connecting);
}

static void connecting_due(void *arg)
{
    struct connecting *connecting = arg;
    struct host_stream_server *server = connecting->server;
    struct host_stream *stream = connecting->stream;
    connecting->timer = NULL;
    connecting_free(connecting);
    server->accepted(server->arg, stream);
}

static int stream_connect(
    struct host *host, const char *path, struct host_stream **ret_stream, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    struct host_stream_server *server = strmap_get(sim->world->servers, path);
    struct vfs_info info;
    int r = vfs_info(sim->kernel->vfs, path, true, &info);
    if (r == 0 && !server)
        r = -ECONNREFUSED;
    if (r < 0)
        return err_errno(err, r, "connect to %s", path);
    struct host_stream *ends[2];
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        ends[i] = mem_alloc(sizeof(*ends[i]));
        ends[i]->loop = sim->kernel->loop;
    }
    ends[0]->peer = ends[1];
    ends[1]->peer = ends[0];
    struct connecting *connecting = mem_alloc(sizeof(*connecting));
    connecting->server = server;
    connecting->stream = ends[1];
    connecting->timer =
        loop_timer_start(sim->kernel->loop, TRAVEL_NS, connecting_due, connecting);
    list_append(&server->connecting, &connecting->node);
    *ret_stream = ends[0];
    return 0;
}

static int stream_listen(struct host *host, const char *path, mode_t mode,
    void (*accepted)(void *arg, struct host_stream *stream), void *arg,
    struct host_stream_server **ret_server, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    int r = vfs_write(sim->kernel->vfs, path, "", 0, mode, false);
    if (r < 0)
        return err_errno(err, r, "listen at %s", path);
    struct host_stream_server *server = mem_alloc(sizeof(*server));
    server->world = sim->world;
    server->path = str_dup(path);
    server->accepted = accepted;
    server->arg = arg;
    list_init(&server->connecting);
    strmap_set(sim->world->servers, path, server);
    *ret_server = server;
    return 0;
}

static void stream_unlisten(struct host *host, struct host_stream_server *server)
{
    (void)host;
    if (strmap_get(server->world->servers, server->path) == server)
        strmap_remove(server->world->servers, server->path);
    list_for_each_safe(node, following, &server->connecting) {
        struct connecting *connecting = list_entry(node, struct connecting, node);
        stream_end(connecting->stream);
        connecting_free(connecting);
    }
    free(server->path);
    free(server);
}

static void stream_start(
    struct host_stream *stream, const struct host_stream_events *events, void *arg)
{
    stream->events = events;
    stream->arg = arg;
    if (stream->inbox.length > 0 || stream->peer_ended)
        stream_schedule(stream);
}

static int stream_send(struct host_stream *stream, const char *bytes, size_t length)
{
    struct host_stream *peer = stream->peer;
    if (!peer)
        return -EPIPE;
    strbuf_add_bytes(&peer->inbox, bytes, length);
    stream_schedule(peer);
    return 0;
}

static void stream_end(struct host_stream *stream)
{
    struct host_stream *peer = stream->peer;
    if (peer) {
        peer->peer = NULL;
        peer->peer_ended = true;
        stream_schedule(peer);
    }
    loop_timer_stop(stream->loop, stream->timer);
    strbuf_release(&stream->inbox);
    free(stream);
}

const struct host_stream_ops sim_streams = {
    .connect = stream_connect,
    .listen = stream_listen,
    .unlisten = stream_unlisten,
    .start = stream_start,
    .send = stream_send,
    .end = stream_end,
};
