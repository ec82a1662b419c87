/* SPDX-License-Identifier: Apache-2.0 */
/* Sweeps: a scenario played once per effect, with a fault there. */
#pragma once

#include "scenarios/engine/run/run.h"

/* First start and all steps. */
int run_play(struct run *run, struct err *err);

/* The `sweep` of a scenario: the agent crashes at each effect of the chosen steps, recovers, and
 * nothing is left. Turns the report into a failure at the first point that does not survive. */
void scenario_sweep(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *report);

struct torture_failure {
    uint64_t effect;
    const char *kind;
    const char *fault;
    char *subject;
    char *reason;
};
struct torture_report {
    uint64_t points;
    uint64_t survived;
    struct torture_failure *failures;
    size_t failures_count;
};
/* Every effect of the scenario, with every fault of its kind in the atlas. `only` (NULL: all) is
 * one point as a failure names it, "12:EBUSY". */
void scenario_torture(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, const char *only, struct torture_report *ret_report);
void torture_report_release(struct torture_report *report);
