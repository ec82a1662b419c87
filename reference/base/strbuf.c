/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

void strbuf_reserve(struct strbuf *buf, size_t more)
{
    assert(more < SIZE_MAX - buf->length);
    size_t wanted = buf->length + more + 1;
    if (wanted <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < wanted) {
        assert(capacity <= SIZE_MAX / 2);
        capacity *= 2;
    }
    buf->text = mem_realloc(buf->text, capacity);
    buf->capacity = capacity;
}

void strbuf_add(struct strbuf *buf, const char *text)
{
    assert(text);
    strbuf_add_bytes(buf, text, strlen(text));
}

void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t length)
{
    assert(buf);
    strbuf_reserve(buf, length);
    if (length)
        memcpy(buf->text + buf->length, bytes, length);
    buf->length += length;
    buf->text[buf->length] = '\0';
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
    va_list list;
    va_list again;
    va_start(list, format);
    va_copy(again, list);
    strbuf_reserve(buf, 0);
    size_t room = buf->capacity - buf->length;
    int length = vsnprintf(buf->text + buf->length, room, format, list);
    assert(length >= 0);
    if ((size_t)length >= room) {
        strbuf_reserve(buf, (size_t)length);
        vsnprintf(buf->text + buf->length, (size_t)length + 1, format, again);
    }
    buf->length += (size_t)length;
    va_end(again);
    va_end(list);
}

/* The length of the well-formed UTF-8 sequence at text (RFC 3629: no surrogates, no overlong forms,
 * nothing above U+10FFFF), 0 when there is none. */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    size_t length = 0;
    if (first < 0x80)
        length = 1;
    else if (first >= 0xc2 && first < 0xf5)
        length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0; /* also stops at the end of the text */
    if (length < 3)
        return length;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f))
        return 0;
    if ((first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static void strbuf_add_json_escape(struct strbuf *buf, unsigned char byte)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"',
        ['\\'] = '\\'};
    static const char digits[] = "0123456789abcdef";
    if (byte < sizeof(letters) && letters[byte]) {
        strbuf_add_bytes(buf, (char[2]){'\\', letters[byte]}, 2);
        return;
    }
    strbuf_add_bytes(buf, (char[6]){'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6);
}

void strbuf_add_json_string(struct strbuf *buf, const char *text)
{
    assert(text);
    const unsigned char *plain = (const unsigned char *)text;
    const unsigned char *at = plain;
    strbuf_add_bytes(buf, "\"", 1);
    for (;;) {
        while (*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\')
            at++;
        size_t length = *at >= 0x7f ? utf8_length(at) : 0;
        if (length) {
            at += length;
            continue;
        }
        strbuf_add_bytes(buf, plain, (size_t)(at - plain));
        if (*at == '\0')
            break;
        strbuf_add_json_escape(buf, *at++);
        plain = at;
    }
    strbuf_add_bytes(buf, "\"", 1);
}

void strbuf_reset(struct strbuf *buf)
{
    assert(buf);
    buf->length = 0;
    if (buf->text)
        buf->text[0] = '\0';
}

char *strbuf_take(struct strbuf *buf)
{
    assert(buf);
    strbuf_reserve(buf, 0);
    buf->text[buf->length] = '\0';
    char *text = buf->text;
    *buf = (struct strbuf)STRBUF_INIT;
    return text;
}

void strbuf_release(struct strbuf *buf)
{
    free(buf->text);
    *buf = (struct strbuf)STRBUF_INIT;
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->text && buf->length ? buf->text : "";
}
