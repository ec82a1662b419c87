/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time and peak memory of a container, with all that its runtime does for it: this process goes
 * into a cgroup of cpuacct and of memory below which contenders make theirs, so that both count all
 * that is done here and by what it starts (a daemon's work is not in it).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/interrupt.h"
#include "bench/launch/run.h"
#include "reference/base/mem.h"

#define COST_SHARE 4 /* one of so many samples: costs differ less than times */
#define COST_WARMUP 2

static const char *const controllers[] = {"cpuacct", "memory"};

struct meter {
    char *usage; /* of CPU time */
    char *memory;
    char *peak;
};

static double number_read(const char *path)
{
    char text[64] = "";
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 ? strtod(text, NULL) : -1;
}

static bool put(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Moves this process into our cgroup of both, or up again. */
static int move(const struct run *run, bool in, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        _cleanup_free_ char *own =
            str_printf("/sys/fs/cgroup/%s/%s", controllers[i], run->world.cgroup);
        _cleanup_free_ char *procs = str_printf("%s%s/cgroup.procs", own, in ? "" : "/..");

        if (in && mkdir(own, 0755) < 0 && errno != EEXIST)
            return err_errno(err, -ENOTSUP, "no v1 hierarchy of %s", controllers[i]);
        if (!put(procs, "0"))
            return err_errno(err, -errno, "move to %s", procs);
    }
    return 0;
}

static int cost_once(struct run *run, const struct meter *meter, struct entrant *entrant,
    struct container *place, bool keep, struct err *err)
{
    struct lifecycle times;
    put(meter->peak, "0"); /* any write resets it to what is used now */
    const double memory = number_read(meter->memory), cpu = number_read(meter->usage);
    int r = container_cycle(place, entrant->contender, entrant->data, &times, err);

    if (r < 0 || !keep)
        return r;
    series_add(run_series(run, entrant, "cpu_us", "", 0), (number_read(meter->usage) - cpu) / 1e3);
    series_add(
        run_series(run, entrant, "peak_memory_bytes", "", 0), number_read(meter->peak) - memory);
    return 0;
}

/* In turns, so that what else the machine does meanwhile costs all alike. */
static int cost_rounds(struct run *run, const struct meter *meter, struct entrant *const *entrants,
    struct container *places, size_t count, struct err *err)
{
    const size_t samples = (run->settings->samples + COST_SHARE - 1) / COST_SHARE;
    int r = 0;

    for (size_t round = 0; r == 0 && round < COST_WARMUP + samples && !interrupted(); round++) {
        progress(
            &run->settings->output, "cost: round %zu of %zu", round + 1, COST_WARMUP + samples);
        for (size_t i = 0; r == 0 && i < count && !interrupted(); i++) {
            r = cost_once(run, meter, entrants[i], &places[i], round >= COST_WARMUP, err);
            if (r < 0)
                r = err_wrap(err, r, "cost of %s", entrants[i]->contender->name);
        }
    }
    return r;
}

static int cost_of_all(struct run *run, const struct meter *meter, struct err *err)
{
    struct entrant *entrants[ENTRANTS_MAX];
    struct container places[ENTRANTS_MAX];
    size_t count = 0, opened = 0;
    int r = 0;

    for (size_t i = 0; i < run->count; i++) {
        if (run->entrants[i].takes_part)
            entrants[count++] = &run->entrants[i];
    }
    for (; r == 0 && opened < count; opened++)
        r = container_open(&places[opened], &run->world, entrants[opened]->contender,
            entrants[opened]->data, 0, false, err);
    if (r == 0)
        r = cost_rounds(run, meter, entrants, places, count, err);
    for (size_t i = 0; i < opened; i++)
        container_close(&places[i], entrants[i]->contender, entrants[i]->data);
    return r;
}

int scene_cost(struct run *run, struct err *err)
{
    struct meter meter = {
        .usage = str_printf("/sys/fs/cgroup/cpuacct/%s/cpuacct.usage", run->world.cgroup),
        .memory = str_printf("/sys/fs/cgroup/memory/%s/memory.usage_in_bytes", run->world.cgroup),
        .peak =
            str_printf("/sys/fs/cgroup/memory/%s/memory.max_usage_in_bytes", run->world.cgroup)};
    _cleanup_err_ struct err problem = ERR_INIT;
    int r = move(run, true, &problem);

    if (r < 0)
        report_missing(run->report, "CPU time and peak memory", err_text(&problem));
    if (r == 0)
        r = cost_of_all(run, &meter, err);
    move(run, false, NULL);
    free(meter.usage);
    free(meter.memory);
    free(meter.peak);
    return r < 0 && !problem.message ? r : 0; /* a machine without these is no failure */
}
