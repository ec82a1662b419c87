/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reduced local protocol between executor and agent (executors.md 6): one JSON object a line,
 * over a Unix socket whose path is in MESOS_DOMAIN_SOCKET. The executor connects and subscribes; it
 * sends updates until each is acknowledged.
 */
#pragma once

#include "reference/model/config.h"

/* A status update. Fields that do not apply are absent. */
struct task_update {
    char *uuid;
    char *task_id;
    char *state;  /* TASK_STARTING … */
    char *source; /* SOURCE_EXECUTOR, SOURCE_AGENT */
    char *reason;
    char *message;
    struct opt_bool healthy;
    json_t *check_status;     /* {"type": "COMMAND", "command": {"exit_code": 0}} */
    char *data;               /* docker: what inspect printed */
    json_t *container_status; /* {"network_infos": […]} */
    struct opt_double timestamp; /* seconds since the epoch */
};
extern const struct json_type task_update_json;
/* FINISHED, FAILED, KILLED and what else ends a task. */
bool task_state_is_terminal(const char *state);

enum executor_event_kind { EXECUTOR_SUBSCRIBE, EXECUTOR_UPDATE };
struct executor_event {
    int event; /* enum executor_event_kind: "subscribe", "update" */
    char *framework_id;
    char *executor_id;
    struct task_update *updates; /* subscribe: unacknowledged ones, in the order of sending */
    size_t updates_count;
    char **tasks;               /* subscribe: of which no update was ever acknowledged */
    struct task_update *update; /* update */
};
extern const struct json_type executor_event_json;

enum executor_command_kind {
    EXECUTOR_SUBSCRIBED,
    EXECUTOR_LAUNCH,
    EXECUTOR_KILL,
    EXECUTOR_SHUTDOWN,
    EXECUTOR_ACK
};
struct executor_command {
    int command;            /* enum executor_command_kind: "subscribed", "launch", … */
    char **capabilities;    /* subscribed: of the framework, such as TASK_KILLING_STATE */
    struct task_info *task; /* launch */
    char *task_id;          /* kill */
    struct opt_u64 grace;   /* kill: ns; absent: none was given */
    char *uuid;             /* ack */
};
extern const struct json_type executor_command_json;

/* kill_policy.grace_period of a task in ns; absent without one. -EINVAL names the field. */
int task_kill_grace(const struct task_info *task, struct opt_u64 *ret_grace_ns, struct err *err);
