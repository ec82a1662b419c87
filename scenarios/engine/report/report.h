/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a run, and the formats in which it is told. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "scenarios/engine/parse/scenario.h"
#include "scenarios/engine/run/run.h"
#include "scenarios/engine/run/sweep.h"

/* One scenario with one seed. */
struct outcome {
    const struct scenario *scenario; /* borrowed */
    const char *backend;
    uint64_t seed;
    struct run_report report;
    bool tortured;
    struct torture_report torture;
};
struct totals {
    size_t passed;
    size_t failed;
    size_t skipped;
    double seconds;
    uint64_t seed_first;
    uint64_t seed_last;
    uint64_t points;
    uint64_t survived;
};

struct reporter {
    const char *name;
    void (*begin)(FILE *stream, size_t total);
    void (*outcome)(FILE *stream, size_t index, const struct outcome *outcome);
    void (*end)(
        FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals);
};
extern const struct reporter reporter_pretty, reporter_tap, reporter_junit, reporter_json,
    reporter_jsonl;
const struct reporter *reporter_find(const char *name); /* NULL when unknown */

void totals_add(struct totals *totals, const struct outcome *outcome);
/* The command that plays just this scenario with its seed; owned. */
char *outcome_replay(const struct outcome *outcome, const char *point);
/* Failure in full: place, expected and seen, the last of the trace, the replay; owned. */
char *outcome_explain(const struct outcome *outcome);
extern const char *const verdict_names[]; /* "passed", "failed", "skipped" */

/* To and from the JSON that a worker sends. */
json_t *outcome_encode(const struct outcome *outcome);
void outcome_decode(const json_t *json, struct outcome *outcome);
void outcome_release(struct outcome *outcome);
