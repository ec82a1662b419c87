/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's local protocol: JSON lines on a Unix socket. A request is one object a line; each
 * gets one reply, in any order:
 *
 *     {"n":7,"call":"launch","id":"c1","config":{"command_info":{"value":"sleep 10"}}}
 *     {"n":7,"value":"SUCCESS"}
 *     {"n":8,"error":"wait c2: …","code":"ENOENT"}
 *
 * `value` is what the operation yields (containerizer.md 1): a text for launch, state; an object
 * for usage, status, metrics; a termination or null for wait and destroy; a boolean for kill; an
 * array for containers, and for updates, of objects with the container's id and the update. The
 * agent keeps updates until somebody asks for those after them.
 */
#pragma once

#include "reference/containerizer.h"
#include "reference/model/config.h"

enum agent_call {
    AGENT_CALL_LAUNCH,      /* as the agent launches: destroyed when it fails */
    AGENT_CALL_LAUNCH_ONLY, /* the containerizer's call alone */
    AGENT_CALL_ATTACH,
    AGENT_CALL_UPDATE,
    AGENT_CALL_USAGE,
    AGENT_CALL_STATUS,
    AGENT_CALL_WAIT,
    AGENT_CALL_DESTROY,
    AGENT_CALL_KILL,
    AGENT_CALL_CONTAINERS,
    AGENT_CALL_REMOVE,
    AGENT_CALL_PRUNE,
    AGENT_CALL_STATE,
    AGENT_CALL_METRICS,
    AGENT_CALL_KILL_TASK,
    AGENT_CALL_SHUTDOWN,         /* of the executor of a command task */
    AGENT_CALL_ACKNOWLEDGEMENTS, /* of status updates: held, or sent */
    AGENT_CALL_UPDATES,   /* status updates after a number; waits until there are some */
    AGENT_CALL_RECOVERED, /* answered when the agent's recovery has ended, with its outcome */
    AGENT_CALL_COUNT
};
extern const char *const agent_call_names[AGENT_CALL_COUNT + 1];

struct agent_request {
    int64_t n; /* the caller's number, given back */
    int call;  /* enum agent_call */
    char *id;
    struct container_config *config;
    struct environment_variable *environment;
    size_t environment_count;
    char *pid_path;
    struct resources resources;
    struct resource_limits limits;
    int64_t signal;
    char **keep;
    struct opt_u64 grace; /* kill_task: ns */
    bool hold;            /* acknowledgements */
    int64_t after;        /* updates: those that the caller has already, from 1 on */
};
extern const struct json_type agent_request_json;

/* Checks what the call needs (an id, a config); -EINVAL names the field. */
int agent_request_check(const struct agent_request *request, struct err *err);
/* What a done was called with, as the value of a reply; a new reference. */
json_t *agent_value_encode(enum agent_call call, const void *value);
