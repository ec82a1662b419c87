/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes in which something else is there: live containers, a large agent, a container around. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/interrupt.h"
#include "bench/launch/run.h"
#include "reference/base/mem.h"

#define AGENT_BLOCKS 10
#define DESCRIPTORS_SPARE 500
#define SAMPLES_MOST 100 /* in each of the situations */

static size_t some_samples(const struct run *run)
{
    return run->settings->samples < SAMPLES_MOST ? run->settings->samples : SAMPLES_MOST;
}

/* --- live containers, of the reference --- */

struct crowd {
    struct entrant *entrant;
    struct container *places;
    size_t count;
    size_t descriptors; /* open before the first */
};

static size_t descriptors_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

/* An agent keeps some descriptors for each: whether there may be as many as that many need, with
 * some to spare for what is measured among them. What is too much is told. */
static bool crowd_fits(struct run *run, const struct crowd *crowd, size_t wanted)
{
    struct rlimit limit;

    if (crowd->count == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return true;
    const size_t now = descriptors_open();
    const size_t each = (now - crowd->descriptors) / crowd->count + 1;
    const size_t needed = crowd->descriptors + each * wanted + DESCRIPTORS_SPARE;

    if (needed <= limit.rlim_cur)
        return true;
    _cleanup_free_ char *what = str_printf("%zu live containers", wanted);
    _cleanup_free_ char *why =
        str_printf("the agent would need some %zu descriptors, and may have %llu", needed,
            (unsigned long long)limit.rlim_cur);
    report_missing(run->report, what, why);
    return false;
}

static int crowd_grow(struct run *run, struct crowd *crowd, size_t wanted, struct err *err)
{
    int r = 0;

    while (r == 0 && crowd->count < wanted && !interrupted()) {
        struct container *place = &crowd->places[crowd->count++];

        progress(&run->settings->output, "live: %zu of %zu", crowd->count, wanted);
        /* From a slot on that no other scene uses. */
        r = container_open(place, &run->world, crowd->entrant->contender, crowd->entrant->data,
            1000000 + crowd->count, true, err);
        if (r == 0)
            r = container_start(place, crowd->entrant->contender, crowd->entrant->data, err);
        if (place->told >= 0)
            close(place->told); /* thousands of descriptors would be for nothing */
        place->told = -1;
    }
    return r;
}

static void crowd_end(struct run *run, struct crowd *crowd)
{
    for (size_t i = crowd->count; i > 0; i--) {
        struct container *place = &crowd->places[i - 1];
        double us;

        progress(&run->settings->output, "live: %zu to be ended", i);
        container_stop(place, crowd->entrant->contender, crowd->entrant->data, &us, NULL);
        container_close(place, crowd->entrant->contender, crowd->entrant->data);
    }
    free(crowd->places);
}

static size_t most_of(const struct option_counts *counts)
{
    size_t most = 0;

    for (size_t i = 0; i < counts->count; i++)
        most = counts->items[i] > most ? counts->items[i] : most;
    return most;
}

int scene_live(struct run *run, struct err *err)
{
    static const char *const names[] = {"linux-rootfs", "floor-rootfs", "crun", NULL};
    const struct option_counts *live = &run->settings->live;
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, names, entrants);
    struct crowd crowd = {
        .entrant = run_entrant(run, "linux-rootfs"), .descriptors = descriptors_open()};
    int r = 0;

    if (!crowd.entrant)
        return 0;
    crowd.places = mem_alloc((most_of(live) + 1) * sizeof(*crowd.places));
    for (size_t i = 0; r == 0 && i < live->count && !interrupted(); i++) {
        const double before = bench_resident_bytes();
        const size_t had = crowd.count;

        if (!crowd_fits(run, &crowd, live->items[i]))
            continue;
        r = crowd_grow(run, &crowd, live->items[i], err);
        if (r == 0 && crowd.count >= had + 100)
            series_add(
                run_series(run, crowd.entrant, "agent_bytes", "live", (double)live->items[i]),
                (bench_resident_bytes() - before) / (double)(crowd.count - had));
        if (r == 0)
            r = measure_cycles(
                run, entrants, count, "live", (double)live->items[i], some_samples(run), err);
    }
    crowd_end(run, &crowd);
    return r;
}

/* --- a large agent --- */

/* Blocks with and without the memory in turns. */
int scene_agent(struct run *run, struct err *err)
{
    static const char *const names[] = {"linux-rootfs", "floor-rootfs", NULL};
    const size_t bytes = run->settings->agent_mib << 20;
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, names, entrants);
    const size_t block = (some_samples(run) + AGENT_BLOCKS - 1) / AGENT_BLOCKS;
    int r = 0;

    for (size_t i = 0; r == 0 && bytes > 0 && i < 2 * AGENT_BLOCKS && !interrupted(); i++) {
        const bool large = i % 2;
        void *memory =
            !large ? NULL
                   : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
            return err_errno(err, -errno, "allocate %zu MiB", run->settings->agent_mib);
        if (memory)
            memset(memory, 1, bytes);
        r = measure_cycles(run, entrants, count, "agent",
            large ? (double)run->settings->agent_mib : 0, block, err);
        if (memory)
            munmap(memory, bytes);
    }
    return r;
}

/* --- nested --- */

static int nested_cycles(
    struct run *run, struct entrant *entrant, const struct container *parent, struct err *err)
{
    struct container place;
    int r = container_open(&place, &run->world, entrant->contender, entrant->data, 1, false, err);

    place.parent = parent;
    for (size_t i = 0; r == 0 && i < some_samples(run) && !interrupted(); i++) {
        struct lifecycle times;

        r = container_cycle(&place, entrant->contender, entrant->data, &times, err);
        if (r < 0)
            break;
        series_add(run_series(run, entrant, "launch_us", "nested", 1), times.launch_us);
        series_add(run_series(run, entrant, "lifecycle_us", "nested", 1), times.lifecycle_us);
    }
    container_close(&place, entrant->contender, entrant->data);
    return r;
}

int scene_nested(struct run *run, struct err *err)
{
    static const char *const names[] = {"linux", "linux-ns", "linux-rootfs", NULL};
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, names, entrants);
    int r = 0;

    for (size_t i = 0; r == 0 && i < count && !interrupted(); i++) {
        struct entrant *entrant = entrants[i];
        struct container parent;
        double us;

        progress(&run->settings->output, "nested: %s", entrant->contender->name);
        r = container_open(&parent, &run->world, entrant->contender, entrant->data, 0, true, err);
        if (r == 0)
            r = container_start(&parent, entrant->contender, entrant->data, err);
        if (r == 0) {
            r = nested_cycles(run, entrant, &parent, err);
            container_stop(&parent, entrant->contender, entrant->data, &us, NULL);
        }
        container_close(&parent, entrant->contender, entrant->data);
        if (r < 0)
            r = err_wrap(err, r, "nested in %s", entrant->contender->name);
    }
    return r;
}
