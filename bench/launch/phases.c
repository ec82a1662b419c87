/* SPDX-License-Identifier: Apache-2.0 */
/* Where a lifecycle's time goes, by the kernel's timestamps where these can be had, else by the
 * trace. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bench/interrupt.h"
#include "bench/launch/phases.h"
#include "reference/base/mem.h"

#define PHASE_SAMPLES 50

/* Points that need no source; those of the source follow. */
enum { RUNNING, GONE, FIRST };
static const char *const own_phases[] = {
    [RUNNING] = "until the payload runs", [GONE] = "until the caller knows"};

#define POINTS_ALL (FIRST + POINTS_MAX)

/* An entrant with its place and, of each container, the microseconds of its points after the call;
 * NAN: was not seen. */
struct watched {
    struct entrant *entrant;
    struct container place;
    double us[PHASE_SAMPLES][POINTS_ALL];
    size_t count;
};

/* Whether all the points that are kept were seen in that container. */
static bool is_whole(const double *us, const bool *kept)
{
    for (size_t i = 0; i < POINTS_ALL; i++) {
        if (kept[i] && isnan(us[i]))
            return false;
    }
    return true;
}

static size_t seen_count(const struct watched *watched, size_t point)
{
    size_t count = 0;

    for (size_t i = 0; i < watched->count; i++)
        count += !isnan(watched->us[i][point]);
    return count;
}

/* Medians are of the same containers for all points, so that they are in the order in which the
 * points were passed. A point that is seen in less than half of the containers is none, and where
 * less than half have all the others, the one seen least is given up. The number of whole ones. */
static size_t points_choose(const struct watched *watched, bool *kept)
{
    size_t whole;

    for (size_t i = 0; i < POINTS_ALL; i++)
        kept[i] = seen_count(watched, i) * 2 >= watched->count && seen_count(watched, i) > 0;
    for (;;) {
        size_t least = RUNNING;

        whole = 0;
        for (size_t i = 0; i < watched->count; i++)
            whole += is_whole(watched->us[i], kept);
        if (whole * 2 >= watched->count)
            return whole;
        for (size_t i = FIRST; i < POINTS_ALL; i++) {
            if (kept[i] && seen_count(watched, i) < seen_count(watched, least))
                least = i;
        }
        kept[least] = false;
    }
}

struct reached {
    const char *phase;
    double us;
};

static int by_time(const void *a, const void *b)
{
    const double x = ((const struct reached *)a)->us, y = ((const struct reached *)b)->us;

    return (x > y) - (x < y);
}

static double point_median(const struct watched *watched, const bool *kept, size_t point)
{
    double values[PHASE_SAMPLES];
    size_t count = 0;

    for (size_t i = 0; i < watched->count; i++) {
        if (is_whole(watched->us[i], kept))
            values[count++] = watched->us[i][point];
    }
    return median_of(values, count);
}

/* A phase lies between two points that follow each other. */
static void phases_add(
    struct run *run, const struct watched *watched, const struct phase_source *source)
{
    struct reached reached[POINTS_ALL];
    bool kept[POINTS_ALL];
    size_t count = 0;
    double before = 0;

    if (watched->count == 0 || points_choose(watched, kept) == 0)
        return;
    for (size_t i = 0; i < POINTS_ALL; i++) {
        if (kept[i])
            reached[count++] =
                (struct reached){i < FIRST ? own_phases[i] : source->phases[i - FIRST],
                    point_median(watched, kept, i)};
    }
    qsort(reached, count, sizeof(*reached), by_time);
    for (size_t i = 0; i < count; i++) {
        report_phase(run->report, watched->entrant->contender->name, reached[i].phase,
            reached[i].us - before);
        before = reached[i].us;
    }
}

static int watch_one(
    struct watched *watched, const struct phase_source *source, void *data, struct err *err)
{
    struct entrant *entrant = watched->entrant;
    struct container *place = &watched->place;
    double *us = watched->us[watched->count];
    struct lifecycle times;
    int r;

    for (size_t i = 0; i < POINTS_ALL; i++)
        us[i] = NAN;
    if (source->begin)
        source->begin(data, entrant);
    r = container_cycle(place, entrant->contender, entrant->data, &times, err);
    if (r < 0)
        return err_wrap(err, r, "phases of %s", entrant->contender->name);
    us[RUNNING] = times.launch_us;
    us[GONE] = times.lifecycle_us;
    source->end(data, entrant, place->called_ns,
        place->called_ns + (uint64_t)(times.lifecycle_us * 1e3), us + FIRST);
    watched->count++;
    return 0;
}

/* In turns, as in all scenes. */
static int watch_all(struct run *run, struct watched *all, size_t count,
    const struct phase_source *source, void *data, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = container_open(&all[i].place, &run->world, all[i].entrant->contender,
            all[i].entrant->data, 0, false, err);
    for (size_t round = 0; r == 0 && round < PHASE_SAMPLES && !interrupted(); round++) {
        progress(&run->settings->output, "phases: round %zu of %d", round + 1, PHASE_SAMPLES);
        for (size_t i = 0; r == 0 && i < count && !interrupted(); i++)
            r = watch_one(&all[i], source, data, err);
    }
    return r;
}

/* What is asked for, or the first that can be had; what that can't be had is told. */
static const struct phase_source *source_open(struct run *run, void **ret_data)
{
    _cleanup_err_ struct err problem = ERR_INIT;

    if (!str_equal(run->settings->phases, "trace")) {
        if (phases_kernel.open(run, ret_data, &problem) == 0)
            return &phases_kernel;
        phases_kernel.close(*ret_data);
        report_missing(run->report, "phases by the kernel's timestamps", err_text(&problem));
    }
    phases_trace.open(run, ret_data, NULL);
    return &phases_trace;
}

int scene_phases(struct run *run, struct err *err)
{
    static const char *const names[] = {"floor-plain", "linux-plain", "floor", "linux", "floor-ns",
        "linux-ns", "floor-rootfs", "linux-rootfs", "crun", "runc", NULL};
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, names, entrants);
    _cleanup_free_ struct watched *all = mem_alloc((count + 1) * sizeof(*all));
    const struct phase_source *source;
    void *data;
    int r;

    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        all[i] = (struct watched){.entrant = entrants[i], .place = {.told = -1}};
    source = source_open(run, &data);
    run->report->phase_source = str_dup(source->name);
    r = watch_all(run, all, count, source, data, err);
    source->close(data);
    for (size_t i = 0; i < count; i++) {
        phases_add(run, &all[i], source);
        container_close(&all[i].place, entrants[i]->contender, entrants[i]->data);
    }
    return r;
}
