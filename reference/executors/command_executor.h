/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command executor (executors.md 2): runs the one task of a command as its child, tells of it,
 * kills it, and ends. A state machine over a host and a loop; mesos-executor is a thin program
 * around it, and so is the one of the simulated machine.
 */
#pragma once

#include "reference/executors/options.h"
#include "reference/host.h"

struct command_executor;
/*
 * Called once, from the loop: the executor's process has to end, with this raw wait status. Nothing
 * is called afterwards; free it later, not from here. A status of SIGKILL means its whole process
 * group.
 */
typedef void (*executor_exit_fn)(void *arg, int wait_status);

/* Takes over what options own. */
struct command_executor *command_executor_new(struct host *host,
    struct command_executor_options *options, executor_exit_fn fn, void *arg);
/* Leaves the task alone. NULL is fine. */
void command_executor_free(struct command_executor *executor);
