/* SPDX-License-Identifier: Apache-2.0 */
/* The ExecutorInfo that the agent makes up for a command task (executors.md 1). */
#pragma once

#include "reference/agent/agent.h"

#define DEFAULT_FRAMEWORK "framework"

/* A new object, of the config of a command task that has none. */
struct executor_info *command_executor_make(
    const struct agent *agent, const struct container_config *config);
/* How long the executor has to end once it is asked: longer when its task has a grace of its
 * own. */
int command_executor_grace(const struct agent *agent, const struct task_info *task,
    uint64_t *ret_grace_ns, struct err *err);
/* "5secs"; owned. */
char *executor_duration_text(uint64_t ns);
/* What the executor needs on top of its task. */
void command_executor_overhead(struct resources *resources, struct resource_limits *limits);
/* The definitions of a task that the executor could not make sense of: -EINVAL names the field. */
int command_task_validate(const struct task_info *task, struct err *err);
