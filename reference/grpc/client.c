/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/grpc/grpc.h"
#include "reference/grpc/http2.h"

#define STATUS_NONE GRPC_STATUS_COUNT
#define CLOSED "the other side has closed the connection"

struct grpc_client {
    struct host *host;
    struct host_channel *channel; /* NULL once it has closed */
    nghttp2_session *session;
    char *broken; /* what libnghttp2 says that the other side did wrong */
    bool goes;    /* the other side has said that it does */

    /* The call under way; answered is NULL when there is none. */
    grpc_answered answered;
    void *arg;
    struct host_request *deadline;
    int32_t stream;
    struct strbuf request;
    size_t sent;
    struct strbuf response;
    bool is_too_long;
    unsigned http_status;
    bool is_grpc; /* by its content type */
    unsigned status;
    char *message;
    bool ended;
    uint32_t error; /* with which the stream ended */
};

static void call_release(struct grpc_client *client)
{
    host_cancel(TAKE_PTR(client->deadline));
    strbuf_release(&client->request);
    strbuf_release(&client->response);
    free(TAKE_PTR(client->message));
    client->answered = NULL;
}

static void client_answer(
    struct grpc_client *client, int result, const struct grpc_answer *answer, const struct err *err)
{
    grpc_answered answered = client->answered;

    client->answered = NULL;
    host_cancel(TAKE_PTR(client->deadline));
    if (answered)
        answered(client->arg, result, answer, err);
}

/* What the stream that has ended says. */
static int call_outcome(const struct grpc_client *client, struct grpc_answer *ret_answer,
    struct err *err)
{
    *ret_answer = (struct grpc_answer){
        .status = client->status, .message = client->message ? client->message : ""};
    if (client->is_too_long)
        return err_set(err, -EMSGSIZE, "the response is longer than %u bytes",
            GRPC_MESSAGE_MAX_BYTES);
    if (client->status == STATUS_NONE && client->error != NGHTTP2_NO_ERROR)
        return err_set(err, -EPROTO, "the stream ended with %s",
            nghttp2_http2_strerror(client->error));
    if (client->status == STATUS_NONE && client->http_status != 200)
        return err_set(err, -EPROTO, "HTTP status %u", client->http_status);
    if (!client->is_grpc)
        return err_set(err, -EPROTO, "what answers is no gRPC, by its content-type");
    if (client->status == STATUS_NONE)
        return err_set(err, -EPROTO, "the response has no grpc-status");
    if (client->status != GRPC_OK)
        return 0;
    return grpc_message_get(&client->response, &ret_answer->bytes, &ret_answer->length, err);
}

/* The client may be gone afterwards. */
static void client_advance(struct grpc_client *client)
{
    struct grpc_answer answer;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = http2_pump(client->session, client->channel, &err);

    if (client->answered && client->ended) { /* it may have closed behind its answer */
        struct strbuf response;
        char *message;

        r = call_outcome(client, &answer, &err);
        /* What the answer borrows has to outlive the next call, made from within. */
        response = client->response;
        client->response = (struct strbuf)STRBUF_INIT;
        message = TAKE_PTR(client->message);
        client_answer(client, r, r < 0 ? NULL : &answer, &err);
        strbuf_release(&response);
        free(message);
        return;
    }
    if (r == 0 && !nghttp2_session_want_read(client->session) &&
        !nghttp2_session_want_write(client->session))
        r = client->goes ? err_set(&err, -ECONNRESET, "the other side takes no more calls")
                         : err_set(&err, -EPROTO, "HTTP/2: %s",
                               client->broken ? client->broken : "what came can't be read");
    if (r == -EPIPE)
        r = err_set(&err, -ECONNRESET, CLOSED);
    if (r < 0)
        client_answer(client, r, NULL, &err);
}

/* --- what libnghttp2 hears --- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_length, const uint8_t *value, size_t length, uint8_t flags, void *arg)
{
    struct grpc_client *client = arg;
    const char *text = (const char *)value; /* libnghttp2 ends it with a NUL */

    (void)session, (void)flags;
    if (frame->hd.stream_id != client->stream)
        return 0;
    if (http2_header_is(name, name_length, ":status")) {
        client->http_status = (unsigned)strtoul(text, NULL, 10);
    } else if (http2_header_is(name, name_length, "content-type")) {
        client->is_grpc = str_starts(text, GRPC_CONTENT_TYPE);
    } else if (http2_header_is(name, name_length, "grpc-status")) {
        unsigned long status = strtoul(text, NULL, 10);
        client->status = status < GRPC_STATUS_COUNT ? (unsigned)status : 2; /* UNKNOWN */
    } else if (http2_header_is(name, name_length, "grpc-message")) {
        free(client->message);
        client->message = grpc_text_decode(text, length);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
    size_t length, void *arg)
{
    struct grpc_client *client = arg;

    (void)flags;
    if (stream != client->stream || client->is_too_long)
        return 0;
    strbuf_add_bytes(&client->response, bytes, length);
    client->is_too_long = client->response.length > GRPC_MESSAGE_MAX_BYTES;
    return client->is_too_long
               ? nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL)
               : 0;
}

static int on_stream_end(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    struct grpc_client *client = arg;

    (void)session;
    if (stream == client->stream) {
        client->ended = true;
        client->error = error;
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_client *client = arg;

    (void)session;
    client->goes = client->goes || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
}

static int on_error(
    nghttp2_session *session, int code, const char *text, size_t length, void *arg)
{
    struct grpc_client *client = arg;

    (void)session, (void)code, (void)length;
    if (!client->broken)
        client->broken = str_dup(text);
    return 0;
}

static ssize_t request_read(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t room,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct grpc_client *client = arg;
    size_t left = client->request.length - client->sent;
    size_t part = left < room ? left : room;

    (void)session, (void)stream, (void)source;
    memcpy(bytes, client->request.text + client->sent, part);
    client->sent += part;
    if (part == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)part;
}

/* --- the channel --- */

static void channel_bytes(void *arg, const char *bytes, size_t length)
{
    struct grpc_client *client = arg;
    ssize_t r = nghttp2_session_mem_recv(client->session, (const uint8_t *)bytes, length);
    _cleanup_err_ struct err err = ERR_INIT;

    if (r >= 0) {
        client_advance(client);
        return;
    }
    err_set(&err, -EPROTO, "HTTP/2: %s", nghttp2_strerror((int)r));
    client_answer(client, -EPROTO, NULL, &err);
}

static void channel_closed(void *arg, int result)
{
    struct grpc_client *client = arg;
    _cleanup_err_ struct err err = ERR_INIT;

    client->channel = NULL;
    result = result == 0 ? -ECONNRESET : result;
    err_set(&err, result, CLOSED);
    client_answer(client, result, NULL, &err);
}

static void deadline_passed(void *arg, int result)
{
    struct grpc_client *client = arg;
    _cleanup_err_ struct err err = ERR_INIT;

    client->deadline = NULL;
    if (result < 0)
        return; /* the channel tells that the agent is gone */
    nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, client->stream, NGHTTP2_CANCEL);
    http2_pump(client->session, client->channel, NULL);
    err_set(&err, -ETIMEDOUT, "no answer within the deadline");
    client_answer(client, -ETIMEDOUT, NULL, &err);
}

/* --- the caller's side --- */

static int session_new(struct grpc_client *client)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    nghttp2_session_callbacks *callbacks = NULL;
    int r = nghttp2_session_callbacks_new(&callbacks);

    if (r != 0)
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_end);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
    r = nghttp2_session_client_new(&client->session, callbacks, client);
    nghttp2_session_callbacks_del(callbacks);
    if (r == 0)
        r = nghttp2_submit_settings(
            client->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings));
    return r == 0 ? 0 : -ENOMEM;
}

int grpc_client_start(
    struct host *host, const char *path, struct grpc_client **ret_client, struct err *err)
{
    static const struct host_channel_events events = {
        .bytes = channel_bytes, .closed = channel_closed};
    struct host_channel *channel = NULL;
    struct grpc_client *client;
    int r = host_connect(host, path, &channel, err);

    if (r < 0)
        return r;
    client = mem_alloc(sizeof(*client));
    client->host = host;
    client->channel = channel;
    host_channel_start(channel, &events, client);
    r = session_new(client);
    if (r < 0) {
        grpc_client_end(client);
        return err_errno(err, r, "start HTTP/2 on %s", path);
    }
    *ret_client = client;
    return 0;
}

int grpc_client_call(struct grpc_client *client, const char *path, const char *bytes, size_t length,
    uint64_t timeout_ns, grpc_answered answered, void *arg, struct err *err)
{
    _cleanup_free_ char *timeout =
        str_printf("%llum", (unsigned long long)(timeout_ns / NS_PER_MS));
    const nghttp2_nv headers[] = {
        http2_header(":method", "POST"),
        http2_header(":scheme", "http"),
        http2_header(":path", path),
        http2_header(":authority", "localhost"),
        http2_header("te", "trailers"),
        http2_header("content-type", GRPC_CONTENT_TYPE),
        http2_header("user-agent", "seatrial"),
        http2_header("grpc-timeout", timeout),
    };
    const nghttp2_data_provider body = {.read_callback = request_read};
    int r;

    assert(!client->answered);
    if (!client->channel)
        return err_set(err, -ENOTCONN, "the connection is closed");
    call_release(client);
    grpc_message_add(&client->request, bytes, length);
    client->sent = 0;
    client->is_too_long = client->is_grpc = client->ended = false;
    client->http_status = 0;
    client->status = STATUS_NONE;
    client->stream = nghttp2_submit_request(
        client->session, NULL, headers, ARRAY_SIZE(headers), &body, NULL);
    if (client->stream < 0)
        return err_set(err, -EPROTO, "HTTP/2: %s", nghttp2_strerror(client->stream));
    r = http2_pump(client->session, client->channel, err);
    if (r < 0)
        return r;
    client->answered = answered;
    client->arg = arg;
    client->deadline = host_timer(client->host, timeout_ns, deadline_passed, client);
    return 0;
}

void grpc_client_end(struct grpc_client *client)
{
    if (!client)
        return;
    call_release(client);
    nghttp2_session_del(client->session);
    host_channel_close(client->channel);
    free(client->broken);
    free(client);
}
