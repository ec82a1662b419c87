/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program at the switch tells the run-queue histogram and nothing else. Having a program there
 * at all costs a few dozen ns, which is nothing for most loads, and some percent for one that does
 * nothing but switch. So it is watched in turn: a thread looks at how many switches the busiest CPU
 * had, and when the program has taken more than its share of that CPU, detaches it for as long as
 * makes up for it. The histogram is then one of a part of the time; the sum of waits and all other
 * figures, which the tasks count themselves, are not touched.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "reference/base/mem.h"

#define LOOK_NS 100000000U /* between two looks */
#define SWITCH_NS 50       /* what a run costs; an empty program 25, ours 35 to 45 */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t watch_rest_ns(uint64_t elapsed_ns, uint64_t switches, unsigned percent)
{
    double cost = (double)switches * SWITCH_NS;
    double allowed = (double)elapsed_ns * percent / 100;
    return cost > allowed ? (uint64_t)((double)elapsed_ns * (cost / allowed - 1)) : 0;
}

/* --- on and off --- */

static void counts_read(const struct stats *stats, uint64_t *counts)
{
    uint32_t zero = 0;
    bpf_map_lookup_elem(stats->maps[MAP_SWITCHES].fd, &zero, counts);
}

/* What the tasks have waited before is not known to be of one wait: their lines are void. */
static void attach(struct stats *stats)
{
    struct watch *watch = &stats->watch;
    __atomic_fetch_add(&stats->control->watch, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&stats->control->generation, 1, __ATOMIC_RELEASE);
    watch->link = bpf_raw_tracepoint_open(watch->name, watch->program);
    watch->since_ns = now_ns();
    counts_read(stats, watch->counts);
}

static void detach(struct watch *watch, uint64_t now)
{
    close(watch->link);
    watch->link = -1;
    watch->watched_ns += now - watch->since_ns;
    watch->since_ns = now;
}

void watch_attach(struct stats *stats)
{
    pthread_mutex_lock(&stats->watch.lock);
    if (stats->watch.program >= 0 && stats->watch.link < 0)
        attach(stats);
    pthread_mutex_unlock(&stats->watch.lock);
}

void watch_detach(struct stats *stats)
{
    pthread_mutex_lock(&stats->watch.lock);
    if (stats->watch.link >= 0)
        detach(&stats->watch, now_ns());
    pthread_mutex_unlock(&stats->watch.lock);
}

double watch_share(struct stats *stats)
{
    struct watch *watch = &stats->watch;
    if (watch->program < 0)
        return stats_source_of(stats, "sched_switch") ? 1 : 0;
    pthread_mutex_lock(&watch->lock);
    uint64_t now = now_ns();
    uint64_t watched_ns = watch->watched_ns + (watch->link >= 0 ? now - watch->since_ns : 0);
    double share = (double)watched_ns / (double)(now - watch->opened_ns + 1);
    pthread_mutex_unlock(&watch->lock);
    return share;
}

/* --- the thread --- */

static void look(struct stats *stats)
{
    struct watch *watch = &stats->watch;
    uint64_t now = now_ns();
    if (watch->link < 0) {
        if (now >= watch->until_ns)
            attach(stats);
        return;
    }
    uint64_t *counts = watch->counts + stats->cpus;
    uint64_t most = 0;
    counts_read(stats, counts);
    for (int cpu = 0; cpu < stats->cpus; cpu++) {
        uint64_t more = counts[cpu] - watch->counts[cpu];
        most = more > most ? more : most;
        watch->counts[cpu] = counts[cpu];
    }
    uint64_t rest_ns = watch_rest_ns(now - watch->since_ns, most, watch->percent);
    watch->watched_ns += now - watch->since_ns;
    watch->since_ns = now;
    watch->until_ns = now + rest_ns;
    if (rest_ns > 0)
        detach(watch, now);
}

static void *tend(void *arg)
{
    struct stats *stats = arg;
    struct watch *watch = &stats->watch;
    pthread_mutex_lock(&watch->lock);
    while (!watch->ends) {
        uint64_t until = now_ns() + LOOK_NS;
        struct timespec when = {(time_t)(until / 1000000000U), (long)(until % 1000000000U)};
        pthread_cond_timedwait(&watch->wakes, &watch->lock, &when);
        if (!watch->ends)
            look(stats);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

/* Signals are for the threads that were there before. */
static void thread_start(struct stats *stats)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    stats->watch.tended = pthread_create(&stats->watch.thread, NULL, tend, stats) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int program_of(const struct stats *stats, const char **ret_name)
{
    const struct probe_state *state = ladder_find(&stats->ladder, "sched_switch");
    if (state->rung != RUNG_TP_BTF && state->rung != RUNG_RAW_TP)
        return -1;
    *ret_name = state->rung == RUNG_RAW_TP ? "sched_switch" : NULL;
    return ladder_iterates(&stats->ladder) ? bpf_program__fd(state->program) : -1;
}

void watch_open(struct stats *stats, unsigned percent)
{
    struct watch *watch = &stats->watch;
    watch->program = program_of(stats, &watch->name);
    if (watch->program < 0)
        return;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->wakes, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&watch->lock, NULL);
    watch->counts = mem_alloc(2 * (size_t)stats->cpus * sizeof(uint64_t));
    watch->opened_ns = now_ns();
    watch->percent = percent;
    ladder_detach(&stats->ladder, "sched_switch");
    attach(stats);
    if (percent > 0)
        thread_start(stats);
}

void watch_close(struct stats *stats)
{
    struct watch *watch = &stats->watch;
    if (watch->program < 0)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->ends = true;
    pthread_cond_signal(&watch->wakes);
    pthread_mutex_unlock(&watch->lock);
    if (watch->tended)
        pthread_join(watch->thread, NULL);
    if (watch->link >= 0)
        close(watch->link);
    pthread_cond_destroy(&watch->wakes);
    pthread_mutex_destroy(&watch->lock);
    free(watch->counts);
}
