/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/grpc_server.h"

#include <stdlib.h>
#include <string.h>

#include "reference/grpc/http2.h"

struct grpc_server {
    struct host *host;
    struct host_listener *listener;
    const struct grpc_handler *handler;
    void *arg;
    struct list connections;
};

struct connection {
    struct list node;
    struct grpc_server *server;
    struct host_channel *channel;
    nghttp2_session *session;
    struct list calls;
};

struct grpc_call {
    struct list node;
    struct connection *connection;
    int32_t stream;
    char *path;
    struct strbuf request;
    struct strbuf response;
    size_t sent;
    bool asked;    /* the whole request is there */
    bool told;     /* to the handler */
    bool answered;
};

static void call_free(struct grpc_call *call)
{
    const struct grpc_server *server = call->connection->server;

    list_remove(&call->node);
    if (call->told && !call->answered)
        server->handler->dropped(server->arg, call);
    free(call->path);
    strbuf_release(&call->request);
    strbuf_release(&call->response);
    free(call);
}

static void connection_free(struct connection *connection)
{
    list_remove(&connection->node);
    list_for_each_safe(node, following, &connection->calls)
        call_free(list_entry(node, struct grpc_call, node));
    nghttp2_session_del(connection->session);
    host_channel_close(connection->channel);
    free(connection);
}

/* --- what libnghttp2 hears --- */

static struct grpc_call *call_find(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct connection *connection = arg;
    struct grpc_call *call;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    call = mem_alloc(sizeof(*call));
    call->connection = connection;
    call->stream = frame->hd.stream_id;
    list_append(&connection->calls, &call->node);
    return nghttp2_session_set_stream_user_data(session, call->stream, call);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *arg)
{
    struct grpc_call *call = call_find(session, frame->hd.stream_id);

    (void)length, (void)flags, (void)arg;
    if (call && http2_header_is(name, name_length, ":path"))
        str_set(&call->path, (const char *)value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
    size_t length, void *arg)
{
    struct grpc_call *call = call_find(session, stream);

    (void)flags, (void)arg;
    if (call)
        strbuf_add_bytes(&call->request, bytes, length);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_call *call = call_find(session, frame->hd.stream_id);

    (void)arg;
    if (call && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        call->asked = true;
    return 0;
}

static int on_stream_end(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    struct grpc_call *call = call_find(session, stream);

    (void)error, (void)arg;
    if (call)
        call_free(call);
    return 0;
}

/* --- answers --- */

static ssize_t response_read(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct grpc_call *call = source->ptr;
    const nghttp2_nv trailer = http2_header("grpc-status", "0");
    size_t left = call->response.length - call->sent;
    size_t part = left < room ? left : room;

    (void)arg;
    memcpy(bytes, call->response.text + call->sent, part);
    call->sent += part;
    if (part == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, stream, &trailer, 1);
    }
    return (ssize_t)part;
}

/* Sending ends the stream, and with it the call. */
static void call_submit(struct grpc_call *call, const nghttp2_nv *headers, size_t count,
    const nghttp2_data_provider *body)
{
    struct connection *connection = call->connection;

    call->answered = true;
    nghttp2_submit_response(connection->session, call->stream, headers, count, body);
    http2_pump(connection->session, connection->channel, NULL);
}

void grpc_call_answer(struct grpc_call *call, const char *bytes, size_t length)
{
    const nghttp2_nv headers[] = {
        http2_header(":status", "200"), http2_header("content-type", GRPC_CONTENT_TYPE)};
    const nghttp2_data_provider body = {.source.ptr = call, .read_callback = response_read};

    grpc_message_add(&call->response, bytes, length);
    call_submit(call, headers, ARRAY_SIZE(headers), &body);
}

void grpc_call_refuse(struct grpc_call *call, unsigned status, const char *message)
{
    _cleanup_free_ char *number = str_printf("%u", status);
    _cleanup_free_ char *text = grpc_text_encode(message);
    const nghttp2_nv headers[] = {http2_header(":status", "200"),
        http2_header("content-type", GRPC_CONTENT_TYPE), http2_header("grpc-status", number),
        http2_header("grpc-message", text)};

    call_submit(call, headers, ARRAY_SIZE(headers), NULL);
}

void grpc_call_hang_up(struct grpc_call *call)
{
    call->answered = true;
    connection_free(call->connection);
}

void grpc_call_garble(struct grpc_call *call)
{
    static const char garbage[] = "HTTP/1.1 200 OK\r\n\r\n{\"error\": \"what is gRPC?\"}";

    call->answered = true;
    host_channel_send_bytes(call->connection->channel, garbage, strlen(garbage), NULL);
}

/* --- connections --- */

static void channel_bytes(void *arg, const char *bytes, size_t length)
{
    struct connection *connection = arg;
    const struct grpc_server *server = connection->server;
    ssize_t r = nghttp2_session_mem_recv(connection->session, (const uint8_t *)bytes, length);

    if (r < 0 || http2_pump(connection->session, connection->channel, NULL) < 0 ||
        (!nghttp2_session_want_read(connection->session) &&
            !nghttp2_session_want_write(connection->session))) {
        connection_free(connection);
        return;
    }
    list_for_each_safe(node, following, &connection->calls) {
        struct grpc_call *call = list_entry(node, struct grpc_call, node);
        const char *request = "";
        size_t request_length = 0;

        if (!call->asked || call->told)
            continue;
        call->told = true;
        grpc_message_get(&call->request, &request, &request_length, NULL);
        server->handler->called(
            server->arg, call, call->path ? call->path : "", request, request_length);
    }
}

static void channel_closed(void *arg, int result)
{
    struct connection *connection = arg;

    (void)result;
    connection->channel = NULL;
    connection_free(connection);
}

static nghttp2_session *session_new(struct connection *connection)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_session *session = NULL;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_end);
    if (nghttp2_session_server_new(&session, callbacks, connection) == 0)
        nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}

static void accepted(void *arg, struct host_channel *channel)
{
    static const struct host_channel_events events = {
        .bytes = channel_bytes, .closed = channel_closed};
    struct grpc_server *server = arg;
    struct connection *connection;

    if (!channel) {
        server->listener = NULL;
        return;
    }
    connection = mem_alloc(sizeof(*connection));
    connection->server = server;
    connection->channel = channel;
    list_init(&connection->calls);
    list_append(&server->connections, &connection->node);
    host_channel_start(channel, &events, connection);
    connection->session = session_new(connection);
    if (!connection->session)
        connection_free(connection);
}

int grpc_server_start(struct host *host, const char *path, const struct grpc_handler *handler,
    void *arg, struct grpc_server **ret_server, struct err *err)
{
    struct grpc_server *server = mem_alloc(sizeof(*server));
    int r;

    *server = (struct grpc_server){.host = host, .handler = handler, .arg = arg};
    list_init(&server->connections);
    r = host_listen(host, path, 0600, accepted, server, &server->listener, err);
    if (r < 0) {
        free(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

void grpc_server_end(struct grpc_server *server)
{
    if (!server)
        return;
    list_for_each_safe(node, following, &server->connections)
        connection_free(list_entry(node, struct connection, node));
    host_listener_close(server->listener);
    free(server);
}
