/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "reference/base/mem.h"

size_t strv_length(char *const *strings)
{
    size_t length = 0;
    while (strings && strings[length])
        length++;
    return length;
}

/* Room for `length` strings and the end; powers of two, so that most additions move nothing. */
static size_t strv_capacity(size_t length)
{
    size_t capacity = 2;
    while (capacity < length + 1)
        capacity *= 2;
    return capacity;
}

void strv_add(char ***strings, const char *text)
{
    assert(text);
    strv_add_owned(strings, str_dup(text));
}

void strv_add_owned(char ***strings, char *text)
{
    assert(strings);
    assert(text);
    size_t length = strv_length(*strings);
    *strings = mem_realloc(*strings, strv_capacity(length + 1) * sizeof(char *));
    (*strings)[length] = text;
    (*strings)[length + 1] = NULL;
}

char **strv_copy(char *const *strings)
{
    if (!strings)
        return NULL;
    size_t length = strv_length(strings);
    char **copy = mem_alloc((length + 1) * sizeof(char *));
    for (size_t i = 0; i < length; i++)
        copy[i] = str_dup(strings[i]);
    return copy;
}

bool strv_contains(char *const *strings, const char *text)
{
    assert(text);
    for (size_t i = 0; strings && strings[i]; i++)
        if (strcmp(strings[i], text) == 0)
            return true;
    return false;
}

char **strv_split(const char *text, const char *separators)
{
    assert(separators);
    char **strings = mem_alloc(sizeof(char *));
    while (text && *text) {
        size_t length = strcspn(text, separators);
        if (length > 0)
            strv_add_owned(&strings, str_ndup(text, length));
        text += length;
        text += strspn(text, separators);
    }
    return strings;
}

char *strv_join(char *const *strings, const char *separator)
{
    char *text = str_dup("");
    for (size_t i = 0; strings && strings[i]; i++) {
        char *longer = str_printf("%s%s%s", text, i > 0 ? separator : "", strings[i]);
        free(text);
        text = longer;
    }
    return text;
}

static int strv_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **strings)
{
    size_t length = strv_length(strings);
    if (length > 1)
        qsort(strings, length, sizeof(char *), strv_compare);
}

char **strv_free(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
    return NULL;
}

void strv_free_pointer(char ***strings)
{
    *strings = strv_free(*strings);
}
