/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a stream socket that speaks lines, on the loop of real time. */
#pragma once

#include <stddef.h>

#include "reference/base/loop.h"

#define LINE_PEER_MAX (16u << 20) /* a longer line ends the connection */

struct line_peer;
struct line_peer_calls {
    /* A whole line without its newline, NUL-terminated; borrowed. May free the peer. */
    void (*line)(void *arg, const char *line, size_t length);
    /* The other end is gone, or broke the rules; called once. The peer is to be freed. */
    void (*closed)(void *arg);
};

/* Takes the descriptor, which must not block. */
struct line_peer *line_peer_new(
    struct loop *loop, int fd, const struct line_peer_calls *calls, void *arg);
/* Queues a line and its newline. */
void line_peer_send(struct line_peer *peer, const char *line, size_t length);
void line_peer_free(struct line_peer *peer); /* NULL is fine */
