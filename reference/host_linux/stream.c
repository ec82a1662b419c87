/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over Unix sockets. What a peer does not take at once waits in memory. */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "reference/base/strbuf.h"

#define BACKLOG 64
#define WAITING_MAX_BYTES (16u << 20)

struct host_stream {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    const struct host_stream_events *events;
    void *arg;
    char *waiting; /* to be sent */
    size_t waiting_length;
};

struct host_stream_server {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    void (*accepted)(void *arg, struct host_stream *stream);
    void *arg;
};

static int socket_address(const char *path, struct sockaddr_un *address, struct err *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return err_set(err, -ENAMETOOLONG,
            "socket %s: the path has %zu characters, a socket's has at most %zu", path,
            strlen(path), sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

static struct host_stream *stream_new(struct loop *loop, int fd)
{
    struct host_stream *stream = mem_alloc(sizeof(*stream));
    stream->loop = loop;
    stream->fd = fd;
    return stream;
}

static int stream_connect(
    struct host *host, const char *path, struct host_stream **ret_stream, struct err *err)
{
    struct sockaddr_un address;
    int r = socket_address(path, &address, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return err_errno(err, errno == EAGAIN ? -ECONNREFUSED : -errno, "connect to %s", path);
    *ret_stream = stream_new(host->loop, TAKE_FD(fd));
    return 0;
}

static void server_ready(void *arg, unsigned events)
{
    (void)events;
    struct host_stream_server *server = arg;
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        server->accepted(server->arg, stream_new(server->loop, fd));
}

static int stream_listen(struct host *host, const char *path, mode_t mode,
    void (*accepted)(void *arg, struct host_stream *stream), void *arg,
    struct host_stream_server **ret_server, struct err *err)
{
    /* Whoever sees the socket at its path may connect to it: it gets there when it listens. */
    uint32_t number = 0;
    if (getrandom(&number, sizeof(number), 0) < 0)
        return err_errno(err, -errno, "listen at %s", path);
    const char *name = strrchr(path, '/');
    _cleanup_free_ char *before =
        str_printf("%.*s.%08x", name ? (int)(name + 1 - path) : 0, path, (unsigned)number);
    struct sockaddr_un address;
    int r = socket_address(path, &address, err);
    if (r == 0)
        r = socket_address(before, &address, err);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, -errno, "listen at %s", path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(before, mode) < 0 || listen(fd, BACKLOG) < 0 || rename(before, path) < 0) {
        r = err_errno(err, -errno, "listen at %s", path);
        unlink(before);
        return r;
    }
    struct host_stream_server *server = mem_alloc(sizeof(*server));
    server->loop = host->loop;
    server->fd = TAKE_FD(fd);
    server->accepted = accepted;
    server->arg = arg;
    server->watch = loop_fd_start(host->loop, server->fd, LOOP_READABLE, server_ready, server);
    *ret_server = server;
    return 0;
}

static void stream_unlisten(struct host *host, struct host_stream_server *server)
{
    (void)host;
    loop_fd_stop(server->loop, server->watch);
    close(server->fd);
    free(server);
}

static void stream_watch(struct host_stream *stream);

/* Sends what waits; -errno when the stream is broken. */
static int stream_flush(struct host_stream *stream)
{
    while (stream->waiting_length > 0) {
        ssize_t sent =
            send(stream->fd, stream->waiting, stream->waiting_length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? 0 : -errno;
        stream->waiting_length -= (size_t)sent;
        memmove(stream->waiting, stream->waiting + sent, stream->waiting_length);
    }
    return 0;
}

static void stream_ready(void *arg, unsigned events)
{
    struct host_stream *stream = arg;
    if (events & LOOP_WRITABLE) {
        int r = stream_flush(stream);
        if (r < 0) {
            stream->events->ended(stream->arg, r);
            return;
        }
        if (stream->waiting_length == 0)
            stream_watch(stream);
    }
    if (!(events & (LOOP_READABLE | LOOP_HANGUP)))
        return;
    char chunk[16384];
    ssize_t length = recv(stream->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (length > 0)
        stream->events->received(stream->arg, chunk, (size_t)length);
    else if (length == 0)
        stream->events->ended(stream->arg, 0);
    else if (errno != EAGAIN && errno != EINTR)
        stream->events->ended(stream->arg, errno == ECONNRESET ? 0 : -errno);
}

static void stream_watch(struct host_stream *stream)
{
    unsigned events = LOOP_READABLE | (stream->waiting_length > 0 ? LOOP_WRITABLE : 0u);
    loop_fd_stop(stream->loop, stream->watch);
    stream->watch = loop_fd_start(stream->loop, stream->fd, events, stream_ready, stream);
}

static void stream_start(
    struct host_stream *stream, const struct host_stream_events *events, void *arg)
{
    stream->events = events;
    stream->arg = arg;
    stream_watch(stream);
}

static int stream_send(struct host_stream *stream, const char *bytes, size_t length)
{
    if (stream->waiting_length + length > WAITING_MAX_BYTES)
        return -ENOBUFS;
    bool idle = stream->waiting_length == 0;
    stream->waiting = mem_realloc(stream->waiting, stream->waiting_length + length + 1);
    memcpy(stream->waiting + stream->waiting_length, bytes, length);
    stream->waiting_length += length;
    int r = idle ? stream_flush(stream) : 0;
    if (r == 0 && idle && stream->waiting_length > 0 && stream->events)
        stream_watch(stream);
    return r;
}

static void stream_end(struct host_stream *stream)
{
    loop_fd_stop(stream->loop, stream->watch);
    close(stream->fd);
    free(stream->waiting);
    free(stream);
}

const struct host_stream_ops linux_streams = {
    .connect = stream_connect,
    .listen = stream_listen,
    .unlisten = stream_unlisten,
    .start = stream_start,
    .send = stream_send,
    .end = stream_end,
};
