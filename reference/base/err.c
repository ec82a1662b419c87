/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

static void err_replace(struct err *err, int code, char *message)
{
    free(err->message);
    err->message = message;
    err->code = code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (!err)
        return code;
    va_list list;
    va_start(list, format);
    /* Formatted before the old message is freed: it may be one of the arguments. */
    char *message = str_vprintf(format, list);
    va_end(list);
    err_replace(err, code, message);
    return code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (!err)
        return code;
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *context = str_vprintf(format, list);
    va_end(list);
    err_replace(err, code, str_printf("%s: %s", context, err_name(code)));
    return code;
}

int err_wrap(struct err *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (!err)
        return code;
    if (err->code == 0)
        err->code = code;
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *context = str_vprintf(format, list);
    va_end(list);
    err_replace(err, err->code, str_printf("%s: %s", context, err_text(err)));
    return err->code;
}

void err_copy(struct err *to, const struct err *from)
{
    assert(to);
    if (to == from)
        return;
    err_clear(to);
    if (!from)
        return;
    to->code = from->code;
    to->message = str_dup(from->message);
}

void err_clear(struct err *err)
{
    if (!err)
        return;
    free(err->message);
    err->message = NULL;
    err->code = 0;
}

const char *err_text(const struct err *err)
{
    if (!err || (!err->message && err->code == 0))
        return "no error";
    return err->message ? err->message : err_name(err->code);
}

const char *err_name(int code)
{
    static _Thread_local char unnamed[16];
    long number = code < 0 ? -(long)code : code;
    const char *name = number <= 4095 ? strerrorname_np((int)number) : NULL;
    if (name && number != 0)
        return name;
    snprintf(unnamed, sizeof(unnamed), "E%ld", number);
    return unnamed;
}
