/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executor's side of the protocol, in the place of the driver library (executors.md 2.2, 2.8,
 * 2.9): connects to the agent, subscribes until it is subscribed, keeps every update until it is
 * acknowledged, and comes back after the agent was lost.
 */
#pragma once

#include "reference/executors/options.h"
#include "reference/executors/protocol.h"
#include "reference/host.h"

/* What the executor does when something comes; called from the loop. */
struct executor_client_events {
    void (*launch)(void *arg, const struct task_info *task);
    void (*kill)(void *arg, const char *task_id, struct opt_u64 grace_ns);
    /* Once: the agent wants it, or is lost for good. */
    void (*shutdown)(void *arg);
    void (*acknowledged)(void *arg, const struct task_update *update);
    /* The time of a shutdown is over. */
    void (*expired)(void *arg);
};

struct executor_client;
/*
 * Connects soon. Of the environment: where the agent is, who we are, whether and how long to wait
 * for an agent that is lost, and after how much of a shutdown all of the executor is killed. It is
 * copied.
 */
struct executor_client *executor_client_new(struct host *host,
    const struct executor_environment *environment, const struct executor_client_events *events,
    void *arg);
void executor_client_free(struct executor_client *client); /* NULL is fine */
/* Completes the update (uuid, source, timestamp) and sends it, now or when there is an agent. It is
 * copied. */
void executor_client_update(struct executor_client *client, const struct task_update *update);
/* As if the agent had asked for it. */
void executor_client_shutdown(struct executor_client *client);
/* Of the framework, told at the subscription. */
bool executor_client_has_capability(const struct executor_client *client, const char *name);
