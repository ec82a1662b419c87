/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libuv watches the descriptors and waits. The timers are our own heap, by deadline in ns and then
 * by order of starting (libuv counts in ms and starts a timer of 0 within the same round); a single
 * uv_timer wakes the loop for the earliest.
 */
#include "reference/base/loop_uv.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "reference/base/mem.h"

struct loop_timer {
    uint64_t deadline_ns;
    uint64_t serial;
    size_t position; /* in the heap */
    loop_fn fn;
    void *arg;
};

struct loop_watch {
    uv_poll_t poll;
    unsigned events;
    loop_fd_fn fn;
    void *arg;
};

struct loop_uv {
    struct loop loop;
    uv_loop_t uv;
    uv_timer_t alarm;
    struct loop_timer **heap;
    size_t timers;
    size_t capacity;
    uint64_t next_serial;
    size_t watches;
};

static struct loop_uv *loop_uv_of(struct loop *loop)
{
    return container_of(loop, struct loop_uv, loop);
}

static void check(int result)
{
    if (result < 0)
        abort();
}

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->serial < b->serial;
}

static void heap_put(struct loop_uv *self, size_t position, struct loop_timer *timer)
{
    self->heap[position] = timer;
    timer->position = position;
}

static void heap_raise(struct loop_uv *self, struct loop_timer *timer)
{
    size_t position = timer->position;
    while (position > 0 && timer_before(timer, self->heap[(position - 1) / 2])) {
        heap_put(self, position, self->heap[(position - 1) / 2]);
        position = (position - 1) / 2;
    }
    heap_put(self, position, timer);
}

static void heap_lower(struct loop_uv *self, struct loop_timer *timer)
{
    size_t position = timer->position;
    for (size_t child = 2 * position + 1; child < self->timers; child = 2 * position + 1) {
        if (child + 1 < self->timers && timer_before(self->heap[child + 1], self->heap[child]))
            child++;
        if (!timer_before(self->heap[child], timer))
            break;
        heap_put(self, position, self->heap[child]);
        position = child;
    }
    heap_put(self, position, timer);
}

static uint64_t loop_uv_now_ns(struct loop *loop)
{
    (void)loop;
    return uv_hrtime();
}

static struct loop_timer *loop_uv_timer_start(struct loop *loop, uint64_t delay_ns, loop_fn fn,
    void *arg)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(fn);
    uint64_t now_ns = uv_hrtime();
    struct loop_timer *timer = mem_alloc(sizeof(*timer));
    timer->deadline_ns = delay_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + delay_ns;
    timer->serial = self->next_serial++;
    timer->fn = fn;
    timer->arg = arg;
    self->heap = mem_grow(self->heap, &self->capacity, self->timers + 1, sizeof(*self->heap));
    timer->position = self->timers++;
    heap_raise(self, timer);
    return timer;
}

static void timer_remove(struct loop_uv *self, struct loop_timer *timer)
{
    assert(timer->position < self->timers);
    assert(self->heap[timer->position] == timer);
    struct loop_timer *last = self->heap[--self->timers];
    if (last != timer) {
        last->position = timer->position;
        heap_raise(self, last);
        heap_lower(self, last);
    }
    free(timer);
}

static void loop_uv_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timer_remove(loop_uv_of(loop), timer);
}

/* Runs what is due; timers started meanwhile wait for a later step. */
static void run_due(struct loop_uv *self)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t end = self->next_serial;
    while (self->timers > 0) {
        struct loop_timer *timer = self->heap[0];
        if (timer->deadline_ns > now_ns || timer->serial >= end)
            break;
        loop_fn fn = timer->fn;
        void *arg = timer->arg;
        timer_remove(self, timer);
        fn(arg);
    }
}

static void watch_ready(uv_poll_t *poll, int status, int uv_events);

static int watch_poll(struct loop_watch *watch)
{
    int uv_events = UV_DISCONNECT;
    uv_events |= watch->events & LOOP_READABLE ? UV_READABLE : 0;
    uv_events |= watch->events & LOOP_WRITABLE ? UV_WRITABLE : 0;
    uv_events |= watch->events & LOOP_PRIORITY ? UV_PRIORITIZED : 0;
    return uv_poll_start(&watch->poll, uv_events, watch_ready);
}

static void watch_ready(uv_poll_t *poll, int status, int uv_events)
{
    struct loop_watch *watch = container_of(poll, struct loop_watch, poll);
    unsigned events = 0;
    events |= uv_events & UV_READABLE ? LOOP_READABLE : 0;
    events |= uv_events & UV_WRITABLE ? LOOP_WRITABLE : 0;
    events |= uv_events & UV_PRIORITIZED ? LOOP_PRIORITY : 0;
    events |= uv_events & UV_DISCONNECT ? LOOP_HANGUP : 0;
    if (status < 0) {
        /* libuv gives up on a descriptor in error (POLLERR); here it stays watched. */
        events = LOOP_HANGUP | (watch->events & (LOOP_READABLE | LOOP_WRITABLE));
        check(watch_poll(watch));
    }
    watch->fn(watch->arg, events);
}

static void watch_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct loop_watch, poll));
}

static struct loop_watch *loop_uv_fd_start(struct loop *loop, int fd, unsigned events,
    loop_fd_fn fn, void *arg)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(fd >= 0);
    assert(fn);
    struct loop_watch *watch = mem_alloc(sizeof(*watch));
    if (uv_poll_init(&self->uv, &watch->poll, fd) < 0) {
        free(watch);
        return NULL;
    }
    watch->events = events;
    watch->fn = fn;
    watch->arg = arg;
    check(watch_poll(watch));
    self->watches++;
    return watch;
}

static void loop_uv_fd_stop(struct loop *loop, struct loop_watch *watch)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(self->watches > 0);
    self->watches--;
    /* The memory is libuv's until the next round. */
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

static void alarm_rang(uv_timer_t *alarm)
{
    (void)alarm; /* to wake up is all */
}

static void arm(struct loop_uv *self, uint64_t now_ns)
{
    /* Rounded up, so that the deadline has passed when the loop wakes. */
    uint64_t wait_ns = self->heap[0]->deadline_ns - now_ns;
    uv_update_time(&self->uv);
    check(uv_timer_start(&self->alarm, alarm_rang, wait_ns / NS_PER_MS + 1, 0));
}

static bool loop_uv_step(struct loop *loop)
{
    struct loop_uv *self = loop_uv_of(loop);
    if (self->timers == 0 && self->watches == 0) {
        uv_run(&self->uv, UV_RUN_NOWAIT);
        return false;
    }
    uint64_t now_ns = uv_hrtime();
    bool due = self->timers > 0 && self->heap[0]->deadline_ns <= now_ns;
    if (self->timers > 0 && !due)
        arm(self, now_ns);
    uv_run(&self->uv, due ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    uv_timer_stop(&self->alarm);
    run_due(self);
    return true;
}

static void loop_uv_free(struct loop *loop)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(self->watches == 0);
    while (self->timers > 0)
        timer_remove(self, self->heap[0]);
    free(self->heap);
    uv_close((uv_handle_t *)&self->alarm, NULL);
    uv_run(&self->uv, UV_RUN_DEFAULT);
    check(uv_loop_close(&self->uv));
    free(self);
}

struct loop *loop_uv_new(void)
{
    static const struct loop_ops ops = {.now_ns = loop_uv_now_ns,
        .timer_start = loop_uv_timer_start,
        .timer_stop = loop_uv_timer_stop,
        .fd_start = loop_uv_fd_start,
        .fd_stop = loop_uv_fd_stop,
        .step = loop_uv_step,
        .free = loop_uv_free};
    struct loop_uv *self = mem_alloc(sizeof(*self));
    self->loop.ops = &ops;
    check(uv_loop_init(&self->uv));
    check(uv_timer_init(&self->uv, &self->alarm));
    return &self->loop;
}
