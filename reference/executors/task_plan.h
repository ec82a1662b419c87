/* SPDX-License-Identifier: Apache-2.0 */
/* How the command executor starts its task (executors.md 2.4). */
#pragma once

#include "reference/executors/options.h"
#include "reference/host.h"

/*
 * The plan of the task's process, which becomes the command itself: no init is left behind. Without
 * a root it shares all with the executor; with one, only root may: -EPERM. The plan is the caller's
 * to release, on success.
 */
int task_plan(struct host *host, const struct command_executor_options *options,
    const struct command_info *command, const struct environment_variable *environment,
    size_t environment_count, struct plan *ret_plan, struct err *err);
