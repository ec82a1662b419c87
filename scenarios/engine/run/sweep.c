/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/run/sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/steps/step.h"

struct recording {
    struct effect_record *records;
    size_t count;
};

/* One play without a fault, to learn which effects there are. */
static void record_effects(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct recording *ret_recording)
{
    *ret_recording = (struct recording){0};
    struct run run;
    _cleanup_err_ struct err err = ERR_INIT;
    if (run_open(&run, scenario, backend, options, &err) == 0) {
        run.record_effects = true;
        run_play(&run, &err);
        run.record_effects = false;
        run_teardown(&run, true, &err);
        ret_recording->records = TAKE_PTR(run.effect_records);
        ret_recording->count = run.effect_records_count;
        run.effect_records_count = 0;
    }
    run_close(&run);
}

static void recording_release(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++)
        effect_record_release(&recording->records[i]);
    free(recording->records);
}

/*
 * Plays with a fault at one effect. Outcomes are not judged: what counts is that the agent (a new
 * one if it crashed) can end everything, and that nothing is left. A wait that cannot end is given
 * up after a while: teardown then has to manage.
 */
static int play_point(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, const struct fault_point *point, struct err *err)
{
    struct run_options own = *options;
    own.keep_trace = false;
    if (point->verdict.delay_ns == UINT64_MAX)
        own.timeout_ns = 600 * NS_PER_SEC;
    struct run run;
    _cleanup_err_ struct err ignored = ERR_INIT;
    int result = run_open(&run, scenario, backend, &own, err);
    if (result == 0) {
        run.point = *point;
        run.lenient = true;
        run.crash_expected = true;
        run_play(&run, &ignored);
        run.point.number = 0;
        if (point->verdict.delay_ns == UINT64_MAX)
            instance_crash(&run);
        result = run_teardown(&run, false, err);
    }
    run_close(&run);
    return result;
}

static bool step_in_sweep(
    const struct scenario *scenario, const char *which, const struct effect_record *record)
{
    return !which || strcmp(which, "all") == 0 ||
           strcmp(scenario->steps[record->step].spec->name, which) == 0;
}

static bool action_in_sweep(const struct node *sweep, const char *action)
{
    size_t count;
    struct node *const *actions = node_list(sweep, "actions", &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(actions[i]->text, action) == 0)
            return true;
    }
    return count == 0;
}

static void sweep_failure(const struct scenario *scenario, const struct effect_record *record,
    uint64_t number, const char *action, const struct err *err, struct run_report *report)
{
    const struct step *step = &scenario->steps[record->step];
    report->result = RUN_FAILED;
    report->file = str_dup(step->at->file);
    report->line = step->at->line;
    report->reason = str_printf("sweep: %s effect %" PRIu64 " (%s %s) of the step %s: %s", action,
        number, effect_kind_names[record->kind], record->subject ? record->subject : "",
        step->spec->name, err_text(err));
}

/*
 * An agent in a process of its own is killed by itself, before its first effect, its second, and so
 * on, until it has no more. Which step an effect belongs to cannot be told: all are swept.
 */
static void sweep_killing(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *report)
{
    bool crashed = true;
    for (uint64_t number = 1; crashed && report->result == RUN_PASSED; number++) {
        struct run run;
        _cleanup_err_ struct err ignored = ERR_INIT;
        _cleanup_err_ struct err err = ERR_INIT;
        int result = run_open(&run, scenario, backend, options, &err);
        crashed = false;
        if (result == 0) {
            run.lenient = true;
            run.crash_expected = true;
            run.world->crash_at = number;
            run_play(&run, &ignored);
            run_notice(&run);
            crashed = run.world->crashed;
            result = run_teardown(&run, false, &err);
        }
        run_close(&run);
        if (result == 0)
            continue;
        report->result = RUN_FAILED;
        report->file = str_dup(scenario->file);
        report->line = scenario->line;
        report->reason = str_printf("sweep: the agent is killed before its effect %" PRIu64 ": %s",
            number, err_text(&err));
    }
}

void scenario_sweep(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *report)
{
    static const struct {
        const char *name;
        enum effect_action action;
    } actions[] = {{"crash before", EFFECT_CRASH_BEFORE}, {"crash after", EFFECT_CRASH_AFTER}};
    const struct node *sweep = node_get(scenario->root, "sweep");
    const char *which = node_text(sweep, "effects");
    struct recording recording;
    const char *reason = NULL;
    if (!backend->has(CAPABILITY_FAULTS, &reason)) {
        sweep_killing(scenario, backend, options, report);
        return;
    }
    record_effects(scenario, backend, options, &recording);
    uint64_t points = 0;
    for (size_t i = 0; i < recording.count && report->result == RUN_PASSED; i++) {
        if (!step_in_sweep(scenario, which, &recording.records[i]))
            continue;
        for (size_t k = 0; k < ARRAY_SIZE(actions) && report->result == RUN_PASSED; k++) {
            if (!action_in_sweep(sweep, actions[k].name))
                continue;
            const struct fault_point point = {i + 1, {.action = actions[k].action}};
            _cleanup_err_ struct err err = ERR_INIT;
            points++;
            if (play_point(scenario, backend, options, &point, &err) < 0)
                sweep_failure(
                    scenario, &recording.records[i], i + 1, actions[k].name, &err, report);
        }
    }
    if (report->result == RUN_PASSED && points == 0) {
        report->result = RUN_FAILED;
        report->reason = str_dup("sweep: expected effects to crash at, but there are none");
        report->file = str_dup(scenario->file);
        report->line = scenario->line;
    }
    recording_release(&recording);
}

static void torture_failed(struct torture_report *report, uint64_t number,
    const struct effect_record *record, const struct fault *fault, const struct err *err)
{
    report->failures =
        mem_realloc(report->failures, (report->failures_count + 1) * sizeof(*report->failures));
    report->failures[report->failures_count++] =
        (struct torture_failure){number, effect_kind_names[record->kind], fault->name,
            str_dup(record->subject), str_dup(err_text(err))};
}

static bool point_wanted(const char *only, uint64_t number, const struct fault *fault)
{
    if (!only)
        return true;
    _cleanup_free_ char *name = str_printf("%" PRIu64 ":%s", number, fault->name);
    return strcmp(name, only) == 0;
}

void scenario_torture(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, const char *only, struct torture_report *ret_report)
{
    *ret_report = (struct torture_report){0};
    struct recording recording;
    record_effects(scenario, backend, options, &recording);
    for (size_t i = 0; i < recording.count; i++) {
        for (size_t k = 0; k < fault_atlas_count; k++) {
            const struct fault *fault = &fault_atlas[k];
            const struct effect_record *record = &recording.records[i];
            if (!fault_fits(fault, record->kind, record->detail) ||
                !point_wanted(only, i + 1, fault))
                continue;
            const struct fault_point point = {i + 1, fault->verdict};
            _cleanup_err_ struct err err = ERR_INIT;
            ret_report->points++;
            if (play_point(scenario, backend, options, &point, &err) < 0)
                torture_failed(ret_report, i + 1, &recording.records[i], fault, &err);
            else
                ret_report->survived++;
        }
    }
    recording_release(&recording);
}

void torture_report_release(struct torture_report *report)
{
    for (size_t i = 0; i < report->failures_count; i++) {
        free(report->failures[i].subject);
        free(report->failures[i].reason);
    }
    free(report->failures);
    *report = (struct torture_report){0};
}
