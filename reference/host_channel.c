/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the host: channels, lines or bytes of an implementation's stream. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/host_front.h"

struct host_channel {
    struct host_request request; /* its end is that of the channel */
    struct host_stream *stream;
    const struct host_channel_events *events; /* NULL: not started */
    void *arg;
    char *name;            /* of the socket, for traces */
    struct strbuf partial; /* of a line whose end has not come */
    struct strbuf late;    /* what a fault keeps, and what came behind it */
    bool is_late;
    struct loop_timer *late_timer;
    unsigned calls; /* of ours that are on the stack */
    bool closed;    /* to be freed when the last of them returns */
};

struct host_listener {
    struct host_request request;
    struct host_stream_server *server;
    void (*accepted)(void *arg, struct host_channel *channel);
    void *arg;
    char *path;
};

static void channel_end_stream(struct host_channel *channel)
{
    if (!channel->stream)
        return;
    channel->request.host->ops->streams->end(channel->stream);
    channel->stream = NULL;
}

static void channel_close(struct host_channel *channel)
{
    channel_end_stream(channel);
    if (!channel->closed) {
        channel->closed = true;
        host_request_end(&channel->request);
        loop_timer_stop(channel->request.host->loop, channel->late_timer);
        channel->late_timer = NULL;
    }
    if (channel->calls > 0)
        return;
    strbuf_release(&channel->late);
    strbuf_release(&channel->partial);
    free(channel->name);
    free(channel);
}

/* A call of the owner's, which may close the channel. */
static void channel_leave(struct host_channel *channel)
{
    channel->calls--;
    if (channel->closed && channel->calls == 0)
        channel_close(channel);
}

static void channel_tell_closed(struct host_channel *channel, int result)
{
    channel->calls++;
    channel_end_stream(channel);
    if (channel->events && !channel->closed)
        channel->events->closed(channel->arg, result);
    channel->calls--;
    channel_close(channel);
}

static void channel_cancel(struct host_request *request)
{
    channel_close(container_of(request, struct host_channel, request));
}

static void channel_shutdown(struct host_request *request)
{
    channel_tell_closed(container_of(request, struct host_channel, request), -ESHUTDOWN);
}

/* --- what comes --- */

/* Bytes, or lines that each end with a NUL. The caller holds the channel. */
static void channel_hand(struct host_channel *channel, const char *bytes, size_t length)
{
    if (channel->events->bytes) {
        channel->events->bytes(channel->arg, bytes, length);
        return;
    }
    const char *line = bytes;
    while (line < bytes + length && !channel->closed) {
        const char *following = line + strlen(line) + 1;
        channel->events->line(channel->arg, line);
        line = following;
    }
}

static void late_due(void *arg)
{
    struct host_channel *channel = arg;
    channel->late_timer = NULL;
    if (channel->request.host->gone)
        return;
    struct strbuf late = channel->late;
    channel->late = (struct strbuf)STRBUF_INIT;
    channel->is_late = false;
    channel->calls++;
    channel_hand(channel, late.text, late.length);
    strbuf_release(&late);
    channel_leave(channel);
}

/* The caller holds the channel. */
static void channel_deliver(
    struct host_channel *channel, const char *bytes, size_t length, const char *detail)
{
    struct host *host = channel->request.host;
    if (channel->is_late) {
        strbuf_add_bytes(&channel->late, bytes, length);
        return;
    }
    struct effect_verdict verdict;
    int result = 0;
    _cleanup_free_ char *subject =
        host_is_observed(host) ? str_printf("message %s", channel->name) : NULL;
    int r = host_deliver(host, subject, detail, &result, &verdict);
    if (r < 0)
        return;
    if (r == 1) {
        strbuf_add_bytes(&channel->late, bytes, length);
        channel->is_late = true;
        if (verdict.delay_ns != UINT64_MAX)
            channel->late_timer =
                loop_timer_start(host->loop, verdict.delay_ns, late_due, channel);
        return;
    }
    if (result < 0) {
        channel_tell_closed(channel, result);
        return;
    }
    channel_hand(channel, bytes, length);
    host_delivered(host, &verdict);
}

static void lines_received(struct host_channel *channel, const char *bytes, size_t length)
{
    while (length > 0 && !channel->closed && !channel->request.host->gone) {
        const char *newline = memchr(bytes, '\n', length);
        size_t part = newline ? (size_t)(newline - bytes) : length;
        strbuf_add_bytes(&channel->partial, bytes, part);
        bytes += newline ? part + 1 : part;
        length -= newline ? part + 1 : part;
        if (channel->partial.length > HOST_LINE_MAX_BYTES) {
            channel_tell_closed(channel, -EMSGSIZE);
        } else if (newline) {
            _cleanup_free_ char *line = strbuf_take(&channel->partial);
            channel_deliver(channel, line, strlen(line) + 1, line);
        }
    }
}

static char *length_text(size_t length)
{
    return str_printf("%zu bytes", length);
}

static void stream_received(void *arg, const char *bytes, size_t length)
{
    struct host_channel *channel = arg;
    channel->calls++;
    if (!channel->events->bytes) {
        lines_received(channel, bytes, length);
    } else if (!channel->closed && !channel->request.host->gone) {
        _cleanup_free_ char *detail = length_text(length);
        channel_deliver(channel, bytes, length, detail);
    }
    channel_leave(channel);
}

static void stream_ended(void *arg, int result)
{
    struct host_channel *channel = arg;
    if (!channel->request.host->gone)
        channel_tell_closed(channel, result);
}

static const struct host_stream_events stream_events = {stream_received, stream_ended};

/* --- making and using them --- */

static struct host_channel *channel_new(
    struct host *host, struct host_stream *stream, const char *path)
{
    struct host_channel *channel = mem_alloc(sizeof(*channel));
    const char *slash = strrchr(path, '/');
    channel->stream = stream;
    channel->name = str_dup(slash ? slash + 1 : path);
    host_request_add(host, &channel->request, channel_cancel, channel_shutdown);
    return channel;
}

int host_connect(
    struct host *host, const char *path, struct host_channel **ret_channel, struct err *err)
{
    struct effect_verdict verdict;
    struct host_stream *stream = NULL;
    int r = host_effect(host, EFFECT_MESSAGE, path, "connect", &verdict, err);
    if (r == 1)
        return err_errno(err, -ECONNREFUSED, "connect to %s", path);
    if (r < 0)
        return r;
    r = host->ops->streams ? host->ops->streams->connect(host, path, &stream, err)
                           : err_errno(err, -EOPNOTSUPP, "connect to %s", path);
    r = host_effect_done(host, EFFECT_MESSAGE, path, "connect", &verdict, r, err);
    if (r == 0)
        *ret_channel = channel_new(host, stream, path);
    else if (stream)
        host->ops->streams->end(stream);
    return r;
}

void host_channel_start(
    struct host_channel *channel, const struct host_channel_events *events, void *arg)
{
    assert(!channel->events);
    channel->events = events;
    channel->arg = arg;
    if (channel->stream)
        channel->request.host->ops->streams->start(channel->stream, &stream_events, channel);
}

static int channel_send(struct host_channel *channel, const char *detail, const char *bytes,
    size_t length, struct err *err)
{
    struct host *host = channel->request.host;
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_MESSAGE, channel->name, detail, &verdict, err);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = channel->stream ? host->ops->streams->send(channel->stream, bytes, length) : -EPIPE;
    if (r < 0)
        err_errno(err, r, "send to %s", channel->name);
    return host_effect_done(host, EFFECT_MESSAGE, channel->name, detail, &verdict, r, err);
}

int host_channel_send(struct host_channel *channel, const char *line, struct err *err)
{
    _cleanup_free_ char *text = str_printf("%s\n", line);
    return channel_send(channel, line, text, strlen(text), err);
}

int host_channel_send_bytes(
    struct host_channel *channel, const char *bytes, size_t length, struct err *err)
{
    _cleanup_free_ char *detail = length_text(length);
    return channel_send(channel, detail, bytes, length, err);
}

void host_channel_close(struct host_channel *channel)
{
    if (channel && !channel->closed)
        channel_close(channel);
}

/* --- listening --- */

static void listener_free(struct host_listener *listener)
{
    struct host *host = listener->request.host;
    host_request_end(&listener->request);
    host->ops->streams->unlisten(host, listener->server);
    free(listener->path);
    free(listener);
}

static void listener_cancel(struct host_request *request)
{
    listener_free(container_of(request, struct host_listener, request));
}

static void listener_shutdown(struct host_request *request)
{
    struct host_listener *listener = container_of(request, struct host_listener, request);
    void (*accepted)(void *arg, struct host_channel *channel) = listener->accepted;
    void *arg = listener->arg;
    listener_free(listener);
    accepted(arg, NULL);
}

static void stream_accepted(void *arg, struct host_stream *stream)
{
    struct host_listener *listener = arg;
    struct host *host = listener->request.host;
    if (host->gone)
        host->ops->streams->end(stream);
    else
        listener->accepted(listener->arg, channel_new(host, stream, listener->path));
}

int host_listen(struct host *host, const char *path, mode_t mode,
    void (*accepted)(void *arg, struct host_channel *channel), void *arg,
    struct host_listener **ret_listener, struct err *err)
{
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_MESSAGE, path, "listen", &verdict, err);
    if (r == 1)
        return err_errno(err, -EADDRNOTAVAIL, "listen at %s", path);
    if (r < 0)
        return r;
    struct host_listener *listener = mem_alloc(sizeof(*listener));
    r = host->ops->streams ? host->ops->streams->listen(host, path, mode, stream_accepted,
                                 listener, &listener->server, err)
                           : err_errno(err, -EOPNOTSUPP, "listen at %s", path);
    bool listens = r == 0;
    r = host_effect_done(host, EFFECT_MESSAGE, path, "listen", &verdict, r, err);
    if (r < 0) {
        if (listens)
            host->ops->streams->unlisten(host, listener->server);
        free(listener);
        return r;
    }
    listener->accepted = accepted;
    listener->arg = arg;
    listener->path = str_dup(path);
    host_request_add(host, &listener->request, listener_cancel, listener_shutdown);
    *ret_listener = listener;
    return 0;
}

void host_listener_close(struct host_listener *listener)
{
    if (!listener)
        return;
    struct host *host = listener->request.host;
    _cleanup_free_ char *path = str_dup(listener->path);
    listener_free(listener);
    host_file_remove(host, path, NULL);
}
