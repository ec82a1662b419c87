/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a scenario: one table row each. Validation, documentation and play come from it.
 */
#pragma once

#include "scenarios/engine/parse/schema.h"
#include "scenarios/engine/run/operation.h"
#include "scenarios/engine/run/run.h"

struct step_spec {
    const char *name;
    const struct schema *schema;
    const char *help;
    uint64_t needs;                         /* NEED bits */
    const struct operation_kind *operation; /* of a call that may be async; or NULL */
    int (*run)(struct run *run, const struct step *step, struct err *err);
    bool ends; /* may end containers: a new launch of an id is fine */
};
extern const struct step_spec *const step_table[]; /* NULL-terminated */
const struct step_spec *step_find(const char *name);
/* Plays a step that calls an operation: starts it, and waits and judges unless it is async. */
int step_operation(struct run *run, const struct step *step, struct err *err);
/* Applies a hold or fail that was kept for the agent's start. */
int step_apply_deferred(struct run *run, const struct step *step, struct err *err);
/* The whole reference of steps, Markdown; owned. */
char *steps_help(void);

/* The keys that all operations share: async, as, expect. */
#define OPERATION_KEYS(expect_schema)                                                              \
    {"expect", VALUE_MAP, 0, NULL, (expect_schema), NULL, "what must come of it"},                 \
        {"async", VALUE_BOOL, 0, NULL, NULL, NULL, "go on without waiting for the outcome"},       \
    {                                                                                              \
        "as", VALUE_TEXT, 0, NULL, NULL, NULL,                                                     \
            "a name for a later `await` (default: the step and "                                   \
            "the id, such as `launch c1`)"                                                         \
    }
