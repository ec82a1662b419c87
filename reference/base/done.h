/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completions. An operation that may finish later takes a `struct done` and calls it exactly once:
 * with its result, or, at the latest when its owner is freed or its agent is gone, with -ESHUTDOWN.
 * It may call it before it returns; callers are written for both.
 */
#pragma once

#include "reference/base/err.h"

/*
 * result: 0 or a negative errno. value: what the operation yields, of the type its header names,
 * borrowed for the duration of the call, NULL for none. err: the whole chain of context when result
 * is negative, may be NULL.
 */
typedef void (*done_fn)(void *arg, int result, const void *value, const struct err *err);

struct done {
    done_fn fn; /* NULL: nobody is interested */
    void *arg;
};

#define DONE(function, argument) ((struct done){(function), (argument)})
#define DONE_NONE ((struct done){(done_fn)0, (void *)0})

static inline void done_ok(struct done done, const void *value)
{
    if (done.fn)
        done.fn(done.arg, 0, value, (const struct err *)0);
}

static inline void done_fail(struct done done, int result, const struct err *err)
{
    if (done.fn)
        done.fn(done.arg, result, (const void *)0, err);
}

/* For an operation that yields nothing: err is heard only when result is negative. */
static inline void done_result(struct done done, int result, const struct err *err)
{
    if (done.fn)
        done.fn(done.arg, result, (const void *)0, result < 0 ? err : (const struct err *)0);
}
