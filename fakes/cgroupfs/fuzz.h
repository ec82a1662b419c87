/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial cgroupfs-fuzz`: random operations on the model and on hierarchies of this machine, v1
 * or v2, side by side. Operations are drawn in sequences, each in fresh cgroups; a sequence that
 * shows a difference is made as short as it can be, and printed in the format of traces, with what
 * the real kernel did as the expected result.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "fakes/rng.h"

int cgroupfs_fuzz_main(int argc, char **argv);

/* Draws operations for one controller. */
struct fuzz_generator {
    const char *controller; /* of v2 also "core" */
    bool v2;
    bool neighbours; /* v1 cpusets of others, which count for what the base may have alone */
    struct rng_stream *stream;
    char **files;      /* of a cgroup of that controller; owned by the caller */
    char **core_files; /* v2: those that every cgroup has; owned by the caller */
    unsigned procs;  /* P0, P1, … that were started */
    unsigned threads;
    unsigned handles;
};
/* The next operation, a line of a trace without its result; never NULL, owned. */
json_t *fuzz_next(struct fuzz_generator *generator);
extern const char *const fuzz_plain_values[]; /* numbers and texts for any file */
/* A text to write to a file of that path; owned. */
char *fuzz_value(struct fuzz_generator *generator, const char *path);
uint64_t fuzz_below(struct fuzz_generator *generator, uint64_t bound);
const char *fuzz_pick(struct fuzz_generator *generator, const char *const *words);
/* What a sequence begins with: operations up to a NULL. */
json_t *fuzz_prologue(struct fuzz_generator *generator, unsigned index);
