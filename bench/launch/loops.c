/* SPDX-License-Identifier: Apache-2.0 */
/* The scenes with many containers at once: batches, closed and open loops, a minute, a burst. */
#include <unistd.h>

#include "bench/bench.h"
#include "bench/interrupt.h"
#include "bench/launch/run.h"
#include "reference/base/mem.h"

#define LOOP_ROUNDS 5
#define OPEN_WORKERS 64
#define BURST_THREADS 64
#define BURSTS 3
#define BURST_LONG_SECONDS 15

/* A load with its places. */
static int load_open(struct run *run, struct entrant *entrant, size_t places, bool stays,
    struct load *ret_load, struct err *err)
{
    int r = 0;

    *ret_load = (struct load){.contender = entrant->contender,
        .data = entrant->data,
        .places = mem_alloc(places * sizeof(struct container)),
        .place_count = places,
        .workers = places};
    for (size_t i = 0; i < places; i++)
        ret_load->places[i].told = -1;
    for (size_t i = 0; r == 0 && i < places; i++)
        r = container_open(
            &ret_load->places[i], &run->world, entrant->contender, entrant->data, i, stays, err);
    return r;
}

static void load_close(struct load *load)
{
    for (size_t i = 0; i < load->place_count; i++)
        container_close(&load->places[i], load->contender, load->data);
    free(load->places);
}

static void lifecycles_keep(struct run *run, const struct entrant *entrant, const struct load *load,
    const char *scene, double x)
{
    for (size_t i = 0; i < load->done; i++) {
        series_add(run_series(run, entrant, "launch_us", scene, x), load->lifecycles[i].launch_us);
        series_add(
            run_series(run, entrant, "lifecycle_us", scene, x), load->lifecycles[i].lifecycle_us);
    }
}

/* What a loop of cycles is asked for. */
struct loop_shape {
    const char *scene;
    double x;
    size_t workers;
    size_t most;
    double seconds;
    double per_second;
};

static int loop_once(
    struct run *run, struct entrant *entrant, const struct loop_shape *shape, struct err *err)
{
    struct load load;
    int r = load_open(run, entrant, shape->workers, false, &load, err);

    if (r == 0) {
        load.most = shape->most;
        load.per_second = shape->per_second;
        if (shape->seconds > 0)
            load.until_ns = launch_now_ns() + (uint64_t)(shape->seconds * 1e9);
        r = load_play(&load, err);
        lifecycles_keep(run, entrant, &load, shape->scene, shape->x);
        if (r == 0 && load.done > 0 && !interrupted())
            series_add(run_series(run, entrant, "lifecycles_per_second", shape->scene, shape->x),
                load_per_second(&load));
        load_release(&load);
    }
    load_close(&load);
    return r;
}

/* Each of the entrants in turns, so that what else the machine does hits all alike. */
static int loop_rounds(
    struct run *run, size_t rounds, const struct loop_shape *shape, struct err *err)
{
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, equal_names, entrants);
    int r = 0;

    for (size_t round = 0; round < rounds && !interrupted(); round++) {
        for (size_t i = 0; r == 0 && i < count && !interrupted(); i++) {
            progress(&run->settings->output, "%s %.6g: %s, round %zu of %zu", shape->scene,
                shape->x, entrants[i]->contender->name, round + 1, rounds);
            r = loop_once(run, entrants[i], shape, err);
        }
    }
    return r;
}

int scene_workers(struct run *run, struct err *err)
{
    const struct option_counts *workers = &run->settings->workers;
    int r = 0;

    for (size_t round = 0; r == 0 && round < LOOP_ROUNDS; round++) {
        for (size_t i = 0; r == 0 && i < workers->count; i++) {
            const struct loop_shape shape = {.scene = "workers",
                .x = (double)workers->items[i],
                .workers = workers->items[i],
                .seconds = run->settings->loop_seconds / LOOP_ROUNDS};

            r = loop_rounds(run, 1, &shape, err);
        }
    }
    return r;
}

int scene_parallel(struct run *run, struct err *err)
{
    const struct option_counts *parallel = &run->settings->parallel;
    int r = 0;

    for (size_t i = 0; r == 0 && i < parallel->count; i++) {
        const size_t k = parallel->items[i];
        const struct loop_shape shape = {
            .scene = "parallel", .x = (double)k, .workers = k, .most = k};

        r = loop_rounds(run, (run->settings->samples + k - 1) / k, &shape, err);
    }
    return r;
}

int scene_open(struct run *run, struct err *err)
{
    const struct loop_shape shape = {.scene = "open",
        .x = run->settings->rate,
        .workers = OPEN_WORKERS,
        .seconds = run->settings->loop_seconds,
        .per_second = run->settings->rate};

    return loop_rounds(run, 1, &shape, err);
}

/* A sample is a second. */
int scene_sustained(struct run *run, struct err *err)
{
    const size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    const struct loop_shape shape = {
        .scene = "sustained", .x = (double)cpus, .workers = cpus, .seconds = 1};

    return loop_rounds(run, (size_t)run->settings->seconds, &shape, err);
}

static int burst_once(struct run *run, struct entrant *entrant, struct err *err)
{
    static const struct {
        enum load_work work;
        const char *measure;
    } halves[] = {{LOAD_STARTS, "launches_per_second"}, {LOAD_STOPS, "destroys_per_second"}};
    const size_t burst = run->settings->burst;
    struct load load;
    int r = load_open(run, entrant, burst, true, &load, err);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(halves); i++) {
        struct load half = load;

        half.work = halves[i].work;
        /* An agent gets all calls at once; programs are called from some threads. */
        if (!entrant->contender->run_load && half.workers > BURST_THREADS)
            half.workers = BURST_THREADS;
        r = load_play(&half, err);
        if (r == 0 && half.done == burst)
            series_add(run_series(run, entrant, halves[i].measure, "burst", (double)burst),
                load_per_second(&half));
        load_release(&half);
        if (half.done < burst)
            break; /* interrupted: closing the places ends what runs */
    }
    load_close(&load);
    return r;
}

/* Who takes long for a burst has one alone. */
int scene_burst(struct run *run, struct err *err)
{
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, equal_names, entrants);
    double seconds[ENTRANTS_MAX] = {0};
    int r = 0;

    for (size_t round = 0; round < BURSTS && run->settings->burst > 0; round++) {
        for (size_t i = 0; r == 0 && i < count && !interrupted(); i++) {
            const double start = bench_now();

            if (seconds[i] > BURST_LONG_SECONDS)
                continue;
            progress(&run->settings->output, "burst of %zu: %s, %zu of %d", run->settings->burst,
                entrants[i]->contender->name, round + 1, BURSTS);
            r = burst_once(run, entrants[i], err);
            seconds[i] = bench_now() - start;
        }
    }
    return r;
}
