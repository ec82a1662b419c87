/* SPDX-License-Identifier: Apache-2.0 */
/* A way to run the payload in containers, and what is told of each of them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/launch/world.h"
#include "reference/base/err.h"
#include "reference/base/trace.h"

/* A place for containers of one contender, one at a time. What it needs is made before time runs.
 */
struct container {
    const struct launch_world *world; /* borrowed */
    size_t slot;                      /* no other container of the contender has it */
    uint64_t number;                  /* of the container that runs, never used again */
    bool stays;                       /* until it is destroyed; else its payload ends by itself */
    const struct container *parent;   /* that it is nested in; NULL: none */
    char *directory; /* holds "stdout", a FIFO by which the payload tells, and "stderr" */
    char *output;    /* the path of the FIFO */
    int told;        /* its reading end */
    uint64_t called_ns;
    uint64_t running_ns; /* the payload's first instruction, by its own clock */
    void *data;          /* the contender's */
};

struct load;

struct contender {
    const char *name;
    const char *help;
    const char *floor; /* the contender with the shortest way to the same container; NULL */
    const void *kind;  /* what distinguishes it from others with these functions */
    /* -ENOENT with the reason when it can't run here. Close is called in any case. */
    int (*open)(
        const struct contender *self, struct launch_world *world, void **ret_data, struct err *err);
    /* Places, before and after all time that is measured; NULL: nothing to do. */
    int (*prepare)(void *data, struct container *container, struct err *err);
    void (*release)(void *data, struct container *container);
    /* The call; returns when the runtime has answered it, which may be before the payload runs. */
    int (*launch)(void *data, struct container *container, struct err *err);
    /* Of a container that does not stay: until nothing of it is left. */
    int (*wait)(void *data, struct container *container, struct err *err);
    /* Of one that stays: kills it, until nothing of it is left. */
    int (*destroy)(void *data, struct container *container, struct err *err);
    /* Many at once, in one loop; NULL: from threads, each of which waits for its own. */
    int (*run_load)(void *data, struct load *load, struct err *err);
    /* Hands the lines of its trace to fn from now on; no more when that is NULL. NULL: has none. */
    void (*trace)(void *data, trace_sink_fn fn, void *arg);
    void (*close)(void *data);
};
extern const struct contender *const contenders[]; /* NULL-terminated */

extern const struct contender floors[];     /* each ends with a NULL name */
extern const struct contender references[]; /* the reference */
extern const struct contender runtimes[];   /* runc, crun */
extern const struct contender boxes[];      /* bubblewrap, unshare, systemd-nspawn */
extern const struct contender engines[];    /* docker, podman */

/* --- a place and its containers --- */
int container_open(struct container *container, const struct launch_world *world,
    const struct contender *contender, void *data, size_t slot, bool stays, struct err *err);
void container_close(struct container *container, const struct contender *contender, void *data);

/* The call and the payload's word: -EPROTO when it never ran. */
int container_start(
    struct container *container, const struct contender *contender, void *data, struct err *err);
/* Takes the payload's word when it has come, or comes soon; after the call was made. */
int container_told(struct container *container, struct err *err);
/* Readies the place for the next container: a number, a clean FIFO. */
int container_arm(struct container *container, struct err *err);

struct lifecycle {
    double launch_us;
    double lifecycle_us;
};
/* A whole life: call, payload, its end, nothing left. */
int container_cycle(struct container *container, const struct contender *contender, void *data,
    struct lifecycle *ret_times, struct err *err);
/* From the call until nothing of it is left. */
int container_stop(struct container *container, const struct contender *contender, void *data,
    double *ret_us, struct err *err);

/* Waits until no process holds the FIFO any more. -ETIMEDOUT. */
int container_hung_up(const struct container *container, struct err *err);
uint64_t launch_now_ns(void);
