/* SPDX-License-Identifier: Apache-2.0 */
/* Limitations and terminations (containerizer.md 4.1, 4.2). */
#pragma once

#include "reference/base/json.h"
#include "reference/model/resources.h"

/* What an isolator's watch yields: a limit was reached. */
struct limitation {
    struct resources resources;
    char *message;
    char *reason;   /* REASON_… or NULL */
    bool ends_init; /* what happened makes the init end, maybe before it is heard of; not in JSON */
};

struct termination {
    struct opt_i64 status; /* wait(2)-encoded status of the workload; absent if unknown */
    char *state;           /* TASK_FAILED, only from limitations */
    char *reason;
    char *message;
    struct resources limited_resources;
};
extern const struct json_type limitation_json;
extern const struct json_type termination_json;
