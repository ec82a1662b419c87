/* SPDX-License-Identifier: Apache-2.0 */
/* A set of processes whose ends are awaited together. */
#pragma once

#include "reference/host.h"

struct exit_set;
/* fn(arg, 0) each time the last process of the set has ended; fn(arg, -ESHUTDOWN) once when the
 * agent is gone. Never called from exit_set_add. fn may free the set. */
struct exit_set *exit_set_new(struct host *host, host_fn fn, void *arg);
/* Awaits this process too (once, however often it is added). */
void exit_set_add(struct exit_set *set, pid_t pid);
bool exit_set_awaits(const struct exit_set *set, pid_t pid);
/* How many have not ended yet. */
size_t exit_set_count(const struct exit_set *set);
/* Forgets them all; never calls fn. NULL is fine. */
void exit_set_free(struct exit_set *set);
