/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's metadata of an executor run, and its sandbox (containerizer.md 6.2, 6.3). */
#pragma once

#include "reference/agent/agent.h"

/* Whose run it is; borrowed. */
struct agent_run_names {
    const char *framework;
    const char *executor;
    const char *container;
    /* for agent_run_write, as in struct agent_run */
    bool command_task;
    bool made_up;
};

/* Path of pids/forked.pid of the run; owned. */
char *agent_forked_pid_path(const struct flags *flags, const struct agent_run_names *names);
/* Makes directories, executor.info and the `latest` links. */
int agent_run_write(struct host *host, const struct flags *flags,
    const struct agent_run_names *names, const struct executor_info *info, struct err *err);
/* Marks the run as completed: a later recovery passes it over. */
int agent_run_complete(struct host *host, const struct flags *flags,
    const struct agent_run_names *names, struct err *err);
