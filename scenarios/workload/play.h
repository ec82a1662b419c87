/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the workload program. */
#pragma once

#include <stddef.h>

#include "fakes/kernel/actions.h"

/* Plays a list in this process and ends it with status 0, or as the list says. */
_Noreturn void play(const struct action *actions, size_t count);

/* Ends the process with status 1 after the line "seatrial-workload: WORD SUBJECT: EXXX". */
_Noreturn void play_fail(const struct action *action, const char *subject, int error);
/* The same with status 1 and a message of its own. */
_Noreturn void play_fail_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line on a descriptor; nobody to read it is fine. */
void play_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* report.c: what the process sees of itself, as JSON. 0 or a negative errno. */
int report_write(const char *path);

/* attempt.c: tries what action.h says of `try`. 0 or an errno. */
int attempt(const char *what, const char *subject);

/* cgroup.c: a cgroup below the process' own, and the process in it. 0 or a negative errno. */
int cgroup_nest(const char *name);

/* memory.c */
int memory_allocate(size_t bytes); /* 0 or a negative errno */
void memory_release(size_t bytes); /* the last allocated first */

/* burn.c: that much CPU time of this thread, `percent` of it in system calls; checks `check` every
 * now and then, which may not come back. */
void burn(uint64_t ns, unsigned percent, void (*check)(void));
