/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial cgroupfs-fuzz`: random operations on the model and on this machine's v1 hierarchies
 * side by side. Operations are drawn in sequences, each in fresh cgroups; a sequence that shows a
 * difference is made as short as it can be, and printed in the format of traces, with what the real
 * kernel did as the expected result.
 */
#pragma once

#include <jansson.h>

#include "fakes/rng.h"

int cgroupfs_fuzz_main(int argc, char **argv);

/* Draws operations for one controller. */
struct fuzz_generator {
    const char *controller;
    struct rng_stream *stream;
    char **files;    /* of a cgroup of that controller; owned by the caller */
    unsigned procs;  /* P0, P1, … that were started */
    unsigned threads;
    unsigned handles;
};
/* The next operation, a line of a trace without its result; never NULL, owned. */
json_t *fuzz_next(struct fuzz_generator *generator);
/* What a sequence begins with: operations up to a NULL. */
json_t *fuzz_prologue(struct fuzz_generator *generator, unsigned index);
