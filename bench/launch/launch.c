/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial bench launch`: contenders side by side in one run, interleaved, each payload's run
 * checked. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/finish.h"
#include "bench/interrupt.h"
#include "bench/launch/program.h"
#include "bench/launch/run.h"
#include "bench/version.h"
#include "reference/base/mem.h"

const struct scene scenes[] = {
    {"sequential", "one after the other: launch, lifecycle, destroy", scene_sequential},
    {"cost", "CPU time and peak memory of a container", scene_cost},
    {"phases", "where a lifecycle's time goes", scene_phases},
    {"parallel", "batches of containers at once", scene_parallel},
    {"workers", "closed loops", scene_workers},
    {"open", "an open loop at a fixed rate", scene_open},
    {"agent", "with a large agent", scene_agent},
    {"nested", "in a container", scene_nested},
    {"live", "among live containers", scene_live},
    {"burst", "launches at once, then destroys at once", scene_burst},
    {"sustained", "throughput over a minute", scene_sustained},
    {0},
};

const struct contender *const contenders[] = {&floors[0], &references[0], &floors[1],
    &references[1], &floors[2], &references[2], &floors[3], &references[3], &floors[4],
    &references[4], &runtimes[0], &runtimes[1], &boxes[0], &boxes[1], &boxes[2], &engines[0],
    &engines[1], NULL};

static bool is_asked_for(const struct launch_settings *settings, const char *name)
{
    return (!settings->only || strv_contains(settings->only, name)) &&
           !strv_contains(settings->without, name);
}

/* One container of each kind before anything is measured: who can't run it does not take part. */
static int entrant_try(struct run *run, struct entrant *entrant, struct err *err)
{
    const struct contender *contender = entrant->contender;
    struct container place = {.told = -1};
    struct lifecycle times;
    double us;
    int r = contender->open(contender, &run->world, &entrant->data, err);

    for (int stays = 0; r == 0 && stays < 2; stays++) {
        r = container_open(&place, &run->world, contender, entrant->data, 0, stays, err);
        if (r == 0 && !stays)
            r = container_cycle(&place, contender, entrant->data, &times, err);
        if (r == 0 && stays)
            r = container_start(&place, contender, entrant->data, err);
        if (r == 0 && stays)
            r = container_stop(&place, contender, entrant->data, &us, err);
        container_close(&place, contender, entrant->data);
    }
    return r;
}

static int entrants_open(struct run *run, struct err *err)
{
    size_t good = 0;

    for (; contenders[run->count]; run->count++) {
        _cleanup_err_ struct err problem = ERR_INIT;
        struct entrant *entrant = &run->entrants[run->count];

        entrant->contender = contenders[run->count];
        if (!is_asked_for(run->settings, entrant->contender->name))
            continue;
        progress(&run->settings->output, "trying %s", entrant->contender->name);
        entrant->takes_part = entrant_try(run, entrant, &problem) == 0;
        if (!entrant->takes_part)
            report_missing(run->report, entrant->contender->name, err_text(&problem));
        good += entrant->takes_part;
    }
    return good > 0 ? 0 : err_set(err, -ENOENT, "no contender runs here");
}

static void entrants_close(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        if (run->entrants[i].data)
            run->entrants[i].contender->close(run->entrants[i].data);
    }
}

/* "0", "2-3" */
static int pin(char *const *words, struct err *err)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (; words && *words; words++) {
        unsigned first, last;
        char rest;
        const int fields = sscanf(*words, "%u-%u%c", &first, &last, &rest);

        if (fields == 1)
            last = first;
        if (fields < 1 || fields > 2 || last < first || last >= CPU_SETSIZE ||
            strspn(*words, "0123456789-") != strlen(*words))
            return err_set(err, -EINVAL, "--pin: expected CPUs like 0,2-3, got \"%s\"", *words);
        for (unsigned cpu = first; cpu <= last; cpu++)
            CPU_SET(cpu, &set);
    }
    return sched_setaffinity(0, sizeof(set), &set) < 0
               ? err_errno(err, -EINVAL, "--pin: this machine lacks these CPUs")
               : 0;
}

static int prepare(struct run *run, struct err *err)
{
    struct rlimit files;
    int r = output_check(&run->settings->output, err);

    if (r == 0 && run->settings->pin)
        r = pin(run->settings->pin, err);
    if (r == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return r;
}

/* Of the runtimes that are there; our own is told for every benchmark. */
static void versions_add(struct report *report)
{
    static const char *const programs[] = {
        "crun", "runc", "bwrap", "unshare", "systemd-nspawn", "docker", "podman"};
    json_t *versions = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        _cleanup_free_ char *path = program_find(programs[i], NULL);
        _cleanup_free_ char *version = path ? version_of(path) : NULL;

        if (version)
            json_object_set_new(versions, programs[i], json_string(version));
    }
    json_object_set_new(report->environment, "versions", versions);
}

static int measure(struct run *run, struct err *err)
{
    json_t *seconds = json_object();
    int r = entrants_open(run, err);

    json_object_set_new(run->report->extra, "seconds", seconds);
    for (const struct scene *scene = scenes; r == 0 && scene->name && !interrupted(); scene++) {
        const double start = bench_now();

        if (run->settings->scenes && !strv_contains(run->settings->scenes, scene->name))
            continue;
        progress_stage(&run->settings->output, "%s: %s", scene->name, scene->help);
        r = scene->measure(run, err);
        json_object_set_new(seconds, scene->name, json_real(bench_now() - start));
    }
    return r;
}

static void names_list(void)
{
    printf("Contenders:\n");
    for (size_t i = 0; contenders[i]; i++)
        printf("  %-14s %s\n", contenders[i]->name, contenders[i]->help);
    printf("\nScenes:\n");
    for (const struct scene *scene = scenes; scene->name; scene++)
        printf("  %-14s %s\n", scene->name, scene->help);
}

static int launch_run(const struct launch_settings *settings)
{
    struct report report;
    struct run run = {.settings = settings, .report = &report};
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    r = prepare(&run, &err);
    if (r < 0) {
        fprintf(stderr, "seatrial bench launch: %s\n", err_text(&err));
        return EXIT_USAGE;
    }
    bench_begin(&report, "launch"); /* which looks at the cgroups before the world hides some */
    json_decref(report.settings);
    report.settings = launch_settings_json(settings);
    versions_add(&report);
    run.world.docker = settings->docker;
    r = world_open(&run.world, &err);
    if (r == 0)
        r = measure(&run, &err);
    entrants_close(&run);
    world_close(&run.world, &report.leaks);
    launch_analyse(&report);
    return bench_finish(&settings->output, &report, r, &err);
}

int bench_launch_main(int argc, char **argv)
{
    struct launch_settings settings;
    _cleanup_err_ struct err err = ERR_INIT;
    int status = EXIT_USAGE;

    if (launch_settings_read(argc, argv, &settings, &err) < 0) {
        fprintf(stderr, "seatrial bench launch: %s\n", err_text(&err));
    } else if (settings.output.help) {
        bench_options_help(launch_options, "seatrial bench launch [OPTION...]");
        status = EXIT_SUCCESS;
    } else if (settings.list) {
        names_list();
        status = EXIT_SUCCESS;
    } else {
        status = launch_run(&settings);
    }
    launch_settings_release(&settings);
    return status;
}
