/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libuv waits. What it waits for is one epoll with all the descriptors (libuv's own handles take
 * five system calls to start and stop watching one, where a container has five of them; this takes
 * two), and one timer. The timers are our own heap, by deadline in ns and then by order of starting
 * (libuv counts in ms and starts a timer of 0 within the same round); the single uv_timer wakes the
 * loop for the earliest.
 */
#include "reference/base/loop_uv.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "reference/base/list.h"
#include "reference/base/mem.h"

struct loop_timer {
    uint64_t deadline_ns;
    uint64_t serial;
    size_t position; /* in the heap */
    loop_fn fn;
    void *arg;
};

#define READY_MAX 64 /* descriptors told of in one step */

struct loop_watch {
    int fd;
    unsigned events;
    loop_fd_fn fn; /* NULL: stopped */
    void *arg;
    struct list node; /* among the stopped ones */
};

struct loop_uv {
    struct loop loop;
    uv_loop_t uv;
    uv_timer_t alarm;
    uv_poll_t ready; /* some descriptor in the epoll */
    int epoll;
    struct list stopped; /* watches that an event under way may still name */
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

static uint32_t epoll_wanted(unsigned events)
{
    uint32_t wanted = EPOLLRDHUP;
    wanted |= events & LOOP_READABLE ? EPOLLIN : 0;
    wanted |= events & LOOP_WRITABLE ? EPOLLOUT : 0;
    wanted |= events & LOOP_PRIORITY ? EPOLLPRI : 0;
    return wanted;
}

static unsigned events_of(const struct loop_watch *watch, uint32_t ready)
{
    unsigned events = 0;
    events |= ready & EPOLLIN ? LOOP_READABLE : 0;
    events |= ready & EPOLLOUT ? LOOP_WRITABLE : 0;
    events |= ready & EPOLLPRI ? LOOP_PRIORITY : 0;
    events |= ready & EPOLLRDHUP ? LOOP_HANGUP : 0;
    /* Files of the kernel tell a change by an error beside the priority. */
    if (ready & EPOLLHUP || (ready & EPOLLERR && !(ready & EPOLLPRI)))
        events |= LOOP_HANGUP | (watch->events & (LOOP_READABLE | LOOP_WRITABLE));
    return events;
}

static void descriptors_ready(uv_poll_t *poll, int status, int uv_events)
{
    (void)status, (void)uv_events;
    struct loop_uv *self = container_of(poll, struct loop_uv, ready);
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(self->epoll, ready, READY_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct loop_watch *watch = ready[i].data.ptr;
        if (watch->fn)
            watch->fn(watch->arg, events_of(watch, ready[i].events));
    }
    list_for_each_safe(node, following, &self->stopped)
        free(list_entry(node, struct loop_watch, node));
    list_init(&self->stopped);
}

static struct loop_watch *loop_uv_fd_start(struct loop *loop, int fd, unsigned events,
    loop_fd_fn fn, void *arg)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(fd >= 0);
    assert(fn);
    struct loop_watch *watch = mem_alloc(sizeof(*watch));
    struct epoll_event wanted = {.events = epoll_wanted(events), .data.ptr = watch};
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &wanted) < 0) {
        free(watch);
        return NULL;
    }
    watch->fd = fd;
    watch->events = events;
    watch->fn = fn;
    watch->arg = arg;
    self->watches++;
    return watch;
}

static void loop_uv_fd_stop(struct loop *loop, struct loop_watch *watch)
{
    struct loop_uv *self = loop_uv_of(loop);
    assert(self->watches > 0);
    self->watches--;
    epoll_ctl(self->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fn = NULL;
    list_append(&self->stopped, &watch->node);
}

/* To wake up is all. It may ring before the wait begins, when this process did not run for a while:
 * then there is nothing any more that would end the wait, so there must be none. */
static void alarm_rang(uv_timer_t *alarm)
{
    uv_stop(alarm->loop);
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
    descriptors_ready(&self->ready, 0, 0); /* frees the stopped ones */
    uv_close((uv_handle_t *)&self->alarm, NULL);
    uv_close((uv_handle_t *)&self->ready, NULL);
    uv_run(&self->uv, UV_RUN_DEFAULT);
    check(uv_loop_close(&self->uv));
    close(self->epoll);
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
    list_init(&self->stopped);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    check(self->epoll);
    check(uv_poll_init(&self->uv, &self->ready, self->epoll));
    check(uv_poll_start(&self->ready, UV_READABLE, descriptors_ready));
    return &self->loop;
}
