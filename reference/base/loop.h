/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: single-threaded timers, deferred calls and descriptor watches behind a small interface.
 * loop_uv.h drives it with libuv for real; fakes/sim_loop.h drives it on virtual time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

typedef void (*loop_fn)(void *arg);
typedef void (*loop_fd_fn)(void *arg, unsigned events);

struct loop_timer; /* one pending timer; the handle dies when its function is called or it is
                      stopped */
struct loop_watch; /* one watched descriptor; the handle dies when it is stopped */

enum loop_events { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_PRIORITY = 4, LOOP_HANGUP = 8 };

struct loop;
struct loop_ops {
    uint64_t (*now_ns)(struct loop *loop);
    struct loop_timer *(*timer_start)(struct loop *loop, uint64_t delay_ns, loop_fn fn, void *arg);
    void (*timer_stop)(struct loop *loop, struct loop_timer *timer);
    struct loop_watch *(*fd_start)(
        struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *arg);
    void (*fd_stop)(struct loop *loop, struct loop_watch *watch);
    bool (*step)(struct loop *loop);
    void (*free)(struct loop *loop);
};
struct loop {
    const struct loop_ops *ops;
};

/* Monotonic time in ns; virtual in simulation. */
static inline uint64_t loop_now_ns(struct loop *loop)
{
    return loop->ops->now_ns(loop);
}

/* Calls fn(arg) once, delay_ns from now (0: in a later step, never from here). */
static inline struct loop_timer *loop_timer_start(struct loop *loop, uint64_t delay_ns, loop_fn fn,
    void *arg)
{
    return loop->ops->timer_start(loop, delay_ns, fn, arg);
}

/* Forgets a pending timer. NULL is fine. */
static inline void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    if (timer)
        loop->ops->timer_stop(loop, timer);
}

/* Calls fn whenever the descriptor has one of `events` (level-triggered), until stopped. NULL in
 * simulation, which has no descriptors. */
static inline struct loop_watch *loop_fd_start(struct loop *loop, int fd, unsigned events,
    loop_fd_fn fn, void *arg)
{
    return loop->ops->fd_start(loop, fd, events, fn, arg);
}

static inline void loop_fd_stop(struct loop *loop, struct loop_watch *watch)
{
    if (watch)
        loop->ops->fd_stop(loop, watch);
}

/*
 * Runs what is due next: really (waiting for it), or by jumping virtual time to it. False when
 * nothing is pending at all. The caller looks at the world between two steps.
 */
static inline bool loop_step(struct loop *loop)
{
    return loop->ops->step(loop);
}

static inline void loop_free(struct loop *loop)
{
    if (loop)
        loop->ops->free(loop);
}
