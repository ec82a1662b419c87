/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/report/report.h"

const char *const verdict_names[] = {"passed", "failed", "skipped"};

void totals_add(struct totals *totals, const struct outcome *outcome)
{
    size_t *const counts[] = {&totals->passed, &totals->failed, &totals->skipped};
    ++*counts[outcome->report.result];
    totals->points += outcome->torture.points;
    totals->survived += outcome->torture.survived;
}

/* In single quotes for a shell. */
static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_add(out, "'");
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_add(out, "'\\''");
        else
            strbuf_add_bytes(out, text, 1);
    }
    strbuf_add(out, "'");
}

char *outcome_replay(const struct outcome *outcome, const char *point)
{
    struct strbuf out = STRBUF_INIT;
    strbuf_addf(&out, "seatrial run --backend %s --seed %" PRIu64, outcome->backend, outcome->seed);
    if (point) {
        strbuf_add(&out, " --torture --point ");
        add_quoted(&out, point);
    }
    strbuf_add(&out, " --only ");
    add_quoted(&out, outcome->scenario->name);
    strbuf_addf(
        &out, " %s # commit %s, %s", outcome->scenario->file, SEATRIAL_COMMIT, SEATRIAL_BUILD);
    return strbuf_take(&out);
}

/* Every line of a text, indented. */
static void add_indented(struct strbuf *out, const char *text, const char *indent)
{
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++)
        strbuf_addf(out, "%s%s\n", indent, lines[i]);
}

/* What the contract promises for such a fault at such an effect; NULL when the atlas has no row. */
static const char *promise_of(const struct torture_failure *failure)
{
    for (size_t i = 0; i < fault_atlas_count; i++) {
        const struct fault *fault = &fault_atlas[i];
        if (str_equal(effect_kind_names[fault->kind], failure->kind) &&
            str_equal(fault->name, failure->fault))
            return fault->promise;
    }
    return NULL;
}

static void explain_torture(struct strbuf *out, const struct outcome *outcome)
{
    const struct torture_report *torture = &outcome->torture;
    for (size_t i = 0; i < torture->failures_count; i++) {
        const struct torture_failure *failure = &torture->failures[i];
        strbuf_addf(out, "  not survived: %s at effect %" PRIu64 " (%s %s)\n", failure->fault,
            failure->effect, failure->kind, failure->subject ? failure->subject : "");
        const char *promise = promise_of(failure);
        if (promise)
            strbuf_addf(out, "    the contract promises: %s\n", promise);
        add_indented(out, failure->reason, "    ");
        _cleanup_free_ char *point = str_printf("%" PRIu64 ":%s", failure->effect, failure->fault);
        _cleanup_free_ char *replay = outcome_replay(outcome, point);
        strbuf_addf(out, "    replay: %s\n", replay);
    }
}

char *outcome_explain(const struct outcome *outcome)
{
    struct strbuf out = STRBUF_INIT;
    const struct run_report *report = &outcome->report;
    strbuf_addf(&out, "%s:%d: %s\n", report->file ? report->file : outcome->scenario->file,
        report->file ? report->line : outcome->scenario->line, outcome->scenario->name);
    add_indented(&out, report->reason ? report->reason : "", "  ");
    if (report->last_trace) {
        strbuf_add(&out, "  the last of the trace:\n");
        for (size_t i = 0; report->last_trace[i]; i++)
            strbuf_addf(&out, "    %s\n", report->last_trace[i]);
    }
    explain_torture(&out, outcome);
    if (!outcome->torture.failures_count) {
        _cleanup_free_ char *replay = outcome_replay(outcome, NULL);
        strbuf_addf(&out, "  replay: %s\n", replay);
    }
    return strbuf_take(&out);
}

static json_t *texts_encode(char *const *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; texts && texts[i]; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static char **texts_decode(const json_t *list)
{
    char **texts = NULL;
    for (size_t i = 0; i < json_array_size(list); i++)
        strv_add(&texts, json_string_value(json_array_get(list, i)));
    return texts;
}

static json_t *torture_encode(const struct torture_report *torture)
{
    json_t *failures = json_array();
    for (size_t i = 0; i < torture->failures_count; i++) {
        const struct torture_failure *failure = &torture->failures[i];
        json_array_append_new(
            failures, json_pack("{sI ss ss ss* ss}", "effect", (json_int_t)failure->effect, "kind",
                          failure->kind, "fault", failure->fault, "subject", failure->subject,
                          "reason", failure->reason));
    }
    return json_pack("{sI sI so}", "points", (json_int_t)torture->points, "survived",
        (json_int_t)torture->survived, "failures", failures);
}

json_t *outcome_encode(const struct outcome *outcome)
{
    const struct run_report *report = &outcome->report;
    return json_pack("{si ss* ss* si so so sI sI sI sf sb so}", "result", (int)report->result,
        "reason", report->reason, "file", report->file, "line", report->line, "last",
        texts_encode(report->last_trace), "trace", texts_encode(report->trace), "hash",
        (json_int_t)report->hash, "events", (json_int_t)report->events, "effects",
        (json_int_t)report->effects, "seconds", report->seconds, "tortured", (int)outcome->tortured,
        "torture", torture_encode(&outcome->torture));
}

static const char *fault_name(const char *name)
{
    for (size_t i = 0; i < fault_atlas_count; i++) {
        if (str_equal(fault_atlas[i].name, name))
            return fault_atlas[i].name;
    }
    return "?";
}

static const char *kind_name(const char *name)
{
    for (size_t i = 0; i < EFFECT_KIND_COUNT; i++) {
        if (str_equal(effect_kind_names[i], name))
            return effect_kind_names[i];
    }
    return "?";
}

static void torture_decode(const json_t *json, struct torture_report *torture)
{
    const json_t *failures = json_object_get(json, "failures");
    torture->points = (uint64_t)json_integer_value(json_object_get(json, "points"));
    torture->survived = (uint64_t)json_integer_value(json_object_get(json, "survived"));
    torture->failures_count = json_array_size(failures);
    torture->failures = mem_alloc((torture->failures_count + 1) * sizeof(*torture->failures));
    for (size_t i = 0; i < torture->failures_count; i++) {
        const json_t *item = json_array_get(failures, i);
        torture->failures[i] = (struct torture_failure){
            .effect = (uint64_t)json_integer_value(json_object_get(item, "effect")),
            .kind = kind_name(json_string_value(json_object_get(item, "kind"))),
            .fault = fault_name(json_string_value(json_object_get(item, "fault"))),
            .subject = str_dup(json_string_value(json_object_get(item, "subject"))),
            .reason = str_dup(json_string_value(json_object_get(item, "reason"))),
        };
    }
}

void outcome_decode(const json_t *json, struct outcome *outcome)
{
    struct run_report *report = &outcome->report;
    report->result = (enum verdict)json_integer_value(json_object_get(json, "result"));
    report->reason = str_dup(json_string_value(json_object_get(json, "reason")));
    report->file = str_dup(json_string_value(json_object_get(json, "file")));
    report->line = (int)json_integer_value(json_object_get(json, "line"));
    report->last_trace = texts_decode(json_object_get(json, "last"));
    report->trace = texts_decode(json_object_get(json, "trace"));
    report->hash = (uint64_t)json_integer_value(json_object_get(json, "hash"));
    report->events = (uint64_t)json_integer_value(json_object_get(json, "events"));
    report->effects = (uint64_t)json_integer_value(json_object_get(json, "effects"));
    report->seconds = json_real_value(json_object_get(json, "seconds"));
    outcome->tortured = json_is_true(json_object_get(json, "tortured"));
    torture_decode(json_object_get(json, "torture"), &outcome->torture);
}

void outcome_release(struct outcome *outcome)
{
    run_report_release(&outcome->report);
    torture_report_release(&outcome->torture);
}
