/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of gRPC: unary calls, one after the other, over HTTP/2 without TLS on a Unix socket. The
 * connection is a channel of the host, so that it is simulated as it is real.
 */
#pragma once

#include "reference/host.h"

struct grpc_answer {
    unsigned status;     /* enum grpc_status of http2.h */
    const char *message; /* of a status that is not OK; never NULL */
    const char *bytes;   /* of the response, when the status is OK */
    size_t length;
};
/*
 * The answer is borrowed, and NULL with a negative result: then the client is of no more use.
 * -ETIMEDOUT: after the deadline; -ECONNRESET: the other side has closed; -EPROTO: it broke a rule
 * of HTTP/2 or gRPC; -EMSGSIZE: a response above GRPC_MESSAGE_MAX_BYTES; -ESHUTDOWN: the agent is
 * gone. Inside it the next call may be made, or the client ended.
 */
typedef void (*grpc_answered)(
    void *arg, int result, const struct grpc_answer *answer, const struct err *err);

struct grpc_client;
/* Connects; errors are those of host_connect. */
int grpc_client_start(
    struct host *host, const char *path, struct grpc_client **ret_client, struct err *err);
/*
 * path: "/package.Service/Method"; the message is copied. Answers once, never from here, when 0 was
 * returned. One call at a time.
 */
int grpc_client_call(struct grpc_client *client, const char *path, const char *bytes, size_t length,
    uint64_t timeout_ns, grpc_answered answered, void *arg, struct err *err);
/* Never calls back. NULL is fine. */
void grpc_client_end(struct grpc_client *client);
