/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. Running out of it is fatal: these never return NULL. Scope-bound cleanup by the
 * compiler's attribute through the macros below.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define _cleanup_free_ __attribute__((cleanup(mem_free_pointer)))
#define _cleanup_close_ __attribute__((cleanup(fd_close_pointer)))
#define _cleanup_strv_ __attribute__((cleanup(strv_free_pointer)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Yields the pointer and sets the variable to NULL: ownership moves out of a _cleanup_ variable. */
#define TAKE_PTR(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

/* The same for a descriptor, whose "nothing" is -1. */
#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

/* The structure that `pointer`, a member called `member`, is part of. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

void *mem_alloc(size_t size);                    /* zeroed */
void *mem_realloc(void *memory, size_t size);    /* grown part not zeroed */
void *mem_grow(
    void *array, size_t *capacity, size_t wanted, size_t item_size); /* doubles; new part zeroed */
void *mem_dup(const void *memory, size_t size);
char *str_dup(const char *text);                 /* NULL stays NULL */
char *str_ndup(const char *text, size_t length);
/* The texts behind each other; the last is NULL. For paths that many are made of: it is faster than
 * a format. */
char *str_concat(const char *first, ...) __attribute__((sentinel));
char *str_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *str_vprintf(const char *format, va_list list) __attribute__((format(printf, 1, 0)));
bool str_equal(const char *a, const char *b);    /* NULL equals only NULL */
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
/* Frees *field and stores a copy of text. */
void str_set(char **field, const char *text);

/* NULL-terminated vectors of owned strings. */
size_t strv_length(char *const *strings);
void strv_add(char ***strings, const char *text);         /* copies */
void strv_add_owned(char ***strings, char *text);         /* takes */
char **strv_copy(char *const *strings);
bool strv_contains(char *const *strings, const char *text);
char **strv_split(const char *text, const char *separators); /* empty items dropped */
char *strv_join(char *const *strings, const char *separator); /* NULL is none */
void strv_sort(char **strings);
char **strv_free(char **strings);                          /* returns NULL */

void mem_free_pointer(void *pointer_to_pointer);
void strv_free_pointer(char ***strings);
void fd_close_pointer(const int *fd);
