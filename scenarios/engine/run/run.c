/* SPDX-License-Identifier: Apache-2.0 */
/* The run itself: opens a world, plays steps, lets time pass. */
#include "scenarios/engine/run/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/base/mem.h"
#include "scenarios/engine/run/operation.h"
#include "scenarios/engine/steps/step.h"

#define PATIENCE_MAX 100
#define SETTLE_LOOKS 4
#define SETTLE_ROUNDS 10

#define VIRTUAL_TIMEOUT_NS (3600 * NS_PER_SEC)
#define REAL_TIMEOUT_NS (120 * NS_PER_SEC)
/* Steps of the loop without end at one instant are a livelock. */
#define LOOP_STEPS_MAX UINT64_C(20000000)
#define WALL_SECONDS_MAX 120

static void run_trace_line(void *arg, const char *line)
{
    struct run *run = arg;
    invariants_line(run, line);
    if (!run->keep_trace)
        return;
    run->trace_lines = mem_grow(
        run->trace_lines, &run->trace_capacity, run->trace_count + 2, sizeof(*run->trace_lines));
    run->trace_lines[run->trace_count++] = str_dup(line);
}

/* Only an `expect` about the past needs the whole trace. */
static bool wants_trace(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->steps_count; i++) {
        const struct node *args = scenario->steps[i].args;
        if (node_get(args, "order") || node_get(args, "traced") || node_get(args, "updates"))
            return true;
    }
    return false;
}

int run_open(struct run *run, const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct err *err)
{
    const struct world_options world_options = {.agent = scenario->agent,
        .seed = options->seed,
        .needs = scenario->needs,
        .cgroups = options->cgroups,
        .layout = options->layout,
        .fold_world = options->fold_world};
    *run = (struct run){.scenario = scenario,
        .options = options,
        .known = strmap_new(),
        .labels = strmap_new(),
        .spawned = strmap_new(),
        .ranks = strmap_new(),
        .lifecycles = strmap_new(),
        .keep_trace = options->keep_trace || wants_trace(scenario)};
    list_init(&run->operations);
    list_init(&run->sessions);
    flags_init(&run->flags);
    int result = backend->world_new(&world_options, &run->world, err);
    if (result < 0)
        return result;
    trace_set_sink(run->world->trace, run_trace_line, run);
    run->world->ops->flags(run->world, &run->flags);
    return agent_flags_apply(run, scenario->agent, err);
}

void effect_record_release(struct effect_record *record)
{
    free(record->subject);
    free(record->detail);
}

void run_close(struct run *run)
{
    instance_crash(run);
    attach_sessions_free(run);
    if (run->world) {
        trace_set_sink(run->world->trace, NULL, NULL);
        run->world->ops->free(run->world);
    }
    operations_free(run);
    known_free_all(run);
    strmap_free(run->labels);
    strmap_free(run->spawned);
    lifecycles_forget(run);
    outside_forget(run);
    strmap_free(run->ranks);
    strmap_free(run->lifecycles);
    flags_release(&run->flags);
    fault_plan_release(&run->faults);
    for (size_t i = 0; i < run->effect_records_count; i++)
        effect_record_release(&run->effect_records[i]);
    free(run->effect_records);
    for (size_t i = 0; i < run->trace_count; i++)
        free(run->trace_lines[i]);
    free(run->trace_lines);
    free(run->deferred);
    free(run->violation);
    *run = (struct run){0};
}

void run_notice(struct run *run)
{
    if (run->instance.host && run->instance.host->gone && run->instance.agent) {
        run->world->crashed = true;
        instance_crash(run);
    }
}

bool run_step(struct run *run)
{
    bool more = loop_step(run->world->loop);
    run_notice(run);
    return more;
}

/* So many times longer than elsewhere things may take: emulated machines are slow. It costs nothing
 * where they come. */
static uint64_t patience(const struct run *run)
{
    const char *text = run->world->virtual_time ? NULL : getenv("SEATRIAL_PATIENCE");
    unsigned long times = text ? strtoul(text, NULL, 10) : 1;
    return times >= 1 && times <= PATIENCE_MAX ? times : 1;
}

static uint64_t timeout_of(const struct run *run, uint64_t asked_ns)
{
    if (asked_ns)
        return asked_ns;
    uint64_t own = node_amount(run->scenario->root, "timeout", 0);
    if (own)
        return own;
    if (run->options->timeout_ns)
        return run->options->timeout_ns;
    if (run->world->backend->timeout_ns)
        return run->world->backend->timeout_ns;
    return run->world->virtual_time ? VIRTUAL_TIMEOUT_NS : REAL_TIMEOUT_NS;
}

static uint64_t run_timeout(const struct run *run, uint64_t asked_ns)
{
    return timeout_of(run, asked_ns) * patience(run);
}

const char *run_beyond(const struct run *run)
{
    const struct world_ops *ops = run->world ? run->world->ops : NULL;
    return ops && ops->beyond ? ops->beyond(run->world) : NULL;
}

static void deadline_passed(void *arg)
{
    *(bool *)arg = true;
}

/*
 * On a real kernel the world also changes without a word to our loop (a workload writes a file), so
 * somebody has to look again and again.
 */
#define LOOK_AGAIN_NS (5 * NS_PER_MS)

struct ticker {
    struct loop *loop;
    struct loop_timer *timer;
};

static void ticker_tick(void *arg)
{
    struct ticker *ticker = arg;
    ticker->timer = loop_timer_start(ticker->loop, LOOK_AGAIN_NS, ticker_tick, ticker);
}

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int run_stuck(struct run *run, const char *what, const char *why, struct err *err)
{
    _cleanup_free_ char *waits = run_describe(run);
    size_t length = strlen(waits);
    if (length)
        waits[length - 1] = '\0';
    return err_set(err, -ETIMEDOUT, "expected %s, but %s\n%s", what, why, waits);
}

int run_until(struct run *run, run_condition done, void *arg, uint64_t timeout_ns, const char *what,
    struct err *err)
{
    if (done(run, arg))
        return 0;
    bool late = false;
    uint64_t steps = 0;
    double wall_end = wall_seconds() + WALL_SECONDS_MAX * (double)patience(run);
    struct loop *loop = run->world->loop;
    uint64_t limit_ns = run_timeout(run, timeout_ns);
    struct loop_timer *timer = loop_timer_start(loop, limit_ns, deadline_passed, &late);
    struct ticker ticker = {loop, NULL};
    if (!run->world->virtual_time)
        ticker_tick(&ticker);
    const char *why = NULL;
    bool came = false;
    while (!why && !came) {
        run_step(run);
        came = done(run, arg);
        steps++;
        if (late)
            why = "it did not come in time";
        else if (!run->ending && run_beyond(run))
            why = "the world can't do all that it was asked for";
        else if (steps > LOOP_STEPS_MAX || (steps % 4096 == 0 && wall_seconds() > wall_end))
            why = "the world turns in circles";
    }
    if (!late)
        loop_timer_stop(loop, timer);
    loop_timer_stop(loop, ticker.timer);
    return came ? 0 : run_stuck(run, what, why, err);
}

bool run_along(struct run *run, run_condition broken, void *arg, uint64_t duration_ns)
{
    bool late = false;
    struct loop *loop = run->world->loop;
    struct loop_timer *timer = loop_timer_start(loop, duration_ns, deadline_passed, &late);
    struct ticker ticker = {loop, NULL};
    if (!run->world->virtual_time)
        ticker_tick(&ticker);
    bool held = !broken(run, arg);
    while (held && !late) {
        run_step(run);
        held = late || !broken(run, arg);
    }
    if (!late)
        loop_timer_stop(loop, timer);
    loop_timer_stop(loop, ticker.timer);
    return held;
}

void run_for(struct run *run, uint64_t duration_ns)
{
    bool late = false;
    if (duration_ns == 0)
        return;
    loop_timer_start(run->world->loop, duration_ns, deadline_passed, &late);
    while (!late)
        run_step(run);
}

/* A process that runs, or that waits for a disk, is about to do something. */
static bool processes_busy(struct world *world)
{
    size_t count = 0;
    bool busy = false;
    _cleanup_free_ struct process_info *list = world->ops->processes(world, &count);
    for (size_t i = 0; i < count && !busy; i++)
        busy = strchr("RD", list[i].state) != NULL;
    return busy;
}

/* A real machine tells of no next event: it is left alone until its processes have been asleep
 * whenever somebody looked. Those that compute for ever are given up soon. */
static void settle_real(struct run *run, uint64_t quiet_ns)
{
    bool busy = true;
    for (int round = 0; busy && round < SETTLE_ROUNDS; round++) {
        busy = false;
        for (int look = 0; look < SETTLE_LOOKS; look++) {
            run_for(run, quiet_ns / SETTLE_LOOKS);
            busy = (quiet_ns && processes_busy(run->world)) || busy;
        }
    }
}

void run_settle(struct run *run, uint64_t quiet_ns, uint64_t limit_ns)
{
    struct world *world = run->world;
    if (!world->ops->next_ns) {
        settle_real(run, quiet_ns);
        return;
    }
    uint64_t end_ns = loop_now_ns(world->loop) + limit_ns;
    for (;;) {
        uint64_t now_ns = loop_now_ns(world->loop);
        uint64_t next_ns = world->ops->next_ns(world);
        if (next_ns == UINT64_MAX || next_ns > now_ns + quiet_ns || next_ns > end_ns)
            break;
        run_step(run);
    }
}

int run_steps(struct run *run, struct err *err)
{
    const struct scenario *scenario = run->scenario;
    for (size_t i = 0; i < scenario->steps_count; i++) {
        const struct step *step = &scenario->steps[i];
        run->step = step;
        run->step_index = i;
        trace_event(run->world->trace, "engine", "step", 0, "name=%s line=%d", step->spec->name,
            step->at->line);
        int result = step->spec->run(run, step, err);
        run_notice(run);
        if (run->point_hit && !instance_alive(run) && run->lenient) {
            err_clear(err);
            run->cut_short = true;
            return 0;
        }
        if (run->lenient)
            err_clear(err);
        else if (result < 0)
            return result;
        if (run->violation && !run->lenient)
            return err_set(err, -EPROTO, "%s", run->violation);
    }
    return 0;
}
