/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many containers at once: each of `places` is a worker that has one at a time. In a closed loop a
 * worker goes on at once; in an open loop containers come at a fixed rate, however long the ones
 * before take, and the time that one waits for a worker counts (there is no coordinated omission).
 */
#pragma once

#include <pthread.h>

#include "bench/launch/contender.h"

enum load_work {
    LOAD_CYCLES, /* whole lives, until `most` or `until_ns` */
    LOAD_STARTS, /* one container that stays in each place */
    LOAD_STOPS,  /* the end of those */
};
struct load {
    enum load_work work;
    const struct contender *contender;
    void *data; /* the contender's */
    struct container *places;
    size_t place_count;
    size_t workers;    /* at most so many at once */
    size_t most;       /* containers; 0: no limit */
    uint64_t until_ns; /* none is begun after it; 0: no limit */
    double per_second; /* open loop; 0: closed */
    /* Results. */
    struct lifecycle *lifecycles; /* of cycles; owned */
    size_t done;
    size_t capacity;
    size_t begun;
    uint64_t started_ns;
    uint64_t ended_ns;
    pthread_mutex_t lock;
    int failed; /* the first error; no more are begun */
    struct err err;
};

/* Runs it to its end. 0, or the first error of a container. load_release in any case. */
int load_play(struct load *load, struct err *err);
void load_release(struct load *load);
double load_per_second(const struct load *load); /* containers done, in a second */

/* For those who run loads in a loop of their own (contender.run_load), and for the threads: */
/* Takes the next one: its index from 0, and when it is due (an open loop: may lie in the future).
 * False: none is left. */
bool load_next(struct load *load, size_t *ret_index, uint64_t *ret_due_ns);
/* One has ended, well (times: NULL but for cycles) or not. */
void load_done(struct load *load, const struct lifecycle *times, int result, const struct err *err);
