/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of virtual time: jumps to the next timer. Timers due at the same instant run in the
 * order that the seed's stream "schedule" gives; with seed 0 in the order they were started.
 */
#pragma once

#include "reference/base/loop.h"

struct loop *sim_loop_new(uint64_t seed);
/* Of the next timer; UINT64_MAX when none. */
uint64_t sim_loop_next_ns(struct loop *loop);
/* Runs everything due up to now + duration, and leaves the clock exactly there. */
void sim_loop_advance(struct loop *loop, uint64_t duration_ns);
uint64_t sim_loop_pending(struct loop *loop); /* number of pending timers */
