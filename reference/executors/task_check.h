/* SPDX-License-Identifier: Apache-2.0 */
/* CheckInfo and HealthCheck (executors.md 4): what they say, and which are valid. */
#pragma once

#include "reference/model/config.h"

struct check_command {
    struct command_info *command;
};
struct check_http {
    struct opt_i64 port;
    char *path;
    char *scheme;   /* health check: http (default) or https */
    char *protocol; /* health check: IPV4 (default) or IPV6 */
    json_t *statuses; /* ignored */
    json_t *types;    /* ignored */
};
struct check_tcp {
    struct opt_i64 port;
    char *protocol; /* ignored: always IPv4 (quirk) */
};
enum check_type { CHECK_UNKNOWN, CHECK_COMMAND, CHECK_HTTP, CHECK_TCP };
extern const char *const task_check_type_names[]; /* "UNKNOWN", "COMMAND", … */

struct task_check {
    int type;                     /* enum check_type */
    struct command_info *command; /* of a COMMAND; in a check's JSON inside of `command` */
    struct check_http *http;
    struct check_tcp *tcp;
    double delay_seconds;
    double interval_seconds;
    double timeout_seconds; /* 0: none */
    double grace_period_seconds; /* health checks */
    int64_t consecutive_failures;
};

/* For health checks: `health`. -EINVAL with the rule that is broken. */
int task_check_parse(
    const json_t *json, bool health, struct task_check *ret_check, struct err *err);
void task_check_release(struct task_check *check);

/* What an attempt gave. */
struct check_result {
    bool known;    /* false: an error or a timeout */
    int64_t value; /* COMMAND: exit code; HTTP: status code; TCP: 1 connected */
};
bool task_check_is_healthy(const struct task_check *check, const struct check_result *result);
/* A CheckStatusInfo: with an empty result when that is not known. A new reference. */
json_t *task_check_status(const struct task_check *check, const struct check_result *result);
