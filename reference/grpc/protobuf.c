/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/grpc/protobuf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

static void varint_add(struct strbuf *buf, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        strbuf_add_bytes(buf, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static void bytes_add(struct strbuf *buf, unsigned number, const char *bytes, size_t length)
{
    varint_add(buf, number << 3 | PROTO_LENGTH);
    varint_add(buf, length);
    strbuf_add_bytes(buf, bytes, length);
}

static void number_add(struct strbuf *buf, unsigned number, uint64_t value)
{
    if (value == 0)
        return;
    varint_add(buf, number << 3 | PROTO_VARINT);
    varint_add(buf, value);
}

static int message_add(const struct proto_message *message, const json_t *json, struct strbuf *buf,
    unsigned depth, struct err *err);

static int enum_add(
    const struct proto_field *field, const json_t *json, struct strbuf *buf, struct err *err)
{
    const char *name = json_string_value(json);

    if (json_is_integer(json)) {
        number_add(buf, field->number, (uint64_t)json_integer_value(json));
        return 0;
    }
    for (size_t i = 0; name && field->names[i]; i++) {
        if (str_equal(field->names[i], name)) {
            number_add(buf, field->number, i);
            return 0;
        }
    }
    return err_set(err, -EINVAL, "%s: \"%s\" is none of its names", field->name, name ? name : "");
}

static int map_add(
    const struct proto_field *field, const json_t *json, struct strbuf *buf, struct err *err)
{
    const json_t *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        _cleanup_strbuf_ struct strbuf entry = STRBUF_INIT;

        if (!json_is_string(value))
            return err_set(err, -EINVAL, "%s.%s: expected a string", field->name, key);
        bytes_add(&entry, PROTO_MAP_KEY, key, strlen(key));
        bytes_add(&entry, PROTO_MAP_VALUE, json_string_value(value), json_string_length(value));
        bytes_add(buf, field->number, entry.text, entry.length);
    }
    return 0;
}

static int value_add(const struct proto_field *field, const json_t *json, struct strbuf *buf,
    unsigned depth, struct err *err)
{
    static const struct {
        json_type type;
        const char *text;
    } expected[] = {
        [PROTO_STRING] = {JSON_STRING, "a string"},
        [PROTO_MESSAGE] = {JSON_OBJECT, "an object"},
        [PROTO_STRING_MAP] = {JSON_OBJECT, "an object"},
    };
    _cleanup_strbuf_ struct strbuf inner = STRBUF_INIT;
    int r;

    if (field->type == PROTO_ENUM)
        return enum_add(field, json, buf, err);
    if (field->type == PROTO_BOOL) {
        if (!json_is_boolean(json))
            return err_set(err, -EINVAL, "%s: expected true or false", field->name);
        number_add(buf, field->number, json_is_true(json));
        return 0;
    }
    if (json_typeof(json) != expected[field->type].type)
        return err_set(
            err, -EINVAL, "%s: expected %s", field->name, expected[field->type].text);
    if (field->type == PROTO_STRING_MAP)
        return map_add(field, json, buf, err);
    if (field->type == PROTO_STRING) {
        if (field->repeated || json_string_length(json) > 0)
            bytes_add(buf, field->number, json_string_value(json), json_string_length(json));
        return 0;
    }
    r = message_add(field->message, json, &inner, depth + 1, err);
    if (r < 0)
        return err_wrap(err, r, "%s", field->name);
    bytes_add(buf, field->number, strbuf_text(&inner), inner.length);
    return 0;
}

static int message_add(const struct proto_message *message, const json_t *json, struct strbuf *buf,
    unsigned depth, struct err *err)
{
    int r = 0;

    assert(depth < PROTO_DEPTH_MAX);
    for (const struct proto_field *field = message->fields; r == 0 && field->number; field++) {
        const json_t *value = json_object_get(json, field->name);
        const json_t *one;
        size_t i;

        if (!value || json_is_null(value))
            continue;
        if (!field->repeated) {
            r = value_add(field, value, buf, depth, err);
            continue;
        }
        if (!json_is_array(value))
            return err_set(err, -EINVAL, "%s: expected a list", field->name);
        json_array_foreach(value, i, one) {
            r = value_add(field, one, buf, depth, err);
            if (r < 0)
                break;
        }
    }
    return r;
}

int proto_encode(const struct proto_message *message, const json_t *json, struct strbuf *buf,
    struct err *err)
{
    return message_add(message, json, buf, 0, err);
}
