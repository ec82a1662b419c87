/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/load.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bench/interrupt.h"
#include "reference/base/mem.h"

struct worker {
    struct load *load;
    size_t place;
    pthread_t thread;
};

bool load_next(struct load *load, size_t *ret_index, uint64_t *ret_due_ns)
{
    bool more;

    pthread_mutex_lock(&load->lock);
    *ret_index = load->begun;
    *ret_due_ns = load->per_second > 0
                      ? load->started_ns + (uint64_t)((double)load->begun / load->per_second * 1e9)
                      : launch_now_ns();
    more = load->failed == 0 && (load->most == 0 || load->begun < load->most) &&
           (load->until_ns == 0 || *ret_due_ns < load->until_ns) &&
           (load->work == LOAD_STOPS || !interrupted());
    load->begun += more;
    pthread_mutex_unlock(&load->lock);
    return more;
}

void load_done(struct load *load, const struct lifecycle *times, int result, const struct err *err)
{
    pthread_mutex_lock(&load->lock);
    if (result < 0 && load->failed == 0) {
        load->failed = result;
        err_copy(&load->err, err);
    }
    if (result == 0 && times) {
        load->lifecycles =
            mem_grow(load->lifecycles, &load->capacity, load->done + 1, sizeof(*load->lifecycles));
        load->lifecycles[load->done] = *times;
    }
    load->done += result == 0;
    pthread_mutex_unlock(&load->lock);
}

static void wait_until(uint64_t due_ns)
{
    const struct timespec due = {(time_t)(due_ns / 1000000000u), (long)(due_ns % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR && !interrupted())
        ;
}

static void one(struct worker *worker, size_t index, uint64_t due_ns)
{
    struct load *load = worker->load;
    const struct contender *contender = load->contender;
    struct container *container = &load->places[load->work == LOAD_CYCLES ? worker->place : index];
    _cleanup_err_ struct err err = ERR_INIT;
    struct lifecycle times = {0};
    double us;
    int r;

    if (load->work == LOAD_STARTS) {
        r = container_start(container, contender, load->data, &err);
    } else if (load->work == LOAD_STOPS) {
        r = container_stop(container, contender, load->data, &us, &err);
    } else {
        wait_until(due_ns);
        r = container_cycle(container, contender, load->data, &times, &err);
        const double waited_us = (double)(container->called_ns - due_ns) / 1e3;
        times.launch_us += waited_us;
        times.lifecycle_us += waited_us;
    }
    load_done(load, load->work == LOAD_CYCLES ? &times : NULL, r, &err);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    uint64_t due_ns;
    size_t index;

    while (load_next(worker->load, &index, &due_ns))
        one(worker, index, due_ns);
    return NULL;
}

static int run_threads(struct load *load, struct err *err)
{
    _cleanup_free_ struct worker *workers = mem_alloc(load->workers * sizeof(*workers));
    size_t count = 0;
    int r = 0;

    for (; r == 0 && count < load->workers; count += r == 0) {
        workers[count] = (struct worker){load, count, 0};
        r = -pthread_create(&workers[count].thread, NULL, work, &workers[count]);
    }
    if (r < 0)
        load_done(load, NULL, r, &(struct err){r, NULL});
    for (size_t i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    return r < 0 ? err_errno(err, r, "start a worker") : 0;
}

int load_play(struct load *load, struct err *err)
{
    int r;

    pthread_mutex_init(&load->lock, NULL);
    if (load->work != LOAD_CYCLES)
        load->most = load->place_count;
    load->started_ns = launch_now_ns();
    r = load->contender->run_load ? load->contender->run_load(load->data, load, err)
                                  : run_threads(load, err);
    load->ended_ns = launch_now_ns();
    if (r == 0 && load->failed < 0) {
        err_copy(err, &load->err);
        r = err_wrap(err, load->failed, "%s", load->contender->name);
    }
    return r;
}

void load_release(struct load *load)
{
    free(load->lifecycles);
    err_clear(&load->err);
    pthread_mutex_destroy(&load->lock);
}

double load_per_second(const struct load *load)
{
    return (double)load->done / ((double)(load->ended_ns - load->started_ns) / 1e9);
}
