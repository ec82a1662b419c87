/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executors that the agent makes up for command tasks, and what it and they say to each other
 * (executors.md 1, 6): registration and its time limits, the task and its updates, acknowledgement,
 * kill and shutdown. It listens at a Unix socket from the first such executor on.
 */
#pragma once

#include "reference/agent/agent.h"
#include "reference/executors/protocol.h"

struct executor_registry *executor_registry_new(struct agent *agent);
void executor_registry_free(struct executor_registry *registry);

/* An update as an event of the trace. */
void task_update_trace(struct trace *trace, const char *id, const struct task_update *update);

/* The path of the socket, as in MESOS_DOMAIN_SOCKET; owned. */
char *executor_socket_path(const struct flags *flags);

struct executor_identity {
    const char *id; /* of the container */
    const char *framework;
    const char *executor;
};
/* The launch of the executor begins now; the task is copied, and its command too when it has none
 * of its own. */
int executor_registry_add(struct executor_registry *registry,
    const struct executor_identity *identity, const struct task_info *task,
    const struct command_info *command, uint64_t shutdown_grace_ns, struct err *err);
/* An executor of an earlier agent, that has to come back in time. */
int executor_registry_recover(struct executor_registry *registry,
    const struct executor_identity *identity, struct err *err);
/* Why the agent itself ended the container; false when it did not. Borrowed. */
bool executor_registry_cause(const struct executor_registry *registry, const char *id,
    const char **ret_reason, const char **ret_message);
/* The container is gone, or its launch failed before it was one: so has the task, if it had not
 * ended. Nothing when there is none. */
void executor_registry_end(struct executor_registry *registry, const char *id, const char *state,
    const char *reason, const char *message);
