/* SPDX-License-Identifier: Apache-2.0 */
/* One run of `seatrial bench launch`: who takes part, what is measured, and where it goes. */
#pragma once

#include "bench/launch/load.h"
#include "bench/report/output.h"

struct entrant {
    const struct contender *contender;
    void *data;
    bool takes_part;
};
#define ENTRANTS_MAX 32

struct launch_settings {
    struct output output;
    size_t samples;
    size_t warmup;
    char **only;    /* contenders; NULL: all */
    char **without; /* contenders */
    char **scenes;  /* NULL: all */
    char **pin;     /* numbers of CPUs; NULL: as they are */
    const char *docker;
    const char *phases; /* "kernel" or "trace" */
    struct option_counts workers;
    struct option_counts parallel;
    struct option_counts live;
    double rate;         /* of the open loop, in a second */
    double loop_seconds; /* each measurement of a loop */
    double seconds;      /* sustained */
    size_t burst;
    size_t agent_mib;
    bool list;
};

struct run {
    const struct launch_settings *settings;
    struct report *report;
    struct launch_world world;
    struct entrant entrants[ENTRANTS_MAX];
    size_t count;
};

/* A scene: a situation in which contenders are measured. */
struct scene {
    const char *name;
    const char *help;
    int (*measure)(struct run *run, struct err *err);
};
extern const struct scene scenes[]; /* ends with a NULL name */

int scene_sequential(struct run *run, struct err *err);
int scene_cost(struct run *run, struct err *err);
int scene_phases(struct run *run, struct err *err);
int scene_parallel(struct run *run, struct err *err);
int scene_workers(struct run *run, struct err *err);
int scene_open(struct run *run, struct err *err);
int scene_sustained(struct run *run, struct err *err);
int scene_burst(struct run *run, struct err *err);
int scene_live(struct run *run, struct err *err);
int scene_agent(struct run *run, struct err *err);
int scene_nested(struct run *run, struct err *err);

/* The entrants of that names that take part, in this order, into `into` (of ENTRANTS_MAX). */
size_t run_select(struct run *run, const char *const *names, struct entrant **into);
struct entrant *run_entrant(struct run *run, const char *name); /* NULL: does not take part */
/* Those that the scenes with many containers measure: one of each kind with the same container. */
extern const char *const equal_names[];

/* `samples` lives of each, interleaved, into series of that scene. Stops early, without an error,
 * when it is interrupted. */
int measure_cycles(struct run *run, struct entrant *const *entrants, size_t count,
    const char *scene, double x, size_t samples, struct err *err);
/* One of the series of a report by an entrant's name. */
struct series *run_series(struct run *run, const struct entrant *entrant, const char *measure,
    const char *scene, double x);

/* Ratios and goals, from the series. */
void launch_analyse(struct report *report);

extern const struct bench_option launch_options[];
int launch_settings_read(
    int argc, char **argv, struct launch_settings *ret_settings, struct err *err);
void launch_settings_release(struct launch_settings *settings);
json_t *launch_settings_json(const struct launch_settings *settings);
