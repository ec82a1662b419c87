/* SPDX-License-Identifier: Apache-2.0 */
/* Scenario × seed, played by worker processes: a crash or a hang of one takes nothing else along.
 */
#pragma once

#include "scenarios/engine/cli/options.h"

struct task_list {
    struct outcome *items; /* scenario, backend and seed filled in */
    size_t count;
};
/* Called in the order of the list, as soon as all before are done. */
typedef void (*task_done_fn)(void *arg, size_t index, const struct outcome *outcome);

/* Plays all. Returns 0, or -EPROTO when a worker ended badly (leaks under a sanitizer). */
int tasks_play(
    const struct run_arguments *arguments, struct task_list *tasks, task_done_fn fn, void *arg);
