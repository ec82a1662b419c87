/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes that are programs: to find them, to start them, and to wait for their end. */
#pragma once

#include <sys/types.h>

#include "bench/launch/contender.h"

/* The path of the program, owned; NULL with -ENOENT's message when it is not installed. */
char *program_find(const char *name, struct err *err);
/* Starts argv with stdout to the container's FIFO and stderr to its file. */
int program_start(
    const struct container *container, char *const *argv, pid_t *ret_pid, struct err *err);
/* Waits for it: -EPROTO when it did not end with status 0. */
int program_end(const struct container *container, const char *name, pid_t pid, struct err *err);
/* Both. */
int program_run(const struct container *container, char *const *argv, struct err *err);
/* Runs argv and throws its words away. Its status, or a negative errno. */
int program_quietly(char *const *argv);
