/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial bench` as a program, in a directory of the test's own. */
#pragma once

#include <stdbool.h>

#define BENCH SEATRIAL_PROGRAM " bench "

/* Makes the directory in which commands run; false: can't. */
bool directory_make(void);
bool directory_remove(void);
/* A path below it. Owned. */
char *path_in(const char *name);

/* Runs a command of the shell there; its words on stdout and stderr, owned; its status, or -1. */
int run(const char *command, char **ret_text);
/* That it ends with this status and says these words. */
void assert_says(const char *command, int status, const char *words);
