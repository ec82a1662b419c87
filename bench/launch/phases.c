/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a lifecycle's time goes, by the timestamps of the kernel (bpf/): a thread sees each cgroup
 * of the freezer that a contender makes below ours, and publishes it at once, long before its first
 * task. Where the probes can't be loaded, the caller's and the payload's clock alone tell.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/interrupt.h"
#include "bench/launch/run.h"
#include "bpf/stats.h"
#include "reference/base/mem.h"

#define PHASE_SAMPLES 50
#define WATCH_MS 50

/* The points on the way, with the phase that ends there. */
enum point { RUNNING, GONE, FIRST_FIELD };
static const struct {
    enum stats_field field;
    const char *phase;
} points[] = {
    [RUNNING] = {FIELD_COUNT, "until the payload runs"},
    [GONE] = {FIELD_COUNT, "until the caller knows"},
    [FIRST_FIELD] = {FIELD_CREATED, "until its cgroup is made"},
    {FIELD_CLONE, "until its first task is made"},
    {FIELD_FIRST_RUN, "until that task runs"},
    {FIELD_ATTACH, "until that task is in the cgroup"},
    {FIELD_EXEC, "until its first exec"},
    {FIELD_EXIT, "until its first task ends"},
    {FIELD_EMPTY, "until its cgroup is empty"},
    {FIELD_REMOVED, "until its cgroup is removed"},
};

struct watcher {
    const struct run *run;
    struct stats *stats; /* NULL: no probes */
    int notify;
    pthread_t thread;
    pthread_mutex_t lock; /* of the stats */
    bool ends;
};

static void publish(struct watcher *watcher, const char *name)
{
    _cleanup_free_ char *cgroup = str_printf("%s/%s", watcher->run->world.cgroup, name);

    pthread_mutex_lock(&watcher->lock);
    stats_publish(watcher->stats, "container", cgroup, NULL, NULL);
    pthread_mutex_unlock(&watcher->lock);
}

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (!__atomic_load_n(&watcher->ends, __ATOMIC_RELAXED)) {
        struct pollfd fd = {.fd = watcher->notify, .events = POLLIN};
        ssize_t length = poll(&fd, 1, WATCH_MS) == 1 ? read(fd.fd, bytes, sizeof(bytes)) : 0;

        for (char *at = bytes; length > 0 && at < bytes + length;) {
            const struct inotify_event *event = (const void *)at;

            if (event->mask & IN_CREATE && event->len > 0 && event->mask & IN_ISDIR)
                publish(watcher, event->name);
            at += sizeof(*event) + event->len;
        }
    }
    return NULL;
}

static int watcher_start(struct watcher *watcher, struct run *run, struct err *err)
{
    _cleanup_free_ char *freezer = str_printf("/sys/fs/cgroup/freezer/%s", run->world.cgroup);
    int r;

    *watcher = (struct watcher){.run = run, .notify = inotify_init1(IN_CLOEXEC)};
    pthread_mutex_init(&watcher->lock, NULL);
    mkdir(freezer, 0755);
    if (watcher->notify < 0 || inotify_add_watch(watcher->notify, freezer, IN_CREATE) < 0)
        return err_errno(err, -errno, "watch %s", freezer);
    r = stats_open(&(struct stats_options){.slots = 64}, &watcher->stats, err);
    if (r == 0 && !stats_source_of(watcher->stats, "cgroup_mkdir"))
        r = err_set(err, -ENOTSUP, "no probe tells when a cgroup is made");
    return r < 0 ? r : -pthread_create(&watcher->thread, NULL, watch, watcher);
}

static void watcher_end(struct watcher *watcher)
{
    if (watcher->thread) {
        __atomic_store_n(&watcher->ends, true, __ATOMIC_RELAXED);
        pthread_join(watcher->thread, NULL);
    }
    if (watcher->notify >= 0)
        close(watcher->notify);
    stats_close(watcher->stats);
    pthread_mutex_destroy(&watcher->lock);
}

/* Microseconds after the call, of each point that was seen. */
static void points_add(struct watcher *watcher, const struct container *place, uint64_t gone_ns,
    struct series *offsets)
{
    const struct stats_container *seen = NULL;

    series_add(&offsets[RUNNING], (double)(place->running_ns - place->called_ns) / 1e3);
    series_add(&offsets[GONE], (double)(gone_ns - place->called_ns) / 1e3);
    if (!watcher->thread)
        return;
    pthread_mutex_lock(&watcher->lock);
    seen = stats_find(stats_read(watcher->stats), "container");
    for (size_t i = FIRST_FIELD; seen && i < ARRAY_SIZE(points); i++) {
        const struct stats_value *value = &seen->values[points[i].field];

        if (value->valid && value->value >= place->called_ns && value->value <= gone_ns)
            series_add(&offsets[i], (double)(value->value - place->called_ns) / 1e3);
    }
    stats_retire(watcher->stats, "container", NULL);
    pthread_mutex_unlock(&watcher->lock);
}

struct reached {
    size_t point;
    double us;
};

static int by_time(const void *a, const void *b)
{
    const double x = ((const struct reached *)a)->us, y = ((const struct reached *)b)->us;

    return (x > y) - (x < y);
}

/* A phase lies between two points that follow each other by their medians. What was seen in less
 * than half of the containers is no point. */
static void phases_add(struct run *run, const struct entrant *entrant, const struct series *offsets)
{
    struct reached reached[ARRAY_SIZE(points)];
    size_t count = 0;
    double before = 0;

    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        if (offsets[i].count > 0 && offsets[i].count * 2 >= offsets[RUNNING].count)
            reached[count++] = (struct reached){i, median_of(offsets[i].values, offsets[i].count)};
    }
    qsort(reached, count, sizeof(*reached), by_time);
    for (size_t i = 0; i < count; i++) {
        report_phase(run->report, entrant->contender->name, points[reached[i].point].phase,
            reached[i].us - before);
        before = reached[i].us;
    }
}

static int phases_of(
    struct run *run, struct watcher *watcher, struct entrant *entrant, struct err *err)
{
    struct series offsets[ARRAY_SIZE(points)] = {{0}};
    struct container place;
    int r = container_open(&place, &run->world, entrant->contender, entrant->data, 0, false, err);

    progress(&run->settings->output, "phases: %s", entrant->contender->name);
    for (size_t i = 0; r == 0 && i < PHASE_SAMPLES && !interrupted(); i++) {
        struct lifecycle times;

        r = container_cycle(&place, entrant->contender, entrant->data, &times, err);
        if (r == 0)
            points_add(
                watcher, &place, place.called_ns + (uint64_t)(times.lifecycle_us * 1e3), offsets);
    }
    phases_add(run, entrant, offsets);
    for (size_t i = 0; i < ARRAY_SIZE(points); i++)
        free(offsets[i].values);
    container_close(&place, entrant->contender, entrant->data);
    return r < 0 ? err_wrap(err, r, "phases of %s", entrant->contender->name) : 0;
}

int scene_phases(struct run *run, struct err *err)
{
    static const char *const names[] = {"floor-plain", "linux-plain", "floor", "linux", "floor-ns",
        "linux-ns", "floor-rootfs", "linux-rootfs", "crun", "runc", NULL};
    struct entrant *entrants[ENTRANTS_MAX];
    const size_t count = run_select(run, names, entrants);
    _cleanup_err_ struct err problem = ERR_INIT;
    struct watcher watcher;
    int r = 0;

    if (count > 0 && watcher_start(&watcher, run, &problem) < 0)
        report_missing(run->report, "phases by the kernel's timestamps", err_text(&problem));
    if (count == 0)
        return 0;
    run->report->phase_source = str_dup(
        watcher.thread ? "the kernel's timestamps (bpf)" : "the caller's and the payload's clock");
    for (size_t i = 0; r == 0 && i < count && !interrupted(); i++)
        r = phases_of(run, &watcher, entrants[i], err);
    watcher_end(&watcher);
    return r;
}
