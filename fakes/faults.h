/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault atlas: all that may go wrong at each kind of effect, with what the contract promises
 * for it. Scenario steps, the torture mode and the documentation come from this one table.
 */
#pragma once

#include "reference/host.h"

struct fault {
    enum effect_kind kind;
    const char *name;           /* "EBUSY", "lost", "crash before", … */
    struct effect_verdict verdict;
    const char *promise;        /* what the contract says must hold then */
    const char *details;        /* only effects whose detail begins with one of these words; NULL:
                                   all */
};
/* Can it happen at an effect of that kind and detail (may be NULL)? */
bool fault_fits(const struct fault *fault, enum effect_kind kind, const char *detail);
extern const struct fault fault_atlas[];
extern const size_t fault_atlas_count;

/* What a scenario arms: the n-th effect that matches fails. */
struct fault_rule {
    enum effect_kind kind;   /* EFFECT_KIND_COUNT: any */
    char *subject;           /* substring of the subject, NULL = any; owned */
    char *detail;            /* substring of the detail, NULL = any; owned */
    uint64_t nth;            /* of the matching effects, from 1; 0 = from the first on, every one */
    uint64_t times;          /* how many in a row from nth on; 0 = once (nth 0: without end) */
    uint64_t number;         /* absolute effect number instead, 0 = none */
    struct effect_verdict verdict;
    uint64_t seen;           /* matching effects so far */
    uint64_t fired;
};
struct fault_plan {
    struct fault_rule *rules;
    size_t count;
};
/* Copies the rule (and its strings). */
void fault_plan_add(struct fault_plan *plan, const struct fault_rule *rule);
void fault_plan_release(struct fault_plan *plan);
/* The hook of a plan, for host->hook. */
struct effect_verdict fault_plan_decide(void *plan, const struct effect *effect);
