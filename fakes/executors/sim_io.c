/* SPDX-License-Identifier: Apache-2.0 */
/* Named pipes of the simulated kernel; a terminal is one of them for all three streams. */
#include "fakes/executors/sim_io.h"

#include <errno.h>
#include <string.h>

#include "fakes/kernel/pipe.h"
#include "fakes/vfs.h"
#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define STREAMS 2
#define TRAVEL_NS (10 * NS_PER_US)

struct sim_stream {
    struct sim_ports *ports;
    int number;
    char *path; /* NULL: a terminal has but the first */
    char *log;
    struct strbuf waiting; /* before the server reads, and on the way to it */
    bool ended;
};
struct sim_ports {
    struct io_ports base;
    struct kernel *kernel;
    const struct io_ports_events *events;
    void *arg;
    bool tty;
    bool started;
    bool told; /* of the end */
    char *input;
    struct sim_stream streams[STREAMS];
    struct loop_timer *timer;
};

static struct sim_ports *sim_of(struct io_ports *ports)
{
    return (struct sim_ports *)ports;
}

static bool streams_ended(const struct sim_ports *ports)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (ports->streams[i].path && !ports->streams[i].ended)
            return false;
    }
    return true;
}

static void deliver(void *arg)
{
    struct sim_ports *ports = arg;
    ports->timer = NULL;
    for (size_t i = 0; i < STREAMS; i++) {
        struct sim_stream *stream = &ports->streams[i];
        if (stream->waiting.length == 0)
            continue;
        struct strbuf came = stream->waiting;
        stream->waiting = (struct strbuf)STRBUF_INIT;
        if (stream->log)
            vfs_write(ports->kernel->vfs, stream->log, came.text, came.length, 0644, true);
        ports->events->received(ports->arg, stream->number, came.text, came.length);
        strbuf_release(&came);
    }
    if (!streams_ended(ports) || ports->told)
        return;
    ports->told = true;
    ports->events->ended(ports->arg);
}

static void schedule(struct sim_ports *ports)
{
    if (ports->started && !ports->timer)
        ports->timer = loop_timer_start(ports->kernel->loop, TRAVEL_NS, deliver, ports);
}

static void received(void *arg, const char *bytes, size_t length)
{
    struct sim_stream *stream = arg;
    strbuf_add_bytes(&stream->waiting, bytes, length);
    schedule(stream->ports);
}

static void ended(void *arg)
{
    struct sim_stream *stream = arg;
    stream->ended = true;
    schedule(stream->ports);
}

static int stream_make(struct sim_stream *stream, const char *path)
{
    const struct pipe_server server = {received, ended, stream};
    int r = vfs_write(stream->ports->kernel->vfs, path, "", 0, 0600, false);
    stream->path = str_dup(path);
    if (r == 0)
        pipe_serve(stream->ports->kernel, path, &server);
    return r;
}

static int pipes_make(struct sim_ports *ports, const char *directory)
{
    static const struct pipe_server input = {NULL, NULL, NULL};
    _cleanup_free_ char *out = str_printf("%s/stdout", directory);
    _cleanup_free_ char *errors = str_printf("%s/stderr", directory);
    int r = stream_make(&ports->streams[0], out);
    if (r == 0)
        r = stream_make(&ports->streams[1], errors);
    ports->input = str_printf("%s/stdin", directory);
    if (r == 0)
        r = vfs_write(ports->kernel->vfs, ports->input, "", 0, 0600, false);
    if (r == 0)
        pipe_serve(ports->kernel, ports->input, &input);
    return r;
}

static int terminal_make(struct sim_ports *ports, const struct io_options *options)
{
    struct vfs *vfs = ports->kernel->vfs;
    _cleanup_free_ char *told = str_printf("%s/tty", options->directory);
    char *path = NULL;
    int r = vfs_mkdir(vfs, "/dev/pts", 0755, true);
    for (unsigned i = 0; r == 0 && !path; i++) {
        path = str_printf("/dev/pts/%u", i);
        if (vfs_info(vfs, path, true, NULL) == 0) {
            free(path);
            path = NULL;
        }
    }
    if (r == 0)
        r = stream_make(&ports->streams[0], path);
    if (r == 0)
        r = vfs_chown(vfs, path, options->uid, 5, false);
    if (r == 0)
        r = vfs_write(vfs, told, path, strlen(path), 0600, false);
    ports->input = path;
    return r;
}

static int sim_io_open(struct io_ports *io, const struct io_options *options,
    const struct io_ports_events *events, void *arg, struct err *err)
{
    struct sim_ports *ports = sim_of(io);
    ports->events = events;
    ports->arg = arg;
    ports->tty = options->tty;
    for (size_t i = 0; i < STREAMS; i++)
        ports->streams[i].log = str_dup(options->logs[i]);
    int r = options->tty ? terminal_make(ports, options) : pipes_make(ports, options->directory);
    return r < 0 ? err_errno(err, r, "make pipes in %s", options->directory) : 0;
}

static void sim_io_start(struct io_ports *io)
{
    sim_of(io)->started = true;
    schedule(sim_of(io));
}

/* A terminal echoes what is typed. */
static int sim_io_write(struct io_ports *io, const char *bytes, size_t length)
{
    struct sim_ports *ports = sim_of(io);
    if (!ports->input)
        return -EPIPE;
    if (ports->tty)
        received(&ports->streams[0], bytes, length);
    pipe_feed(ports->kernel, ports->input, bytes, length);
    return 0;
}

static void sim_io_close_input(struct io_ports *io)
{
    struct sim_ports *ports = sim_of(io);
    if (ports->input)
        pipe_feed(ports->kernel, ports->input, "", 0);
    free(ports->input);
    ports->input = NULL;
}

static int sim_io_resize(struct io_ports *io, unsigned rows, unsigned columns)
{
    (void)rows, (void)columns; /* nobody asks for it */
    return sim_of(io)->tty ? 0 : -ENOTTY;
}

static void sim_io_free(struct io_ports *io)
{
    struct sim_ports *ports = sim_of(io);
    loop_timer_stop(ports->kernel->loop, ports->timer);
    if (ports->input && !ports->tty)
        pipe_unserve(ports->kernel, ports->input);
    free(ports->input);
    for (size_t i = 0; i < STREAMS; i++) {
        struct sim_stream *stream = &ports->streams[i];
        if (stream->path)
            pipe_unserve(ports->kernel, stream->path);
        if (stream->path && ports->tty) /* as the kernel does when the master is closed */
            vfs_remove(ports->kernel->vfs, stream->path);
        strbuf_release(&stream->waiting);
        free(stream->path);
        free(stream->log);
    }
    free(ports);
}

static const struct io_ports_ops sim_io_ops = {
    sim_io_open, sim_io_start, sim_io_write, sim_io_close_input, sim_io_resize, sim_io_free};

struct io_ports *sim_io_ports_new(struct kernel *kernel)
{
    struct sim_ports *ports = mem_alloc(sizeof(*ports));
    ports->base.ops = &sim_io_ops;
    ports->kernel = kernel;
    for (int i = 0; i < STREAMS; i++)
        ports->streams[i] = (struct sim_stream){
            .ports = ports, .number = i + 1, .waiting = STRBUF_INIT};
    return &ports->base;
}
