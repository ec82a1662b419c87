/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent's metadata tells a containerizer at recovery (containerizer.md 5.1, 6.2), reduced
 * to the latest run of each executor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "reference/model/config.h"

struct agent_run {
    char *container_id;
    char *framework_id;
    char *executor_id;
    struct executor_info *executor_info; /* NULL: missing */
    pid_t forked_pid;                    /* 0: none was checkpointed */
    bool completed;
    bool command_task; /* its config had a task: the executor is one for that alone */
    bool made_up;      /* by the agent, to which it has to come back */
    char *directory; /* executor run path */
};
struct agent_state {
    struct agent_run *runs;
    size_t runs_count;
};
void agent_state_release(struct agent_state *state);

/* What isolators and launchers get of each recoverable container. */
struct container_state {
    const char *id;
    pid_t pid;             /* 0: unknown */
    const char *directory; /* may be NULL */
    const struct container_config *config; /* may be NULL */
};
