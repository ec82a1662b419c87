/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `seatrial run`. */
#pragma once

#include <stdbool.h>

#include "scenarios/engine/backends/backend.h"
#include "scenarios/engine/report/report.h"

struct run_arguments {
    const struct backend *backend;
    const struct reporter *reporter;
    uint64_t seed_first;
    uint64_t seed_last;
    unsigned jobs; /* 0: in this process, for a debugger */
    char **tags;
    char **only;           /* names of scenarios */
    const char *output;    /* file of the report; NULL: stdout */
    const char *trace;     /* file of the traces; NULL: none */
    const char *point;     /* of the torture */
    const char *cgroups;   /* direct or fuse */
    char **layouts;        /* to compare; NULL: play as the scenarios say */
    unsigned wall_seconds; /* of the host's clock, for one scenario */
    bool list;
    bool check_determinism;
    bool torture;
    bool summary;
    bool help_steps;
    bool help;
    char **paths;
};
/* Messages go to stderr. 0 or -EINVAL. */
int run_arguments_parse(int argc, char **argv, struct run_arguments *ret_arguments);
void run_arguments_release(struct run_arguments *arguments);
void run_arguments_help(void);
