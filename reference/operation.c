/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/operation.h"

#include <errno.h>

#include "reference/base/mem.h"

void err_take_note(struct err *err, int result, const struct err *from)
{
    if (from && from->code < 0)
        err_copy(err, from);
    else
        err_set(err, result, "%s", err_name(result));
}

void operation_fail(
    struct done done, int code, const struct err *err, const char *operation, const char *id)
{
    _cleanup_err_ struct err context = ERR_INIT;
    err_take_note(&context, code, err);
    err_wrap(&context, code, "%s %s", operation, id);
    done_fail(done, code, &context);
}

void operation_refuse(struct done done, int code, const char *operation, const char *id,
    const char *format, ...)
{
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *message = str_vprintf(format, list);
    va_end(list);
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, code, "%s %s: %s", operation, id, message);
    done_fail(done, code, &err);
}

struct waiter {
    struct list node;
    struct done done;
    const char *operation;
};

void waiters_add(struct list *waiters, struct done done, const char *operation)
{
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->done = done;
    waiter->operation = operation;
    list_append(waiters, &waiter->node);
}

bool waiters_cancel(struct list *waiters, const char *id, const void *arg)
{
    list_for_each(node, waiters)
    {
        struct waiter *waiter = list_entry(node, struct waiter, node);
        if (waiter->done.arg != arg)
            continue;
        struct waiter copy = *waiter;
        list_remove(node);
        free(waiter);
        operation_refuse(copy.done, -ECANCELED, copy.operation, id, "given up");
        return true;
    }
    return false;
}

void waiters_answer(struct list *waiters, const char *id, const struct termination *termination,
    int result, const struct err *err)
{
    while (!list_empty(waiters)) {
        struct waiter *waiter = list_entry(waiters->next, struct waiter, node);
        struct waiter copy = *waiter;
        list_remove(&waiter->node);
        free(waiter);
        if (termination)
            done_ok(copy.done, termination);
        else
            operation_fail(copy.done, result, err, copy.operation, id);
    }
}
