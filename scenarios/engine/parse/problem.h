/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with the input, each with its place: `FILE:LINE:COLUMN: what, expected what`. All
 * problems of all files are collected; nothing runs when there is one.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct problem {
    char *file;
    int line;
    int column;
    char *what;
};
struct problems {
    struct problem *items;
    size_t count;
    size_t capacity;
    size_t met;  /* counts also those that were kept already */
    size_t more; /* beyond PROBLEMS_MAX */
};

#define PROBLEMS_MAX 200

/* Copies; the same problem at the same place is kept once (a matrix meets it several times). */
void problem_add(struct problems *problems, const char *file, int line, int column,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
void problem_addv(struct problems *problems, const char *file, int line, int column,
    const char *format, va_list list) __attribute__((format(printf, 5, 0)));
/* One line each: files in the order in which they were met, within a file by place. */
void problems_print(struct problems *problems, FILE *stream);
void problems_release(struct problems *problems);
