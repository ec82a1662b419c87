/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial stats`. */
#pragma once

#include "bpf/stats.h"

struct stats_arguments {
    struct stats_options options;
    char **without;
    char *controller;
    char **cgroups;    /* paths given by --cgroup */
    char **containers; /* ids; NULL: all below the root */
    char *root;        /* of the containers' cgroups: "mesos" */
    char *prometheus;  /* ADDRESS:PORT or PORT */
    double interval_seconds;
    bool watch;
    bool json;
    bool explain;
    bool details;
    bool otel;
    bool documentation;
    bool help;
};
/* Messages go to stderr. 0 or -EINVAL. */
int stats_arguments_parse(int argc, char **argv, struct stats_arguments *ret_arguments);
void stats_arguments_release(struct stats_arguments *arguments);
void stats_arguments_help(void);

/* Which containers are watched: those asked for, or all that have a cgroup now. Publishes new ones,
 * retires those that are gone. Errors of single ones are reported once on stderr. */
struct stats_targets;
struct stats_targets *stats_targets_new(
    const struct stats_arguments *arguments, struct stats *stats);
void stats_targets_free(struct stats_targets *targets);
size_t stats_targets_update(struct stats_targets *targets); /* how many there are */

/* Serves until a signal comes. */
int stats_serve(struct stats *stats, struct stats_targets *targets, const char *address, bool otel,
    struct err *err);

int stats_main(int argc, char **argv);
