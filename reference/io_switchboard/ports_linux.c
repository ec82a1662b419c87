/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named pipes for the three streams, or a pseudo-terminal. The server keeps the pipe of the input
 * open for both reading and writing until the input is to end, so that neither side blocks in its
 * open; of the outputs it has the reading ends, which tell when the last writer has gone.
 */
#include "reference/io_switchboard/ports_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"

#define CHUNK_BYTES 65536
#define STREAMS 2
#define WRITE_TIMEOUT_MS 5000 /* the container may not read: then its client hears of it */

struct stream {
    struct ports_linux *ports;
    int number; /* 1: stdout, 2: stderr */
    int fd;
    int log;
    struct loop_watch *watch;
};
struct ports_linux {
    struct io_ports base;
    struct loop *loop;
    const struct io_ports_events *events;
    void *arg;
    bool tty;
    int alive; /* the pipe by which an agent knows us again, whatever our number */
    int input; /* the terminal's master is the first stream's descriptor as well */
    struct stream streams[STREAMS];
};

static struct ports_linux *linux_of(struct io_ports *ports)
{
    return (struct ports_linux *)ports;
}

static int make_pipe(const char *directory, const char *name, int flags, int *ret_fd,
    struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

    if (mkfifo(path, 0600) < 0)
        return err_errno(err, -errno, "make the pipe %s", path);
    *ret_fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    return *ret_fd < 0 ? err_errno(err, -errno, "open %s", path) : 0;
}

static int pipes_open(struct ports_linux *ports, const char *directory, struct err *err)
{
    int r = make_pipe(directory, "stdin", O_RDWR, &ports->input, err);

    if (r == 0)
        r = make_pipe(directory, "stdout", O_RDONLY, &ports->streams[0].fd, err);
    if (r == 0)
        r = make_pipe(directory, "stderr", O_RDONLY, &ports->streams[1].fd, err);
    return r;
}

static int file_write(const char *path, const char *text, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    int r = written < 0 ? err_errno(err, -errno, "write %s", path) : 0;

    if (fd >= 0)
        close(fd);
    return r;
}

static int terminal_open(
    struct ports_linux *ports, const struct io_options *options, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/tty", options->directory);
    char name[64];
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_errno(err, -errno, "open a terminal");
    ports->streams[0].fd = fd;
    ports->input = fd;
    if (grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name)) != 0)
        return err_errno(err, -errno, "prepare the terminal");
    if (chown(name, options->uid, (gid_t)-1) < 0)
        return err_errno(err, -errno, "chown %s", name);
    return file_write(path, name, err);
}

static int linux_open(struct io_ports *io, const struct io_options *options,
    const struct io_ports_events *events, void *arg, struct err *err)
{
    struct ports_linux *ports = linux_of(io);

    ports->events = events;
    ports->arg = arg;
    ports->tty = options->tty;
    for (size_t i = 0; i < STREAMS; i++) {
        if (!options->logs[i])
            continue;
        ports->streams[i].log = open(
            options->logs[i], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (ports->streams[i].log < 0)
            return err_errno(err, -errno, "open %s", options->logs[i]);
    }
    int r = make_pipe(options->directory, IO_ALIVE, O_RDWR, &ports->alive, err);

    if (r < 0)
        return r;
    return options->tty ? terminal_open(ports, options, err)
                        : pipes_open(ports, options->directory, err);
}

static void stream_end(struct stream *stream)
{
    struct ports_linux *ports = stream->ports;
    bool open = false;

    loop_fd_stop(ports->loop, stream->watch);
    stream->watch = NULL;
    for (size_t i = 0; i < STREAMS; i++)
        open = open || ports->streams[i].watch;
    if (!open)
        ports->events->ended(ports->arg);
}

static void log_write(const struct stream *stream, const char *bytes, size_t length)
{
    while (stream->log >= 0 && length > 0) {
        ssize_t written = write(stream->log, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return; /* a full disk is no reason to stop the container */
        bytes += written;
        length -= (size_t)written;
    }
}

/* A terminal that nobody has open any more answers EIO, a pipe with its end. */
static void stream_ready(void *arg, unsigned events)
{
    struct stream *stream = arg;
    char buffer[CHUNK_BYTES];
    ssize_t length = read(stream->fd, buffer, sizeof(buffer));

    (void)events;
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        stream_end(stream);
        return;
    }
    log_write(stream, buffer, (size_t)length);
    stream->ports->events->received(
        stream->ports->arg, stream->number, buffer, (size_t)length);
}

static void linux_start(struct io_ports *io)
{
    struct ports_linux *ports = linux_of(io);

    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *stream = &ports->streams[i];

        if (stream->fd >= 0)
            stream->watch = loop_fd_start(ports->loop, stream->fd,
                LOOP_READABLE | LOOP_HANGUP, stream_ready, stream);
    }
}

static int linux_write(struct io_ports *io, const char *bytes, size_t length)
{
    struct ports_linux *ports = linux_of(io);

    while (length > 0) {
        ssize_t written = ports->input < 0 ? (errno = EPIPE, -1)
                                           : write(ports->input, bytes, length);
        struct pollfd ready = {.fd = ports->input, .events = POLLOUT};

        if (written < 0 && errno == EAGAIN && poll(&ready, 1, WRITE_TIMEOUT_MS) > 0)
            continue;
        if (written < 0 && errno != EINTR)
            return -errno;
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static void linux_close_input(struct io_ports *io)
{
    struct ports_linux *ports = linux_of(io);

    if (ports->input >= 0 && !ports->tty)
        close(ports->input);
    ports->input = -1;
}

static int linux_resize(struct io_ports *io, unsigned rows, unsigned columns)
{
    struct ports_linux *ports = linux_of(io);
    const struct winsize size = {
        .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    if (!ports->tty)
        return -ENOTTY;
    return ioctl(ports->streams[0].fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

static void linux_free(struct io_ports *io)
{
    struct ports_linux *ports = linux_of(io);

    linux_close_input(io);
    if (ports->alive >= 0)
        close(ports->alive);
    for (size_t i = 0; i < STREAMS; i++) {
        loop_fd_stop(ports->loop, ports->streams[i].watch);
        if (ports->streams[i].fd >= 0)
            close(ports->streams[i].fd);
        if (ports->streams[i].log >= 0)
            close(ports->streams[i].log);
    }
    free(ports);
}

static const struct io_ports_ops linux_ops = {
    linux_open, linux_start, linux_write, linux_close_input, linux_resize, linux_free};

struct io_ports *io_ports_linux_new(struct loop *loop)
{
    struct ports_linux *ports = mem_alloc(sizeof(*ports));

    ports->base.ops = &linux_ops;
    ports->loop = loop;
    ports->alive = -1;
    ports->input = -1;
    for (int i = 0; i < STREAMS; i++)
        ports->streams[i] =
            (struct stream){.ports = ports, .number = i + 1, .fd = -1, .log = -1};
    return &ports->base;
}
