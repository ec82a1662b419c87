/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/perf_event: counters of the CPU and the kernel for each container, by `perf stat`, which
 * samples all of them at once now and then (isolators.md 3.10, statistics.md 2.5). Without
 * --perf_events it only places processes.
 */
#include <errno.h>
#include <inttypes.h>

#include "reference/base/log.h"
#include "reference/isolators/cgroups/perf_parse.h"
#include "reference/isolators/cgroups/subsystem.h"
#include "reference/isolators/program.h"

/* Beyond the sample itself, twice what upstream takes at most to notice an exit. */
#define GRACE_NS (UINT64_C(2) * 1000 * 1000 * 1000)

struct perf {
    struct host *host;
    char *program;
    char **events; /* as given */
    uint64_t interval_ns;
    uint64_t duration_ns;
    struct strmap *containers; /* path -> struct perf_container * */
    struct host_request *timer;
    struct host_request *run; /* a sample under way */
    double started;           /* seconds since the epoch */
};
struct perf_container {
    char *path;
    json_t *sample; /* the last one */
};

static json_t *sample_new(double timestamp, double duration)
{
    return json_pack("{s:f,s:f}", "timestamp", timestamp, "duration", duration);
}

/* --- samples --- */

static void samples_take(struct perf *perf, const json_t *samples)
{
    size_t cursor = 0;
    const char *path;
    void *value;

    while (strmap_next(perf->containers, &cursor, &path, &value)) {
        struct perf_container *container = value;
        json_t *counters = json_object_get(samples, path);

        if (!counters)
            continue; /* it came while the sample was under way */
        json_decref(container->sample);
        container->sample = sample_new(perf->started, (double)perf->duration_ns / 1e9);
        json_object_update(container->sample, counters);
    }
}

static void sampled(void *arg, int result, const void *value, const struct err *from)
{
    struct perf *perf = arg;
    const struct run_result *run = value;
    _cleanup_err_ struct err err = ERR_INIT;
    json_t *samples = NULL;

    perf->run = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0 && from)
        err_copy(&err, from);
    else if (run->timed_out)
        result = err_set(&err, -ETIMEDOUT, "perf took too long");
    else if (run->status != 0)
        result = err_set(&err, -EIO, "perf (wait status %d): %s", run->status, run->errors);
    else
        result = perf_parse(run->output, &samples, &err);
    if (result < 0)
        log_warning("no sample of perf events: %s", err_text(&err));
    else
        samples_take(perf, samples);
    json_decref(samples);
}

static void sample_start(struct perf *perf)
{
    _cleanup_strv_ char **argv = NULL;
    size_t cursor = 0;
    const char *path;
    void *container;

    strv_add(&argv, perf->program);
    for (const char *const *word = (const char *const[]){"stat", "--all-cpus", "--field-separator",
             PERF_SEPARATOR, "--log-fd", "1", NULL};
         *word; word++)
        strv_add(&argv, *word);
    while (strmap_next(perf->containers, &cursor, &path, &container)) {
        for (char *const *event = perf->events; event && *event; event++) {
            strv_add(&argv, "--event");
            strv_add(&argv, *event);
            strv_add(&argv, "--cgroup");
            strv_add(&argv, path);
        }
    }
    strv_add(&argv, "--");
    strv_add(&argv, "sleep");
    strv_add_owned(&argv, str_printf("%g", (double)perf->duration_ns / 1e9));
    const struct run_request request = {
        .argv = argv, .timeout_ns = perf->duration_ns + GRACE_NS};
    perf->started = host_wall_time(perf->host);
    perf->run = host_run(perf->host, &request, DONE(sampled, perf));
}

static void timer_due(void *arg, int result)
{
    struct perf *perf = arg;

    perf->timer = NULL;
    if (result < 0 || strmap_count(perf->containers) == 0)
        return;
    perf->timer = host_timer(perf->host, perf->interval_ns, timer_due, perf);
    if (!perf->run) /* else it takes longer than the interval: this sample is left out */
        sample_start(perf);
}

/* --- containers --- */

static int perf_register(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    struct perf *perf = subsystem->data;
    struct perf_container *state;

    (void)err;
    if (!perf)
        return 0;
    state = mem_alloc(sizeof(*state));
    state->path = str_dup(container->path);
    state->sample = sample_new(0, 0);
    container->states[subsystem->index] = state;
    strmap_set(perf->containers, state->path, state);
    if (!perf->timer)
        perf->timer = host_timer(perf->host, 0, timer_due, perf);
    return 0;
}

/* v2 does not list this controller in any file, so a recovered container is not known to have been
 * sampled, and is not from here on (isolators.md 4). */
static int perf_recover(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    return subsystem->v2 ? 0 : perf_register(subsystem, container, err);
}

static int perf_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    const struct perf_container *state = container->states[subsystem->index];

    (void)err;
    if (state)
        into->perf = json_deep_copy(state->sample);
    return 0;
}

static void perf_cleanup(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct perf *perf = subsystem->data;
    struct perf_container *state = container->states[subsystem->index];

    if (!state)
        return;
    strmap_remove(perf->containers, state->path);
    if (strmap_count(perf->containers) == 0) {
        host_cancel(TAKE_PTR(perf->timer));
        host_cancel(TAKE_PTR(perf->run)); /* nobody is left to be told */
    }
    json_decref(state->sample);
    free(state->path);
    free(state);
    container->states[subsystem->index] = NULL;
}

/* --- birth and end --- */

static int events_check(char *const *events, struct err *err)
{
    for (; events && *events; events++) {
        _cleanup_free_ char *name = perf_event_normalize(*events);
        const char *near = perf_event_suggest(name);
        bool fraction;

        if (!perf_event_find(name, &fraction))
            return err_set(err, -EINVAL, "perf_events: unknown event \"%s\"%s%s%s", *events,
                near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

static int perf_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    const struct flags *flags = &subsystem->object->flags;
    struct host *host = subsystem->object->base.host;
    _cleanup_strv_ char **events = flags->perf_events ? strv_split(flags->perf_events, ",") : NULL;
    _cleanup_free_ char *program = events ? agent_program_find(host, "perf") : NULL;
    struct perf *perf;
    int r = events_check(events, err);

    if (r < 0 || !events)
        return r;
    if (!program)
        return err_set(err, -ENOENT, "perf_events: the program perf is not there");
    perf = mem_alloc(sizeof(*perf));
    *perf = (struct perf){.host = host,
        .program = TAKE_PTR(program),
        .events = TAKE_PTR(events),
        .interval_ns = flags->perf_interval_ns,
        .duration_ns = flags->perf_duration_ns,
        .containers = strmap_new()};
    subsystem->data = perf;
    return 0;
}

static void perf_free(struct cgroup_subsystem *subsystem)
{
    struct perf *perf = subsystem->data;

    if (!perf)
        return;
    host_cancel(perf->timer);
    host_cancel(perf->run);
    strmap_free(perf->containers);
    strv_free(perf->events);
    free(perf->program);
    free(perf);
}

const struct cgroup_subsystem_ops cgroup_perf_event_ops = {
    .name = "perf_event",
    .controller_v1 = "perf_event",
    .controller_v2 = "", /* on everywhere */
    .create = perf_create,
    .prepare = perf_register,
    .recover = perf_recover,
    .usage = perf_usage,
    .cleanup = perf_cleanup,
    .free = perf_free,
};
