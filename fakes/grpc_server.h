/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of gRPC, the other end of reference/grpc/: unary calls on a Unix socket of a host. It
 * can also do what no server should: hang up, or send what is no HTTP/2.
 */
#pragma once

#include "reference/host.h"

struct grpc_call;
struct grpc_handler {
    /* A call with its request, borrowed. It is to be answered by one of the functions below, after
     * which, as after dropped, it is gone; none of them may be called from inside. */
    void (*called)(void *arg, struct grpc_call *call, const char *path, const char *bytes,
        size_t length);
    /* Whoever asked has gone. */
    void (*dropped)(void *arg, struct grpc_call *call);
};
struct grpc_server;
int grpc_server_start(struct host *host, const char *path, const struct grpc_handler *handler,
    void *arg, struct grpc_server **ret_server, struct err *err);
/* Calls that are not answered are dropped. NULL is fine. */
void grpc_server_end(struct grpc_server *server);

void grpc_call_answer(struct grpc_call *call, const char *bytes, size_t length);
void grpc_call_refuse(struct grpc_call *call, unsigned status, const char *message);
void grpc_call_hang_up(struct grpc_call *call); /* the whole connection */
void grpc_call_garble(struct grpc_call *call);
