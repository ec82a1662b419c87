/* SPDX-License-Identifier: Apache-2.0 */
/* What containerizers have in common: how operations fail, and who waits for a termination. */
#pragma once

#include "reference/base/done.h"
#include "reference/base/list.h"
#include "reference/model/termination.h"

/* err gets what `from` says, or the errno's name when it says nothing. */
void err_take_note(struct err *err, int result, const struct err *from);

/* Fails an operation as "operation id: …" with err's context, or the errno's name without one. */
void operation_fail(
    struct done done, int code, const struct err *err, const char *operation, const char *id);
/* The same, with a message. */
void operation_refuse(struct done done, int code, const char *operation, const char *id,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds a wait for a termination; operation is a literal: "wait", "destroy". */
void waiters_add(struct list *waiters, struct done done, const char *operation);
/* Calls the one whose done has this arg with -ECANCELED, and forgets it. False: there is none. */
bool waiters_cancel(struct list *waiters, const char *id, const void *arg);
/* Answers and frees all waiters of the list; termination NULL: with the failure. */
void waiters_answer(struct list *waiters, const char *id, const struct termination *termination,
    int result, const struct err *err);
