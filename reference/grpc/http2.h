/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ends of gRPC over HTTP/2 share: statuses, bytes of a session of libnghttp2 to a
 * channel, and the frame of a message (gRPC's PROTOCOL-HTTP2.md: a byte that says whether it is
 * compressed, four of its length, then the message).
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "reference/base/strbuf.h"
#include "reference/host.h"

#define GRPC_CONTENT_TYPE "application/grpc"
#define GRPC_MESSAGE_MAX_BYTES (4u << 20) /* what gRPC's own libraries take by default */

enum grpc_status {
    GRPC_OK = 0,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_STATUS_COUNT = 17,
};
/* "UNAVAILABLE"; "UNKNOWN" for numbers beyond. */
const char *grpc_status_name(unsigned status);

/* A header of a request or response; both are borrowed until it is submitted. */
nghttp2_nv http2_header(const char *name, const char *value);
/* Whether a header that came has that name. */
bool http2_header_is(const uint8_t *name, size_t length, const char *expected);
/* Sends what the session wants to send, at once. */
int http2_pump(nghttp2_session *session, struct host_channel *channel, struct err *err);

void grpc_message_add(struct strbuf *buf, const char *bytes, size_t length);
/* The only message in what came; borrowed from it. -EPROTO. */
int grpc_message_get(
    const struct strbuf *buf, const char **ret_bytes, size_t *ret_length, struct err *err);
/* grpc-message stands percent-encoded in its header; owned. */
char *grpc_text_encode(const char *text);
char *grpc_text_decode(const char *text, size_t length);
