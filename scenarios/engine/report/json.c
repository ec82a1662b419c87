/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON report, and its scenarios one a line; the schema is in scenarios/README.md. */
#include <inttypes.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/report/report.h"

static void json_begin(FILE *stream, size_t total)
{
    (void)stream, (void)total;
}

static void json_outcome(FILE *stream, size_t index, const struct outcome *outcome)
{
    (void)stream, (void)index, (void)outcome;
}

static json_t *scenario_json(const struct outcome *outcome)
{
    const struct scenario *scenario = outcome->scenario;
    const struct run_report *report = &outcome->report;
    json_t *covers = json_array();
    for (size_t i = 0; scenario->covers && scenario->covers[i]; i++)
        json_array_append_new(covers, json_string(scenario->covers[i]));
    _cleanup_free_ char *text =
        report->result == RUN_FAILED ? outcome_explain(outcome) : str_dup(report->reason);
    return json_pack("{ss ss ss ss ss? sf so}", "file", scenario->file, "name", scenario->name,
        "backend", outcome->backend, "result", verdict_names[report->result], "reason", text,
        "seconds", report->seconds, "covers", covers);
}

/* At once: who reads them may want to know how far a run has come, or how far it came. */
static void jsonl_outcome(FILE *stream, size_t index, const struct outcome *outcome)
{
    (void)index;
    json_t *scenario = scenario_json(outcome);
    json_dumpf(scenario, stream, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stream);
    fflush(stream);
    json_decref(scenario);
}

static void jsonl_end(
    FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals)
{
    (void)stream, (void)outcomes, (void)count, (void)totals;
}

static json_t *seed_json(const struct totals *totals)
{
    if (totals->seed_first == totals->seed_last)
        return json_integer((json_int_t)totals->seed_first);
    _cleanup_free_ char *range =
        str_printf("%" PRIu64 "..%" PRIu64, totals->seed_first, totals->seed_last);
    return json_string(range);
}

static void json_end(
    FILE *stream, const struct outcome *outcomes, size_t count, const struct totals *totals)
{
    json_t *scenarios = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(scenarios, scenario_json(&outcomes[i]));
    json_t *report =
        json_pack("{s{sI sI sI sf so} so}", "summary", "passed", (json_int_t)totals->passed,
            "failed", (json_int_t)totals->failed, "skipped", (json_int_t)totals->skipped, "seconds",
            totals->seconds, "seed", seed_json(totals), "scenarios", scenarios);
    json_dumpf(report, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fprintf(stream, "\n");
    json_decref(report);
}

const struct reporter reporter_json = {"json", json_begin, json_outcome, json_end};
const struct reporter reporter_jsonl = {"jsonl", json_begin, jsonl_outcome, jsonl_end};

const struct reporter *reporter_find(const char *name)
{
    static const struct reporter *const all[] = {
        &reporter_pretty, &reporter_tap, &reporter_junit, &reporter_json, &reporter_jsonl};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
}
