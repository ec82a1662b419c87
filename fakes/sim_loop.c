/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of timers by (time, tie, number). The tie is drawn when a timer starts, so that the
 * order at an instant depends on the seed alone. Timers come from blocks and go to a free list.
 */
#include "fakes/sim_loop.h"

#include <assert.h>
#include <string.h>

#include "fakes/rng.h"
#include "reference/base/mem.h"

#define TIMERS_PER_BLOCK 128
#define TIMER_DEAD SIZE_MAX

struct loop_timer {
    uint64_t at_ns;
    uint64_t tie;
    uint64_t number;
    loop_fn fn;
    void *arg;
    size_t place; /* in the heap; TIMER_DEAD while free */
    struct loop_timer *next_free;
};

struct timer_block {
    struct timer_block *next;
    struct loop_timer timers[TIMERS_PER_BLOCK];
};

struct sim_loop {
    struct loop loop;
    uint64_t now_ns;
    uint64_t last_number;
    struct rng rng;
    struct rng_stream *schedule; /* NULL with seed 0 */
    struct loop_timer **heap;
    size_t count;
    size_t capacity;
    struct loop_timer *free_timers;
    struct timer_block *blocks;
};

static struct sim_loop *sim_loop_of(struct loop *loop)
{
    return container_of(loop, struct sim_loop, loop);
}

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    if (a->tie != b->tie)
        return a->tie < b->tie;
    return a->number < b->number;
}

static void heap_put(struct sim_loop *sim, size_t place, struct loop_timer *timer)
{
    sim->heap[place] = timer;
    timer->place = place;
}

static void heap_up(struct sim_loop *sim, struct loop_timer *timer)
{
    size_t place = timer->place;
    while (place > 0) {
        size_t above = (place - 1) / 2;
        if (!timer_before(timer, sim->heap[above]))
            break;
        heap_put(sim, place, sim->heap[above]);
        place = above;
    }
    heap_put(sim, place, timer);
}

static void heap_down(struct sim_loop *sim, struct loop_timer *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t below = place * 2 + 1;
        if (below >= sim->count)
            break;
        if (below + 1 < sim->count && timer_before(sim->heap[below + 1], sim->heap[below]))
            below++;
        if (!timer_before(sim->heap[below], timer))
            break;
        heap_put(sim, place, sim->heap[below]);
        place = below;
    }
    heap_put(sim, place, timer);
}

static struct loop_timer *timer_take(struct sim_loop *sim)
{
    struct loop_timer *timer = sim->free_timers;
    if (!timer) {
        struct timer_block *block = mem_alloc(sizeof(*block));
        block->next = sim->blocks;
        sim->blocks = block;
        for (size_t i = TIMERS_PER_BLOCK; i-- > 0;) {
            block->timers[i].place = TIMER_DEAD;
            block->timers[i].next_free = sim->free_timers;
            sim->free_timers = &block->timers[i];
        }
        timer = sim->free_timers;
    }
    sim->free_timers = timer->next_free;
    return timer;
}

/* Takes a timer out of the heap; its handle is dead from here on. */
static void timer_remove(struct sim_loop *sim, struct loop_timer *timer)
{
    size_t place = timer->place;
    struct loop_timer *last = sim->heap[--sim->count];
    if (last != timer) {
        heap_put(sim, place, last);
        heap_up(sim, last);
        heap_down(sim, last);
    }
    timer->place = TIMER_DEAD;
    timer->next_free = sim->free_timers;
    sim->free_timers = timer;
}

static uint64_t sim_now_ns(struct loop *loop)
{
    return sim_loop_of(loop)->now_ns;
}

static struct loop_timer *sim_timer_start(struct loop *loop, uint64_t delay_ns, loop_fn fn,
    void *arg)
{
    struct sim_loop *sim = sim_loop_of(loop);
    struct loop_timer *timer = timer_take(sim);
    assert(fn);
    timer->at_ns = delay_ns > UINT64_MAX - sim->now_ns ? UINT64_MAX : sim->now_ns + delay_ns;
    timer->number = ++sim->last_number;
    timer->tie = sim->schedule ? rng_stream_next(sim->schedule) : 0;
    timer->fn = fn;
    timer->arg = arg;
    sim->heap = mem_grow(sim->heap, &sim->capacity, sim->count + 1, sizeof(*sim->heap));
    heap_put(sim, sim->count++, timer);
    heap_up(sim, timer);
    return timer;
}

static void sim_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    struct sim_loop *sim = sim_loop_of(loop);
    assert(timer->place < sim->count && sim->heap[timer->place] == timer);
    timer_remove(sim, timer);
}

static struct loop_watch *sim_fd_start(struct loop *loop, int fd, unsigned events, loop_fd_fn fn,
    void *arg)
{
    (void)loop, (void)fd, (void)events, (void)fn, (void)arg;
    return NULL;
}

static void sim_fd_stop(struct loop *loop, struct loop_watch *watch)
{
    (void)loop, (void)watch;
}

static bool sim_step(struct loop *loop)
{
    struct sim_loop *sim = sim_loop_of(loop);
    if (sim->count == 0)
        return false;
    struct loop_timer *timer = sim->heap[0];
    loop_fn fn = timer->fn;
    void *arg = timer->arg;
    assert(timer->at_ns >= sim->now_ns);
    sim->now_ns = timer->at_ns;
    timer_remove(sim, timer);
    fn(arg);
    return true;
}

static void sim_free(struct loop *loop)
{
    struct sim_loop *sim = sim_loop_of(loop);
    while (sim->blocks) {
        struct timer_block *block = sim->blocks;
        sim->blocks = block->next;
        free(block);
    }
    rng_release(&sim->rng);
    free(sim->heap);
    free(sim);
}

static const struct loop_ops sim_loop_ops = {
    .now_ns = sim_now_ns,
    .timer_start = sim_timer_start,
    .timer_stop = sim_timer_stop,
    .fd_start = sim_fd_start,
    .fd_stop = sim_fd_stop,
    .step = sim_step,
    .free = sim_free,
};

struct loop *sim_loop_new(uint64_t seed)
{
    struct sim_loop *sim = mem_alloc(sizeof(*sim));
    sim->loop.ops = &sim_loop_ops;
    rng_init(&sim->rng, seed);
    if (seed != 0)
        sim->schedule = rng_stream(&sim->rng, "schedule");
    return &sim->loop;
}

uint64_t sim_loop_next_ns(struct loop *loop)
{
    struct sim_loop *sim = sim_loop_of(loop);
    return sim->count > 0 ? sim->heap[0]->at_ns : UINT64_MAX;
}

void sim_loop_advance(struct loop *loop, uint64_t duration_ns)
{
    struct sim_loop *sim = sim_loop_of(loop);
    uint64_t until_ns =
        duration_ns > UINT64_MAX - sim->now_ns ? UINT64_MAX : sim->now_ns + duration_ns;
    while (sim->count > 0 && sim->heap[0]->at_ns <= until_ns)
        sim_step(loop);
    sim->now_ns = until_ns;
}

uint64_t sim_loop_pending(struct loop *loop)
{
    return sim_loop_of(loop)->count;
}
