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

#define FUZZ_NEWEST 4 /* handles that are drawn from */

/* Draws operations for one controller. */
struct fuzz_generator {
    const char *controller; /* of v2 also "core" */
    bool v2;
    bool neighbours; /* v1 cpusets of others, which count for what the base may have alone */
    struct rng_stream *stream;
    char **files;      /* of a cgroup of that controller; owned by the caller */
    char **core_files; /* v2: those that every cgroup has; owned by the caller */
    /* How many were made so far: P0, P1, …, T0, … */
    unsigned procs;
    unsigned threads;
    unsigned handles;   /* H: of open files */
    char *opened[FUZZ_NEWEST]; /* what the newest of these are of, H0 first; owned */
    unsigned eventfds;  /* E */
    unsigned inotifies; /* I */
};

/* What an operation needs to make sense; without it another one is drawn. */
enum fuzz_need {
    FUZZ_NOTHING,
    FUZZ_HANDLE,
    FUZZ_INOTIFY,
    FUZZ_EVENTFD,
    FUZZ_ROOM_PROC,   /* there may be one more */
    FUZZ_ROOM_THREAD,
    FUZZ_RUNNING, /* a process that runs: one that is frozen is waited for in vain, for seconds */
};
struct fuzz_operation {
    const char *op;
    unsigned weight_v1;
    unsigned weight_v2;
    void (*draw)(struct fuzz_generator *generator, json_t *op);
    enum fuzz_need need;
    const char *only; /* this controller; NULL: any */
};
/* Tables end with an op of NULL. Names and whole files; open files, events; processes. */
extern const struct fuzz_operation fuzz_path_operations[];
extern const struct fuzz_operation fuzz_handle_operations[];
extern const struct fuzz_operation fuzz_process_operations[];
#define FUZZ_PROCS 3 /* that a sequence begins with */
#define FUZZ_PROCS_ALL 6
#define FUZZ_THREADS 3

/* Sets a field; takes the text. */
void fuzz_put(json_t *op, const char *field, char *text);
void fuzz_put_text(json_t *op, const char *field, const char *text);
/* A cgroup of the trace, the base among them; one that is not; a control file. Owned. */
char *fuzz_directory(struct fuzz_generator *generator);
char *fuzz_child(struct fuzz_generator *generator);
char *fuzz_file(struct fuzz_generator *generator);
char *fuzz_path(struct fuzz_generator *generator); /* a file or a cgroup */
/* The next operation, a line of a trace without its result; never NULL, owned. */
json_t *fuzz_next(struct fuzz_generator *generator);
extern const char *const fuzz_plain_values[]; /* numbers and texts for any file */
/* A text to write to a file of that path; owned. */
char *fuzz_value(struct fuzz_generator *generator, const char *path);
uint64_t fuzz_below(struct fuzz_generator *generator, uint64_t bound);
const char *fuzz_pick(struct fuzz_generator *generator, const char *const *words);
/* What a sequence begins with: operations up to a NULL. */
json_t *fuzz_prologue(struct fuzz_generator *generator, unsigned index);
