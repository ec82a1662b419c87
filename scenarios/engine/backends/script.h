/* SPDX-License-Identifier: Apache-2.0 */
/* Shell scripts by which the backends of a kernel prepare it, and find out what it can. */
#pragma once

#include <stdbool.h>

#include "reference/base/err.h"

/* A shell runs it until the first command that fails; `what` stands in the error, with what was
 * said last. -EIO. */
int script_run(const char *what, const char *script, struct err *err);
/* Whether it succeeds, in a child with namespaces of its own (CLONE_NEW...; 0: none). */
bool script_works(int namespaces, const char *script);
/* Asks once a process; the answer starts as -1. */
bool script_once(int *answer, bool (*ask)(void));
