/* SPDX-License-Identifier: Apache-2.0 */
/* Whole lives one after the other, interleaved: the base of most scenes. */
#include <string.h>

#include "bench/interrupt.h"
#include "bench/launch/run.h"
#include "fakes/rng.h"
#include "reference/base/mem.h"

const char *const equal_names[] = {"linux-rootfs", "floor-rootfs", "crun", "runc", NULL};

struct entrant *run_entrant(struct run *run, const char *name)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->entrants[i].takes_part && str_equal(run->entrants[i].contender->name, name))
            return &run->entrants[i];
    }
    return NULL;
}

size_t run_select(struct run *run, const char *const *names, struct entrant **into)
{
    size_t count = 0;

    for (; *names; names++) {
        struct entrant *entrant = run_entrant(run, *names);

        if (entrant)
            into[count++] = entrant;
    }
    return count;
}

struct series *run_series(struct run *run, const struct entrant *entrant, const char *measure,
    const char *scene, double x)
{
    return report_series(run->report, entrant->contender->name, measure, scene, x);
}

static int cycle(struct run *run, struct entrant *entrant, struct container *place,
    const char *scene, double x, bool keep, struct err *err)
{
    struct lifecycle times;
    int r = container_cycle(place, entrant->contender, entrant->data, &times, err);

    if (r < 0)
        return err_wrap(err, r, "%s", entrant->contender->name);
    if (keep) {
        series_add(run_series(run, entrant, "launch_us", scene, x), times.launch_us);
        series_add(run_series(run, entrant, "lifecycle_us", scene, x), times.lifecycle_us);
    }
    return 0;
}

/* The end of one that stays, by a call. */
static int start_and_stop(
    struct run *run, struct entrant *entrant, struct container *place, bool keep, struct err *err)
{
    double us = 0;
    int r = container_start(place, entrant->contender, entrant->data, err);

    if (r == 0)
        r = container_stop(place, entrant->contender, entrant->data, &us, err);
    if (r < 0)
        return err_wrap(err, r, "%s", entrant->contender->name);
    if (keep)
        series_add(run_series(run, entrant, "destroy_us", "", 0), us);
    return 0;
}

/* Two places of each entrant: [0] for a whole life, [1] for one that stays. */
typedef struct container pair[2];

static int places_open(
    struct run *run, struct entrant *const *entrants, size_t count, pair *places, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        for (size_t k = 0; r == 0 && k < 2; k++)
            r = container_open(&places[i][k], &run->world, entrants[i]->contender,
                entrants[i]->data, k, k == 1, err);
    }
    return r;
}

static void places_close(struct entrant *const *entrants, size_t count, pair *places)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 2; k++)
            container_close(&places[i][k], entrants[i]->contender, entrants[i]->data);
    }
}

/* A new order in each round, so that nobody has always the same one before it: the kernel's grace
 * periods and caches make a difference to who comes next. */
static void shuffle(size_t *order, size_t count, struct rng *rng)
{
    for (size_t i = count; i > 1; i--) {
        const size_t k = rng_below(rng, "order", i);
        const size_t last = order[i - 1];

        order[i - 1] = order[k];
        order[k] = last;
    }
}

/* The ends by a call only where scene is "". */
static int rounds(struct run *run, struct entrant *const *entrants, size_t count, pair *places,
    const char *scene, double x, size_t samples, struct err *err)
{
    const size_t warmup = run->settings->warmup;
    size_t order[ENTRANTS_MAX];
    struct rng rng;
    int r = 0;

    for (size_t i = 0; i < count; i++)
        order[i] = i;
    rng_init(&rng, 7);
    for (size_t round = 0; r == 0 && round < warmup + samples && !interrupted(); round++) {
        const bool keep = round >= warmup;

        shuffle(order, count, &rng);
        progress(&run->settings->output, "%s %.6g: round %zu of %zu",
            scene[0] ? scene : "sequential", x, round + 1, warmup + samples);
        for (size_t i = 0; r == 0 && i < count && !interrupted(); i++) {
            const size_t k = order[i];

            r = cycle(run, entrants[k], &places[k][0], scene, x, keep, err);
            if (r == 0 && !scene[0])
                r = start_and_stop(run, entrants[k], &places[k][1], keep, err);
        }
    }
    rng_release(&rng);
    return r;
}

int measure_cycles(struct run *run, struct entrant *const *entrants, size_t count,
    const char *scene, double x, size_t samples, struct err *err)
{
    _cleanup_free_ pair *places = mem_alloc(count * sizeof(*places) + 1);
    int r;

    for (size_t i = 0; i < count; i++)
        places[i][0].told = places[i][1].told = -1;
    r = places_open(run, entrants, count, places, err);
    if (r == 0)
        r = rounds(run, entrants, count, places, scene, x, samples, err);
    places_close(entrants, count, places);
    return r;
}

int scene_sequential(struct run *run, struct err *err)
{
    static const char *const measures[] = {"launch_us", "lifecycle_us", "destroy_us"};
    struct entrant *all[ENTRANTS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < run->count; i++) {
        if (!run->entrants[i].takes_part)
            continue;
        all[count++] = &run->entrants[i];
        for (size_t k = 0; k < ARRAY_SIZE(measures);
             k++) /* told in this order, not in a drawn one */
            run_series(run, &run->entrants[i], measures[k], "", 0);
    }
    return measure_cycles(run, all, count, "", 0, run->settings->samples, err);
}
