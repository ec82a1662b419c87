/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text. Always NUL-terminated once something was added. */
#pragma once

#include <stddef.h>

struct strbuf {
    char *text; /* owned, NULL while empty */
    size_t length;
    size_t capacity;
};

#define STRBUF_INIT {(char *)0, 0, 0}
#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_release)))

void strbuf_reserve(struct strbuf *buf, size_t more); /* room for so many bytes more */
void strbuf_add(struct strbuf *buf, const char *text);
void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t length);
void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_add_json_string(struct strbuf *buf, const char *text); /* quoted and escaped */
void strbuf_reset(struct strbuf *buf);          /* keeps the memory */
char *strbuf_take(struct strbuf *buf);          /* caller owns; "" when empty */
void strbuf_release(struct strbuf *buf);
const char *strbuf_text(const struct strbuf *buf); /* "" when empty */
