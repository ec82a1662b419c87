/* SPDX-License-Identifier: Apache-2.0 */
/* One scenario from skip or start to verdict. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/run/sweep.h"
#include "scenarios/engine/steps/step.h"

static bool backend_allowed(const struct scenario *scenario, const struct backend *backend)
{
    size_t count;
    struct node *const *only = node_list(node_get(scenario->root, "backends"), "only", &count);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(only[i]->text, backend->name) || str_equal(only[i]->text, backend->like))
            return true;
    }
    return count == 0;
}

/* Of the agent, and of its restarts that are to succeed. */
static char *isolation_lacks(const struct scenario *scenario, const struct backend *backend)
{
    char *reason = backend->lacks ? backend->lacks(scenario->agent, scenario->agent) : NULL;
    for (size_t i = 0; backend->lacks && !reason && i < scenario->steps_count; i++) {
        const struct step *step = &scenario->steps[i];
        if (str_equal(step->spec->name, "restart") &&
            !node_text(node_get(step->args, "expect"), "failed"))
            reason = backend->lacks(scenario->agent, step->args);
    }
    return reason;
}

char *scenario_skip_reason(const struct scenario *scenario, const struct backend *backend)
{
    if (!backend_allowed(scenario, backend))
        return str_printf("not for %s: %s", backend->name,
            node_text(node_get(scenario->root, "backends"), "because"));
    for (unsigned i = 0; i < CAPABILITY_COUNT; i++) {
        const char *reason = NULL;
        if ((scenario->needs & NEED(i)) && !backend->has((enum capability)i, &reason))
            return str_printf("needs %s: %s", capability_rows[i].name, reason);
    }
    return isolation_lacks(scenario, backend);
}

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void report_failure(struct run *run, const struct err *err, struct run_report *report)
{
    const struct scenario *scenario = run->scenario;
    report->result = RUN_FAILED;
    report->reason = run->step ? str_printf("%s: %s", run->step->spec->name, err_text(err))
                               : str_dup(err_text(err));
    report->file = str_dup(run->step ? run->step->at->file : scenario->file);
    report->line = run->step ? run->step->at->line : scenario->line;
    const char *line;
    for (unsigned i = 0; run->world && (line = trace_kept(run->world->trace, i)); i++)
        strv_add(&report->last_trace, line);
}

/* A failure in a world that was asked for more than it can do says nothing of anybody. */
static void forgive_beyond(struct run *run, struct run_report *report)
{
    const char *beyond = run_beyond(run);
    if (report->result != RUN_FAILED || !beyond)
        return;
    report->result = RUN_SKIPPED;
    free(report->reason);
    report->reason = str_printf("%s has no word for %s", run->world->backend->name, beyond);
    strv_free(TAKE_PTR(report->last_trace));
}

/* The agent's own start, which a scenario may expect to fail. */
static int first_start(struct run *run, bool *ret_done, struct err *err)
{
    const struct node *expect = node_get(run->scenario->agent, "expect");
    const char *failed = node_text(expect, "failed");
    int result = instance_start(run, err);
    *ret_done = false;
    if (!failed)
        return result;
    if (result == 0)
        return err_set(err, -EPROTO, "expected the agent to fail with %s, but it started", failed);
    if (!match_text(failed, err_text(err)))
        return err_wrap(err, -EPROTO, "expected the agent to fail with %s, but", failed);
    err_clear(err);
    *ret_done = true;
    return 0;
}

int run_play(struct run *run, struct err *err)
{
    bool done = false;
    int result = first_start(run, &done, err);
    if (result == 0 && !done)
        result = run_steps(run, err);
    return result;
}

static void run_finish(struct run *run, struct run_report *report)
{
    if (!run->world)
        return;
    report->hash = trace_hash(run->world->trace);
    report->events = trace_count(run->world->trace);
    report->effects = run->effects;
    if (run->options->keep_trace && run->trace_lines) {
        report->trace = run->trace_lines;
        run->trace_lines = NULL;
        run->trace_count = 0;
        run->trace_capacity = 0;
    }
}

static void scenario_play(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *report)
{
    struct run run;
    _cleanup_err_ struct err err = ERR_INIT;
    int result = run_open(&run, scenario, backend, options, &err);
    if (result == 0) {
        result = run_play(&run, &err);
        if (result < 0)
            report_failure(&run, &err, report);
        int ended = run_teardown(&run, result < 0, &err);
        if (result == 0 && ended < 0)
            report_failure(&run, &err, report);
    } else {
        report_failure(&run, &err, report);
    }
    run_finish(&run, report);
    forgive_beyond(&run, report);
    run_close(&run);
}

void scenario_run(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *ret_report)
{
    *ret_report = (struct run_report){.file = NULL};
    ret_report->reason = scenario_skip_reason(scenario, backend);
    if (ret_report->reason) {
        ret_report->result = RUN_SKIPPED;
        return;
    }
    double start = wall_seconds();
    scenario_play(scenario, backend, options, ret_report);
    if (ret_report->result == RUN_PASSED && node_get(scenario->root, "sweep"))
        scenario_sweep(scenario, backend, options, ret_report);
    ret_report->seconds = wall_seconds() - start;
}

void run_report_release(struct run_report *report)
{
    free(report->reason);
    free(report->file);
    strv_free(report->last_trace);
    strv_free(report->trace);
    *report = (struct run_report){0};
}
