/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/grpc/protobuf.h"

struct reader {
    const uint8_t *start; /* of the whole message, for what is said of its bytes */
    const uint8_t *at;
    const uint8_t *end;
};

static int reader_fail(const struct reader *reader, struct err *err, const char *what)
{
    return err_set(err, -EBADMSG, "byte %zu: %s", (size_t)(reader->at - reader->start), what);
}

static int varint_read(struct reader *reader, uint64_t *ret_value, struct err *err)
{
    *ret_value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end)
            return reader_fail(reader, err, "a number is cut off");
        *ret_value |= (uint64_t)(*reader->at & 0x7f) << shift;
        if (*reader->at++ < 0x80)
            return 0;
    }
    return reader_fail(reader, err, "a number has more than 64 bits");
}

/* The bytes of a field as a reader of their own. */
static int length_read(struct reader *reader, struct reader *ret_inner, struct err *err)
{
    uint64_t length;
    int r = varint_read(reader, &length, err);

    if (r < 0)
        return r;
    if (length > (size_t)(reader->end - reader->at))
        return reader_fail(reader, err, "a field is longer than its message");
    *ret_inner = (struct reader){reader->start, reader->at, reader->at + length};
    reader->at += length;
    return 0;
}

static int field_skip(struct reader *reader, unsigned wire, struct err *err)
{
    const size_t fixed = wire == PROTO_FIXED64 ? 8 : 4;
    struct reader inner;
    uint64_t value;

    switch (wire) {
    case PROTO_VARINT:
        return varint_read(reader, &value, err);
    case PROTO_LENGTH:
        return length_read(reader, &inner, err);
    case PROTO_FIXED64:
    case PROTO_FIXED32:
        if ((size_t)(reader->end - reader->at) < fixed)
            return reader_fail(reader, err, "a field is longer than its message");
        reader->at += fixed;
        return 0;
    default:
        return reader_fail(reader, err, "a field has no type that there is");
    }
}

static int key_read(
    struct reader *reader, uint64_t *ret_number, unsigned *ret_wire, struct err *err)
{
    uint64_t key;
    int r = varint_read(reader, &key, err);

    *ret_number = key >> 3;
    *ret_wire = (unsigned)(key & 7);
    return r;
}

static int text_read(struct reader *inner, json_t **ret_text, struct err *err)
{
    *ret_text = json_stringn((const char *)inner->at, (size_t)(inner->end - inner->at));
    return *ret_text ? 0 : reader_fail(inner, err, "a string is no UTF-8");
}

static int map_entry_read(struct reader *inner, json_t *map, struct err *err)
{
    json_t *parts[] = {json_string(""), json_string("")};
    int r = 0;

    while (r == 0 && inner->at < inner->end) {
        struct reader text;
        uint64_t number;
        unsigned wire;

        r = key_read(inner, &number, &wire, err);
        if (r < 0)
            break;
        if (wire != PROTO_LENGTH || number < PROTO_MAP_KEY || number > PROTO_MAP_VALUE) {
            r = field_skip(inner, wire, err);
            continue;
        }
        r = length_read(inner, &text, err);
        if (r == 0) {
            json_decref(parts[number - PROTO_MAP_KEY]);
            r = text_read(&text, &parts[number - PROTO_MAP_KEY], err);
        }
    }
    if (r == 0)
        json_object_set(map, json_string_value(parts[0]), parts[1]);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        json_decref(parts[i]);
    return r;
}

static int message_read(const struct proto_message *message, struct reader *reader,
    unsigned depth, json_t **ret_json, struct err *err);

static json_t *number_json(const struct proto_field *field, uint64_t value)
{
    size_t count = 0;

    if (field->type == PROTO_BOOL)
        return json_boolean(value != 0);
    while (field->names[count])
        count++;
    return value < count ? json_string(field->names[value]) : json_integer((json_int_t)value);
}

static int field_read(const struct proto_field *field, struct reader *reader, unsigned depth,
    json_t *json, struct err *err)
{
    const bool is_number = field->type == PROTO_BOOL || field->type == PROTO_ENUM;
    json_t *there = json_object_get(json, field->name);
    struct reader inner;
    json_t *value = NULL;
    uint64_t number = 0;
    int r = is_number ? varint_read(reader, &number, err) : length_read(reader, &inner, err);

    if (r < 0)
        return r;
    if (field->type == PROTO_STRING_MAP) {
        if (!there)
            json_object_set_new(json, field->name, there = json_object());
        return map_entry_read(&inner, there, err);
    }
    if (is_number)
        value = number_json(field, number);
    else if (field->type == PROTO_STRING)
        r = text_read(&inner, &value, err);
    else
        r = message_read(field->message, &inner, depth + 1, &value, err);
    if (r < 0)
        return r;
    if (!field->repeated) {
        json_object_set_new(json, field->name, value);
        return 0;
    }
    if (!there)
        json_object_set_new(json, field->name, there = json_array());
    json_array_append_new(there, value);
    return 0;
}

static int message_read(const struct proto_message *message, struct reader *reader,
    unsigned depth, json_t **ret_json, struct err *err)
{
    json_t *json = json_object();
    int r = 0;

    assert(depth < PROTO_DEPTH_MAX);
    while (r == 0 && reader->at < reader->end) {
        const struct proto_field *field = message->fields;
        unsigned wire;
        uint64_t number;

        r = key_read(reader, &number, &wire, err);
        if (r < 0)
            break;
        while (field->number && field->number != number)
            field++;
        const unsigned expected =
            field->type == PROTO_BOOL || field->type == PROTO_ENUM ? PROTO_VARINT : PROTO_LENGTH;
        r = field->number && wire == expected ? field_read(field, reader, depth, json, err)
                                              : field_skip(reader, wire, err);
    }
    if (r == 0) {
        *ret_json = json;
        return 0;
    }
    json_decref(json);
    return r;
}

int proto_decode(const struct proto_message *message, const char *bytes, size_t length,
    json_t **ret_json, struct err *err)
{
    const uint8_t *start = (const uint8_t *)bytes;
    struct reader reader = {start, start, start + length};

    return message_read(message, &reader, 0, ret_json, err);
}
