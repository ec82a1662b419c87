/* SPDX-License-Identifier: Apache-2.0 */
/* What the samples of a launch report are held against: floors, other runtimes, and the goals. */
#include "bench/launch/run.h"
#include "reference/base/mem.h"

#define OURS "linux-rootfs"
#define FLOOR "floor-rootfs"
/* Apache Mesos 1.7's announcement, for a burst of 1,000 on a server with 40 threads. */
#define MESOS_LAUNCHES 33.0
#define MESOS_DESTROYS 50.0

static const struct {
    const char *a;
    const char *b;
    double goal; /* of the lifecycle; 0: none */
} pairs[] = {{"posix", "floor-posix", 0}, {"linux-plain", "floor-plain", 0}, {"linux", "floor", 0},
    {"linux-ns", "floor-ns", 0}, {OURS, FLOOR, 1.15}, {OURS, "crun", 1.0 / 6},
    {OURS, "runc", 1.0 / 16}, {OURS, "bwrap", 0}, {OURS, "unshare", 0}, {OURS, "nspawn", 0},
    {OURS, "docker", 0}, {OURS, "podman", 0}};

static const char *const measures[] = {
    "lifecycle_us", "launch_us", "destroy_us", "cpu_us", "peak_memory_bytes"};

static void pairs_add(struct report *report)
{
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(measures); k++) {
            /* The lifecycle's is called by the pair alone. */
            _cleanup_free_ char *name =
                k == 0 ? str_printf("%s/%s", pairs[i].a, pairs[i].b)
                       : str_printf("%s/%s %s", pairs[i].a, pairs[i].b, measures[k]);

            report_ratio(report, name, report_find(report, pairs[i].a, measures[k], "", 0),
                report_find(report, pairs[i].b, measures[k], "", 0), k == 0 ? pairs[i].goal : 0,
                false);
        }
    }
}

/* The same contender in a situation, beside a lesser one. */
static const struct {
    const char *measure;
    const char *scene;
    double x;
    double base_x;
    double goal;
    bool at_least;
} situations[] = {{"lifecycle_us", "live", 100, 0, 0, false},
    {"lifecycle_us", "live", 1000, 0, 1.2, false}, {"lifecycle_us", "live", 5000, 0, 0, false},
    {"lifecycle_us", "agent", 500, 0, 1.1, false},
    {"lifecycles_per_second", "workers", 2, 1, 1.7, true},
    {"lifecycles_per_second", "workers", 4, 1, 0, true}};

static void situations_add(struct report *report)
{
    static const char *const contenders_shown[] = {OURS, FLOOR, "crun"};

    for (size_t i = 0; i < ARRAY_SIZE(situations) * ARRAY_SIZE(contenders_shown); i++) {
        const char *contender = contenders_shown[i % ARRAY_SIZE(contenders_shown)];
        const size_t k = i / ARRAY_SIZE(contenders_shown);
        const char *measure = situations[k].measure, *scene = situations[k].scene;
        _cleanup_free_ char *name =
            str_printf("%s: %s %.6g/%.6g", contender, scene, situations[k].x, situations[k].base_x);

        /* Goals are ours. */
        report_ratio(report, name, report_find(report, contender, measure, scene, situations[k].x),
            report_find(report, contender, measure, scene, situations[k].base_x),
            str_equal(contender, OURS) ? situations[k].goal : 0, situations[k].at_least);
    }
}

static void tail_add(struct report *report)
{
    const struct series *series = report_find(report, OURS, "lifecycle_us", "", 0);
    struct distribution d;

    if (!series)
        return;
    d = distribution_of(series->values, series->count);
    report_number(report, OURS ": p99/p50", "lifecycle_us", d.p99 / d.p50, 2.5, false);
}

static void median_add(struct report *report, const char *name, const char *measure,
    const char *scene, double by, double goal)
{
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        _cleanup_free_ char *full = str_printf("%s: %s", series->contender, name);

        if (series->count > 0 && str_equal(series->measure, measure) &&
            str_equal(series->scene, scene) && (series->x >= 1000 || str_equal(scene, "burst")))
            report_number(
                report, full, measure, median_of(series->values, series->count) / by, goal, false);
    }
}

void launch_analyse(struct report *report)
{
    pairs_add(report);
    tail_add(report);
    situations_add(report);
    median_add(report, "agent's memory for a live container", "agent_bytes", "live", 1, 16384);
    median_add(report, "launches/Mesos 1.7", "launches_per_second", "burst", MESOS_LAUNCHES, 0);
    median_add(report, "destroys/Mesos 1.7", "destroys_per_second", "burst", MESOS_DESTROYS, 0);
}
