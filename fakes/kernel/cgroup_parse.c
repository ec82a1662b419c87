/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/cgroup_parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "reference/base/strbuf.h"

/* The kernel's table is Latin-1, where a no-break space counts. */
#define NO_BREAK_SPACE 0xa0

bool text_is_space(char c)
{
    return isspace((unsigned char)c) || (unsigned char)c == NO_BREAK_SPACE;
}

char *text_strip(char *text)
{
    while (text_is_space(*text))
        text++;
    size_t length = strlen(text);
    while (length && text_is_space(text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : INT_MAX;
}

/* "0x" only counts as a prefix when a hex digit follows; a leading 0 means octal. */
static const char *skip_base(const char *text, int *ret_base)
{
    *ret_base = 10;
    if (text[0] != '0')
        return text;
    if (tolower((unsigned char)text[1]) == 'x' && isxdigit((unsigned char)text[2])) {
        *ret_base = 16;
        return text + 2;
    }
    *ret_base = 8;
    return text;
}

/* Wraps on overflow, which it reports. */
static const char *scan_digits(const char *text, int base, uint64_t *ret_value, bool *ret_overflow)
{
    uint64_t value = 0;
    *ret_overflow = false;
    for (;; text++) {
        int digit = digit_value(*text);
        if (digit >= base)
            break;
        uint64_t next;
        if (__builtin_mul_overflow(value, (uint64_t)base, &next))
            *ret_overflow = true;
        if (__builtin_add_overflow(next, (uint64_t)digit, &value))
            *ret_overflow = true;
    }
    *ret_value = value;
    return text;
}

static int unsigned_number(const char *text, uint64_t *ret_value)
{
    int base;
    bool overflow;
    uint64_t value;
    const char *digits = skip_base(text, &base);
    const char *end = scan_digits(digits, base, &value, &overflow);
    if (overflow)
        return -ERANGE;
    if (end == digits)
        return -EINVAL;
    if (*end == '\n')
        end++;
    if (*end)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int text_u64(const char *text, uint64_t *ret_value)
{
    return unsigned_number(*text == '+' ? text + 1 : text, ret_value);
}

int text_s64(const char *text, int64_t *ret_value)
{
    uint64_t value;
    bool negative = *text == '-';
    int result = negative ? unsigned_number(text + 1, &value) : text_u64(text, &value);
    if (result)
        return result;
    if (value > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

int text_int(const char *text, int *ret_value)
{
    int64_t value;
    int result = text_s64(text, &value);
    if (result)
        return result;
    if (value < INT_MIN || value > INT_MAX)
        return -ERANGE;
    *ret_value = (int)value;
    return 0;
}

uint64_t text_memparse(const char *text, const char **end)
{
    static const char suffixes[] = "kmgtpe";
    int base;
    bool overflow;
    uint64_t value;
    const char *digits = skip_base(text, &base);
    *end = scan_digits(digits, base, &value, &overflow);
    const char *suffix =
        **end ? memchr(suffixes, tolower((unsigned char)**end), sizeof(suffixes) - 1) : NULL;
    if (suffix) {
        value <<= 10 * (unsigned)(suffix - suffixes + 1);
        (*end)++;
    }
    return value;
}

int text_pages(const char *text, const char *unlimited, uint64_t *ret_pages)
{
    if (!strcmp(text, unlimited)) {
        *ret_pages = PAGES_MAX;
        return 0;
    }
    const char *end;
    uint64_t bytes = text_memparse(text, &end);
    if (*end)
        return -EINVAL;
    uint64_t pages = bytes / PAGE_BYTES;
    *ret_pages = pages < PAGES_MAX ? pages : PAGES_MAX;
    return 0;
}

const char *text_skip_spaces(const char *text)
{
    while (text_is_space(*text))
        text++;
    return text;
}

const char *text_scan_u64(const char *text, uint64_t *ret_value)
{
    text = text_skip_spaces(text);
    if (!isdigit((unsigned char)*text))
        return NULL;
    bool overflow;
    return scan_digits(text, 10, ret_value, &overflow);
}

const char *text_scan_u32(const char *text, uint32_t *ret_value)
{
    uint64_t value;
    const char *end = text_scan_u64(text, &value);
    if (end)
        *ret_value = (uint32_t)value;
    return end;
}

const char *text_scan_word(const char *text, unsigned max, unsigned *ret_length)
{
    text = text_skip_spaces(text);
    unsigned length = 0;
    while (length < max && text[length] && !text_is_space(text[length]))
        length++;
    *ret_length = length;
    return length ? text : NULL;
}

char *text_next_item(char **text)
{
    char *item = *text;
    if (!item)
        return NULL;
    char *space = strchr(item, ' ');
    if (space)
        *space = '\0';
    *text = space ? space + 1 : NULL;
    return item;
}

/* sscanf("%lld.%lld") takes a sign on both sides of the point; the latter's is an error. */
int text_hundredths(const char *text, int64_t *ret_hundredths)
{
    text = text_skip_spaces(text);
    bool negative = *text == '-';
    uint64_t whole = 0, part = 0;
    const char *end = isdigit((unsigned char)text[negative])
                          ? text_scan_u64(text + negative, &whole)
                          : NULL;
    if (!end)
        return -EINVAL;
    unsigned digits = 0;
    if (*end == '.') {
        const char *start = text_skip_spaces(end + 1);
        if (*start == '-' && text_scan_u64(start + 1, &part) && part)
            return -EINVAL;
        const char *after = text_scan_u64(end + 1, &part);
        digits = after ? (unsigned)(after - end - 1) : 0;
    }
    for (; digits > 3; digits--)
        part /= 10;
    part = digits == 3 ? (part + 5) / 10 : digits == 1 ? part * 10 : part;
    *ret_hundredths = (negative ? -(int64_t)whole : (int64_t)whole) * 100 + (int64_t)part;
    return 0;
}

void print_u64(struct strbuf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    strbuf_add_bytes(out, digits + at, sizeof(digits) - at);
}

void print_line_u64(struct strbuf *out, uint64_t value)
{
    print_u64(out, value);
    strbuf_add_bytes(out, "\n", 1);
}

void print_key_u64(struct strbuf *out, const char *key, uint64_t value)
{
    strbuf_add(out, key);
    strbuf_add_bytes(out, " ", 1);
    print_line_u64(out, value);
}

void print_pages(struct strbuf *out, uint64_t pages, const char *unlimited)
{
    if (unlimited && pages == PAGES_MAX)
        strbuf_add(out, unlimited);
    else
        print_u64(out, pages * PAGE_BYTES);
    strbuf_add_bytes(out, "\n", 1);
}
