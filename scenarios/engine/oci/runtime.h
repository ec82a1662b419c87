/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of an OCI runtime: crun, runc, youki and their like. */
#pragma once

#include "reference/base/err.h"

struct runtime {
    char *program;   /* absolute */
    char *directory; /* its state, its log */
};

/* A name is looked for in PATH and the sbin folders; owned, NULL when there is none. */
char *runtime_find(const char *name);

/*
 * Runs it with these words behind its own options, and waits. `fds` are what the container gets as
 * stdio, NULL: nothing. -ECHILD with what it says when it fails.
 */
int runtime_call(
    const struct runtime *runtime, const char *const *words, const int *fds, struct err *err);
