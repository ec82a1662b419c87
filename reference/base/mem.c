/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Most texts are shorter, and formatted without vasprintf's allocations on the way. */
#define FORMATTED_BYTES 256

static void *mem_check(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void *mem_alloc(size_t size)
{
    return mem_check(calloc(1, size ? size : 1));
}

void *mem_realloc(void *memory, size_t size)
{
    return mem_check(realloc(memory, size ? size : 1));
}

void *mem_grow(void *array, size_t *capacity, size_t wanted, size_t item_size)
{
    assert(capacity);
    assert(item_size > 0);
    if (wanted <= *capacity)
        return array;
    size_t grown = *capacity ? *capacity : 8;
    while (grown < wanted) {
        assert(grown <= SIZE_MAX / 2);
        grown *= 2;
    }
    assert(grown <= SIZE_MAX / item_size);
    char *memory = mem_realloc(array, grown * item_size);
    memset(memory + *capacity * item_size, 0, (grown - *capacity) * item_size);
    *capacity = grown;
    return memory;
}

void *mem_dup(const void *memory, size_t size)
{
    void *copy = mem_check(malloc(size ? size : 1));
    if (size)
        memcpy(copy, memory, size);
    return copy;
}

char *str_dup(const char *text)
{
    return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

char *str_ndup(const char *text, size_t length)
{
    assert(text);
    size_t bytes = strnlen(text, length);
    char *copy = mem_check(malloc(bytes + 1));
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}

char *str_concat(const char *first, ...)
{
    size_t length = 0;
    va_list list;
    va_start(list, first);
    for (const char *text = first; text; text = va_arg(list, const char *))
        length += strlen(text);
    va_end(list);
    char *all = mem_check(malloc(length + 1));
    size_t done = 0;
    va_start(list, first);
    for (const char *text = first; text; text = va_arg(list, const char *)) {
        size_t part = strlen(text);
        memcpy(all + done, text, part);
        done += part;
    }
    va_end(list);
    all[done] = '\0';
    return all;
}

char *str_printf(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = str_vprintf(format, list);
    va_end(list);
    return text;
}

char *str_vprintf(const char *format, va_list list)
{
    char buffer[FORMATTED_BYTES];
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(buffer, sizeof(buffer), format, list);
    char *text = NULL;
    if (length < 0)
        abort();
    if ((size_t)length < sizeof(buffer))
        text = mem_dup(buffer, (size_t)length + 1);
    else if (vasprintf(&text, format, again) < 0)
        abort();
    va_end(again);
    return text;
}

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts(const char *text, const char *prefix)
{
    assert(prefix);
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
    assert(suffix);
    if (!text)
        return false;
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

void str_set(char **field, const char *text)
{
    assert(field);
    char *copy = str_dup(text); /* first: text may be part of what is freed */
    free(*field);
    *field = copy;
}

void mem_free_pointer(void *pointer_to_pointer)
{
    void *memory;
    memcpy(&memory, pointer_to_pointer, sizeof(memory));
    free(memory);
}

void fd_close_pointer(const int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    errno = saved;
}
