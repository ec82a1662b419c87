/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/io_switchboard/process_io.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

/* --- base64 (RFC 4648, section 4) --- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64_encode(const char *bytes, size_t length)
{
    char *text = mem_alloc((length + 2) / 3 * 4 + 1);
    char *at = text;

    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i;
        const unsigned group = (unsigned)(unsigned char)bytes[i] << 16 |
                               (left > 1 ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (unsigned char)bytes[i + 2] : 0u);

        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[group & 63] : '=';
    }
    return text;
}

/* NULL: it is none. */
static char *base64_decode(const char *text, size_t *ret_length)
{
    const size_t length = strlen(text);
    const size_t padding = length > 0 && text[length - 1] == '=' ? 1 + (text[length - 2] == '=')
                                                                 : 0;
    char *bytes = length % 4 == 0 ? mem_alloc(length / 4 * 3 + 1) : NULL;
    unsigned group = 0;
    size_t count = 0;

    for (size_t i = 0; bytes && i < length; i++) {
        const char *digit = i >= length - padding ? digits : strchr(digits, text[i]);

        if (!digit || !text[i]) {
            free(bytes);
            return NULL;
        }
        group = group << 6 | (unsigned)(digit - digits);
        if (i % 4 != 3)
            continue;
        bytes[count++] = (char)(group >> 16 & 255);
        bytes[count++] = (char)(group >> 8 & 255);
        bytes[count++] = (char)(group & 255);
        group = 0;
    }
    *ret_length = count - padding;
    if (bytes)
        bytes[*ret_length] = '\0';
    return bytes;
}

/* --- records --- */

static const char *const streams[] = {"STDIN", "STDOUT", "STDERR"};

static json_t *data_json(const struct process_io *record)
{
    _cleanup_free_ char *data = base64_encode(record->bytes, record->length);

    return json_pack(
        "{s:s,s:{s:s,s:s}}", "type", "DATA", "data", "type", streams[record->type], "data", data);
}

static json_t *control_json(const struct process_io *record)
{
    if (record->type == PROCESS_IO_HEARTBEAT)
        return json_pack("{s:s,s:{s:s,s:{s:{s:I}}}}", "type", "CONTROL", "control", "type",
            "HEARTBEAT", "heartbeat", "interval", "nanoseconds", (json_int_t)record->heartbeat_ns);
    return json_pack("{s:s,s:{s:s,s:{s:{s:I,s:I}}}}", "type", "CONTROL", "control", "type",
        "TTY_INFO", "tty_info", "window_size", "rows", (json_int_t)record->rows, "columns",
        (json_int_t)record->columns);
}

char *process_io_encode(const struct process_io *record)
{
    json_t *json = record->type <= PROCESS_IO_STDERR ? data_json(record) : control_json(record);
    char *text = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    return text;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int data_decode(const json_t *data, struct process_io *record, struct err *err)
{
    const char *stream = text_of(data, "type");
    const char *text = text_of(data, "data");
    size_t i = 0;

    while (i < ARRAY_SIZE(streams) && !str_equal(stream, streams[i]))
        i++;
    if (i == ARRAY_SIZE(streams))
        return err_set(err, -EINVAL, "data.type: expected STDIN, STDOUT or STDERR, got \"%s\"",
            stream ? stream : "");
    record->type = (enum process_io_type)i;
    record->bytes = base64_decode(text ? text : "", &record->length);
    return record->bytes ? 0 : err_set(err, -EINVAL, "data.data: expected base64");
}

static int control_decode(const json_t *control, struct process_io *record, struct err *err)
{
    const char *type = text_of(control, "type");
    const json_t *window =
        json_object_get(json_object_get(control, "tty_info"), "window_size");
    const json_t *interval =
        json_object_get(json_object_get(control, "heartbeat"), "interval");

    if (str_equal(type, "HEARTBEAT")) {
        record->type = PROCESS_IO_HEARTBEAT;
        record->heartbeat_ns =
            (uint64_t)json_integer_value(json_object_get(interval, "nanoseconds"));
        return 0;
    }
    if (!str_equal(type, "TTY_INFO"))
        return err_set(err, -EINVAL, "control.type: expected TTY_INFO or HEARTBEAT, got \"%s\"",
            type ? type : "");
    record->type = PROCESS_IO_WINDOW;
    record->rows = json_integer_value(json_object_get(window, "rows"));
    record->columns = json_integer_value(json_object_get(window, "columns"));
    if (record->rows <= 0 || record->columns <= 0 || record->rows > UINT16_MAX ||
        record->columns > UINT16_MAX)
        return err_set(err, -EINVAL,
            "control.tty_info.window_size: expected rows and columns from 1 to 65535");
    return 0;
}

int process_io_decode(const json_t *json, struct process_io *ret_record, struct err *err)
{
    const char *type = text_of(json, "type");

    *ret_record = (struct process_io){0};
    if (str_equal(type, "DATA"))
        return data_decode(json_object_get(json, "data"), ret_record, err);
    if (str_equal(type, "CONTROL"))
        return control_decode(json_object_get(json, "control"), ret_record, err);
    return err_set(
        err, -EINVAL, "type: expected DATA or CONTROL, got \"%s\"", type ? type : "");
}

void process_io_release(struct process_io *record)
{
    free(record->bytes);
    *record = (struct process_io){0};
}
