/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: the calls of a containerizer as steps, each with how it starts and how its outcome is
 * judged. */
#pragma once

#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/run/run.h"

struct operation_kind {
    const char *name;
    /* Calls the containerizer; its done is operation_done(operation). -errno: not even that. */
    int (*start)(
        struct run *run, struct operation *operation, const struct node *args, struct err *err);
    /* The value that done yields, as JSON. */
    json_t *(*value)(const void *value);
    /* Judges a settled operation by `expect` (NULL: the default). */
    int (*judge)(const struct operation *operation, const struct node *expect, struct err *err);
};
struct done operation_done(struct operation *operation);

/* attach.c: the client of a container's I/O switchboard, as the start of an operation. */
int attach_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err);
void attach_sessions_free(struct run *run);

/* Makes and starts; the operation belongs to the run. `step` NULL: the engine's own. */
struct operation *operation_start(struct run *run, const struct operation_kind *kind,
    const char *id, const struct node *args, const struct step *step, struct err *err);
/* Runs until it has answered. */
int operation_await(struct run *run, struct operation *operation, struct err *err);
int operation_judge(struct operation *operation, const struct node *expect, struct err *err);
/* "launch c1 gave SUCCESS", "wait c1 failed: …"; owned. */
char *operation_describe(const struct operation *operation);
/* True when it ended because the agent was gone. */
bool operation_cut(const struct operation *operation);
void operations_free(struct run *run);
/* The three ways to judge: by its result, as a termination, field by field. */
int judge_result(const struct operation *operation, const struct node *expect, struct err *err);
int judge_termination(
    const struct operation *operation, const struct node *expect, struct err *err);
int judge_values(const struct operation *operation, const struct node *expect, struct err *err);
/* The value at "a.b.0" below json; NULL when there is none. */
const json_t *json_down(const json_t *json, const char *path);

extern const struct operation_kind operation_launch, operation_destroy, operation_wait,
    operation_kill, operation_update, operation_usage, operation_status, operation_remove,
    operation_prune, operation_attach, operation_recover;
