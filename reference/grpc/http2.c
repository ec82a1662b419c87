/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/grpc/http2.h"

#include <errno.h>
#include <string.h>

#define PREFIX_BYTES 5

const char *grpc_status_name(unsigned status)
{
    static const char *const names[GRPC_STATUS_COUNT] = {"OK", "CANCELLED", "UNKNOWN",
        "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};

    return status < GRPC_STATUS_COUNT ? names[status] : "UNKNOWN";
}

nghttp2_nv http2_header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = strlen(name),
        .valuelen = strlen(value)};
}

bool http2_header_is(const uint8_t *name, size_t length, const char *expected)
{
    return length == strlen(expected) && memcmp(name, expected, length) == 0;
}

int http2_pump(nghttp2_session *session, struct host_channel *channel, struct err *err)
{
    _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
    const uint8_t *bytes;
    ssize_t length;

    while ((length = nghttp2_session_mem_send(session, &bytes)) > 0)
        strbuf_add_bytes(&out, bytes, (size_t)length);
    if (length < 0)
        return err_set(err, -EPROTO, "HTTP/2: %s", nghttp2_strerror((int)length));
    return out.length > 0 ? host_channel_send_bytes(channel, out.text, out.length, err) : 0;
}

/* --- messages --- */

void grpc_message_add(struct strbuf *buf, const char *bytes, size_t length)
{
    const uint8_t prefix[PREFIX_BYTES] = {0, (uint8_t)(length >> 24), (uint8_t)(length >> 16),
        (uint8_t)(length >> 8), (uint8_t)length};

    strbuf_add_bytes(buf, prefix, sizeof(prefix));
    strbuf_add_bytes(buf, bytes, length);
}

int grpc_message_get(
    const struct strbuf *buf, const char **ret_bytes, size_t *ret_length, struct err *err)
{
    const uint8_t *bytes = (const uint8_t *)buf->text;
    size_t length;

    if (buf->length < PREFIX_BYTES)
        return err_set(err, -EPROTO, "a message of gRPC has %zu bytes at least, there are %zu",
            (size_t)PREFIX_BYTES, buf->length);
    length = (size_t)bytes[1] << 24 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 8 | bytes[4];
    if (bytes[0] != 0)
        return err_set(err, -EPROTO, "the message is compressed, which nobody asked for");
    if (length != buf->length - PREFIX_BYTES)
        return err_set(err, -EPROTO, "a message of %zu bytes was announced, %zu came", length,
            buf->length - PREFIX_BYTES);
    *ret_bytes = buf->text + PREFIX_BYTES;
    *ret_length = length;
    return 0;
}

/* --- texts of statuses --- */

char *grpc_text_encode(const char *text)
{
    struct strbuf encoded = STRBUF_INIT;

    for (; *text; text++) {
        if (*text >= ' ' && *text <= '~' && *text != '%')
            strbuf_add_bytes(&encoded, text, 1);
        else
            strbuf_addf(&encoded, "%%%02X", (unsigned char)*text);
    }
    return strbuf_take(&encoded);
}

static int hex_digit(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit | (digit >= 'A' ? 0x20 : 0)) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* What is no encoding stands for itself, as the protocol wants of who reads. */
char *grpc_text_decode(const char *text, size_t length)
{
    struct strbuf decoded = STRBUF_INIT;

    for (size_t i = 0; i < length; i++) {
        int high = i + 2 < length && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        char byte = low >= 0 ? (char)(high << 4 | low) : text[i];

        if (low >= 0)
            i += 2;
        strbuf_add_bytes(&decoded, byte ? &byte : "?", 1);
    }
    return strbuf_take(&decoded);
}
