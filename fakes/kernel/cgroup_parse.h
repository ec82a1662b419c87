/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsers of control files (spec cgroupfs.md 2.3): each file belongs to one family, and the
 * families differ in what they strip, which bases they take, and how they fail.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct strbuf;

#define PAGE_BYTES UINT64_C(4096)
#define PAGES_MAX (UINT64_C(0x7fffffffffffffff) / PAGE_BYTES) /* a page counter's "no limit" */

/* As the kernel's isspace(). */
bool text_is_space(char c);
/* Cuts white space off both ends, in place. */
char *text_strip(char *text);
/* Base 0, one trailing newline allowed, nothing else around it. -EINVAL, -ERANGE. */
int text_u64(const char *text, uint64_t *ret_value);
int text_s64(const char *text, int64_t *ret_value); /* with a sign */
int text_int(const char *text, int *ret_value);     /* -ERANGE outside int */
/*
 * Bytes with a suffix (k, m, g, t, p, e in either case) rounded down to pages; `unlimited` is the
 * word for no limit. The text must be stripped. Overflow wraps, and an empty text is 0. -EINVAL.
 */
int text_pages(const char *text, const char *unlimited, uint64_t *ret_pages);
/* Number with suffix; *end is the first character after it. */
uint64_t text_memparse(const char *text, const char **end);
/* A decimal number as scanf("%llu") takes it: leading blanks, digits; wraps. NULL when there is
 * none, else what follows it. */
const char *text_scan_u64(const char *text, uint64_t *ret_value);
/* As scanf("%u"). */
const char *text_scan_u32(const char *text, uint32_t *ret_value);
const char *text_skip_spaces(const char *text);
/* As scanf("%<max>s"): the word's start and length; NULL when there is none. */
const char *text_scan_word(const char *text, unsigned max, unsigned *ret_length);
/* The next space-separated item, which may be empty, cut off in place; NULL at the end. */
char *text_next_item(char **text);
/* As the kernel's cgroup_parse_float() with two decimals, in hundredths: more are rounded, and what
 * follows is not looked at. -EINVAL. */
int text_hundredths(const char *text, int64_t *ret_hundredths);

void print_u64(struct strbuf *out, uint64_t value);
void print_line_u64(struct strbuf *out, uint64_t value);       /* "value\n" */
void print_key_u64(struct strbuf *out, const char *key, uint64_t value); /* "key value\n" */
/* Pages as bytes, or the word for no limit (NULL: the number). */
void print_pages(struct strbuf *out, uint64_t pages, const char *unlimited);
