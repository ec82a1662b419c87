/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of protobuf (proto3) to and from JSON, by tables. JSON has the names of the .proto file;
 * enums are their names there, or numbers that no name is known of. Fields at their default are
 * left out in both directions, messages are not: which of a oneof is set is told by its presence.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

enum proto_type {
    PROTO_BOOL,
    PROTO_ENUM,
    PROTO_STRING,
    PROTO_MESSAGE,
    PROTO_STRING_MAP, /* map<string, string> */
};
struct proto_message;
struct proto_field {
    unsigned number;
    const char *name;
    enum proto_type type;
    bool repeated; /* strings and messages */
    const struct proto_message *message;
    const char *const *names; /* of an enum, from 0; ends with NULL */
};
struct proto_message {
    const struct proto_field *fields; /* ends with a number of 0 */
};
/* The depth of a table; nothing in it refers back to what is above. */
#define PROTO_DEPTH_MAX 8

/* Adds to the buffer. -EINVAL names the field that has another type in JSON; names that the table
 * does not have are left out. */
int proto_encode(const struct proto_message *message, const json_t *json, struct strbuf *buf,
    struct err *err);
/* A new reference. Unknown fields are skipped. -EBADMSG says at which byte it can't be read. */
int proto_decode(const struct proto_message *message, const char *bytes, size_t length,
    json_t **ret_json, struct err *err);

/* How a value is written (protobuf.dev, "Encoding"). */
enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_LENGTH = 2, PROTO_FIXED32 = 5 };
enum proto_map_number { PROTO_MAP_KEY = 1, PROTO_MAP_VALUE = 2 };
