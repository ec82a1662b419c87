/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/pipe.h"

#include <errno.h>

#include "fakes/kernel/kernel.h"
#include "fakes/kernel/process.h"
#include "fakes/kernel/workload.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

struct pipe {
    struct pipe_server server; /* all NULL: nobody */
    unsigned opened;           /* by programs that are played */
    struct strbuf input;
    bool input_ended;
    pid_t reader; /* who waits; 0: nobody */
};

static struct pipe *pipe_find(struct kernel *kernel, const char *path)
{
    return kernel->pipes && path ? strmap_get(kernel->pipes, path) : NULL;
}

void pipe_serve(struct kernel *kernel, const char *path, const struct pipe_server *server)
{
    struct pipe *pipe = mem_alloc(sizeof(*pipe));
    if (!kernel->pipes)
        kernel->pipes = strmap_new();
    pipe_unserve(kernel, path);
    pipe->server = *server;
    strmap_set(kernel->pipes, path, pipe);
}

static void pipe_free(struct pipe *pipe)
{
    if (pipe)
        strbuf_release(&pipe->input);
    free(pipe);
}

void pipe_unserve(struct kernel *kernel, const char *path)
{
    struct pipe *pipe = kernel->pipes ? strmap_remove(kernel->pipes, path) : NULL;
    if (pipe && pipe->reader)
        workload_readable(kernel, pipe->reader);
    pipe_free(pipe);
}

void pipe_feed(struct kernel *kernel, const char *path, const char *bytes, size_t length)
{
    struct pipe *pipe = pipe_find(kernel, path);
    if (!pipe)
        return;
    if (length == 0)
        pipe->input_ended = true;
    strbuf_add_bytes(&pipe->input, bytes, length);
    if (pipe->reader)
        workload_readable(kernel, pipe->reader);
    pipe->reader = 0;
}

void pipe_opened(struct kernel *kernel, const char *path)
{
    struct pipe *pipe = pipe_find(kernel, path);
    if (pipe)
        pipe->opened++;
}

void pipe_closed(struct kernel *kernel, const char *path)
{
    struct pipe *pipe = pipe_find(kernel, path);
    if (pipe && pipe->opened > 0 && --pipe->opened == 0 && pipe->server.ended)
        pipe->server.ended(pipe->server.arg);
}

bool pipe_write(struct kernel *kernel, const char *path, const char *bytes, size_t length)
{
    struct pipe *pipe = pipe_find(kernel, path);
    if (pipe && pipe->server.received)
        pipe->server.received(pipe->server.arg, bytes, length);
    return pipe != NULL;
}

int pipe_read(struct kernel *kernel, const char *path, pid_t reader, char **ret_text)
{
    struct pipe *pipe = pipe_find(kernel, path);
    if (!pipe)
        return -ENOENT;
    if (pipe->input.length > 0) {
        *ret_text = strbuf_take(&pipe->input);
        return 1;
    }
    if (pipe->input_ended)
        return 0;
    pipe->reader = reader;
    return -EAGAIN;
}

void pipes_free(struct kernel *kernel)
{
    size_t cursor = 0;
    const char *path = NULL;
    void *pipe = NULL;
    while (kernel->pipes && strmap_next(kernel->pipes, &cursor, &path, &pipe))
        pipe_free(pipe);
    strmap_free(kernel->pipes);
    kernel->pipes = NULL;
}
