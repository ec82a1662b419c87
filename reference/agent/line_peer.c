/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/line_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

struct line_peer {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    bool watches_writable;
    struct strbuf input;
    struct strbuf output;
    size_t sent; /* of the output */
    const struct line_peer_calls *calls;
    void *arg;
    bool *freed; /* set by line_peer_free while calls are made from here */
};

static void peer_event(void *arg, unsigned events);

static void watch_arm(struct line_peer *peer)
{
    const bool writable = peer->sent < peer->output.length;

    if (peer->watch && writable == peer->watches_writable)
        return;
    loop_fd_stop(peer->loop, peer->watch);
    peer->watches_writable = writable;
    peer->watch = loop_fd_start(
        peer->loop, peer->fd, LOOP_READABLE | (writable ? LOOP_WRITABLE : 0), peer_event, peer);
}

static int output_write(struct line_peer *peer)
{
    while (peer->sent < peer->output.length) {
        ssize_t more = send(peer->fd, peer->output.text + peer->sent,
            peer->output.length - peer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return errno == EAGAIN ? 0 : -errno;
        peer->sent += (size_t)more;
    }
    strbuf_reset(&peer->output);
    peer->sent = 0;
    return 0;
}

/* 1: there may be more; 0: nothing more for now; negative: the end. */
static int input_read(struct line_peer *peer)
{
    char bytes[16384];
    ssize_t count = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (count == 0)
        return -EPIPE;
    strbuf_add_bytes(&peer->input, bytes, (size_t)count);
    if (peer->input.length > LINE_PEER_MAX)
        return -EMSGSIZE;
    return 1;
}

/* Hands out the whole lines; false when the peer was freed meanwhile. */
static bool input_deliver(struct line_peer *peer)
{
    bool freed = false;
    char *end;

    peer->freed = &freed;
    while (peer->input.length && (end = memchr(peer->input.text, '\n', peer->input.length))) {
        const size_t length = (size_t)(end - peer->input.text);
        _cleanup_free_ char *line = str_ndup(peer->input.text, length);

        memmove(peer->input.text, end + 1, peer->input.length - length - 1);
        peer->input.length -= length + 1;
        peer->input.text[peer->input.length] = '\0';
        peer->calls->line(peer->arg, line, length);
        if (freed)
            return false;
    }
    peer->freed = NULL;
    return true;
}

static void peer_event(void *arg, unsigned events)
{
    struct line_peer *peer = arg;
    int r = events & LOOP_WRITABLE ? output_write(peer) : 0;

    while (r == 0 && (events & (LOOP_READABLE | LOOP_HANGUP))) {
        r = input_read(peer);
        if (r <= 0)
            break;
        r = 0;
        if (!input_deliver(peer))
            return;
    }
    if (r < 0) {
        loop_fd_stop(peer->loop, peer->watch);
        peer->watch = NULL;
        peer->calls->closed(peer->arg);
        return;
    }
    watch_arm(peer);
}

struct line_peer *line_peer_new(
    struct loop *loop, int fd, const struct line_peer_calls *calls, void *arg)
{
    struct line_peer *peer = mem_alloc(sizeof(*peer));

    peer->loop = loop;
    peer->fd = fd;
    peer->calls = calls;
    peer->arg = arg;
    watch_arm(peer);
    return peer;
}

void line_peer_send(struct line_peer *peer, const char *line, size_t length)
{
    strbuf_add_bytes(&peer->output, line, length);
    strbuf_add(&peer->output, "\n");
    /* A broken connection is noticed by the read side. */
    (void)output_write(peer);
    watch_arm(peer);
}

void line_peer_free(struct line_peer *peer)
{
    if (!peer)
        return;
    if (peer->freed)
        *peer->freed = true;
    loop_fd_stop(peer->loop, peer->watch);
    close(peer->fd);
    strbuf_release(&peer->input);
    strbuf_release(&peer->output);
    free(peer);
}
