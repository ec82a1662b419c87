/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors with context. A function that can fail returns 0 or a negative errno and takes a last
 * `struct err *err`; each layer on the way up prefixes what it was doing, so that the message reads
 * from the outermost operation to the innermost cause:
 *
 *     launch c1: isolator cgroups/mem: write memory.max "67108864": EBUSY
 */
#pragma once

#include <stdarg.h>

struct err {
    int code;      /* negative errno, 0 when nothing failed */
    char *message; /* owned; NULL when nothing failed */
};

#define ERR_INIT {0, (char *)0}
#define _cleanup_err_ __attribute__((cleanup(err_clear)))

/* Sets the error to `format` (replacing what was there). Returns `code`; only that when err is
 * NULL. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, and appends ": " and the errno's name (err_name). */
int err_errno(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prefixes "format: " to what is there. Returns the error's code (or `code` when err is NULL). */
int err_wrap(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies; `to` is cleared before. `from` may be NULL (clears). */
void err_copy(struct err *to, const struct err *from);

/* Frees the message and forgets the code. */
void err_clear(struct err *err);

/* The message, or the errno's name when there is none, or "no error". Never NULL. */
const char *err_text(const struct err *err);

/* "EBUSY" for -EBUSY or EBUSY; "E123" when the number has no name. Static storage. */
const char *err_name(int code);
