/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching for the end of processes. A process has one place for who wants to know; here any number
 * of watches, of any number of agents, share it: struct watchers, which belongs to the world.
 */
#include <stdlib.h>

#include "fakes/host/sim_host_internal.h"
#include "reference/base/map.h"

struct exit_watch {
    struct host_request request;
    struct list node; /* in watchers, or alone while the timer runs */
    struct watchers *watchers;
    struct loop_timer *timer;
    pid_t pid;
    host_exit_fn fn;
    void *arg;
};

struct watchers {
    struct list list;
    struct process *process;
};

static void watchers_free(struct watchers *watchers)
{
    u64map_remove(
        sim_world_get(watchers->process->kernel)->watchers, (uint64_t)watchers->process->pid);
    free(watchers);
}

static void watch_cancel(struct host_request *request)
{
    struct exit_watch *watch = container_of(request, struct exit_watch, request);
    struct watchers *watchers = watch->watchers;
    loop_timer_stop(request->host->loop, watch->timer);
    list_remove(&watch->node);
    free(watch);
    /* A notice that is on its way still needs the watchers. */
    if (watchers && list_empty(&watchers->list) && !watchers->process->exit_notice) {
        watchers->process->on_exit = NULL;
        watchers_free(watchers);
    }
}

/* Calls back; the watch is gone. Its agent gets the status only of a child of its own, and reaps
 * it. */
static void watch_tell(struct exit_watch *watch, bool status_known, int status)
{
    host_exit_fn fn = watch->fn;
    void *arg = watch->arg;
    list_remove(&watch->node);
    free(watch);
    fn(arg, 0, status_known, status);
}

static bool is_child_of(const struct process *process, const struct host *host)
{
    const struct sim_host *sim = container_of(host, const struct sim_host, base);
    return sim->agent && process->parent == sim->agent && !host->gone;
}

static void process_ended(struct process *process, void *arg)
{
    struct watchers *watchers = arg;
    int status = process->exit_status;
    const struct host *parent = NULL;
    list_for_each(node, &watchers->list)
    {
        const struct host *host = list_entry(node, struct exit_watch, node)->request.host;
        if (is_child_of(process, host))
            parent = host;
    }
    if (parent)
        process_reap(process);
    process->on_exit = NULL;
    /* Who is told may fork, and a reaped process is gone then: nothing of it is needed after this.
     */
    struct list told;
    list_init(&told);
    while (!list_empty(&watchers->list)) {
        struct exit_watch *watch = list_entry(watchers->list.next, struct exit_watch, node);
        watch->watchers = NULL;
        list_remove(&watch->node);
        list_append(&told, &watch->node);
    }
    watchers_free(watchers);
    while (!list_empty(&told)) {
        struct exit_watch *watch = list_entry(told.next, struct exit_watch, node);
        watch_tell(watch, watch->request.host == parent, status);
    }
}

/* There is no process, or it is a zombie of which nobody was told. */
static void watch_due(void *arg)
{
    struct exit_watch *watch = arg;
    const struct sim_host *sim = sim_host_of(watch->request.host);
    watch->timer = NULL;
    struct process *process = process_find(sim->kernel, watch->pid);
    bool child =
        process && process->state == PROCESS_ZOMBIE && is_child_of(process, watch->request.host);
    int status = child ? process->exit_status : 0;
    if (child)
        process_reap(process);
    watch_tell(watch, child, status);
}

static struct watchers *watchers_get(struct sim_world *world, struct process *process)
{
    struct watchers *watchers = u64map_get(world->watchers, (uint64_t)process->pid);
    if (!watchers) {
        watchers = mem_alloc(sizeof(*watchers));
        list_init(&watchers->list);
        watchers->process = process;
        u64map_set(world->watchers, (uint64_t)process->pid, watchers);
        process->on_exit = process_ended;
        process->on_exit_arg = watchers;
    }
    return watchers;
}

struct host_request *sim_exit_watch(struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    struct sim_host *sim = sim_host_of(host);
    struct exit_watch *watch = mem_alloc(sizeof(*watch));
    watch->request.host = host;
    watch->request.cancel = watch_cancel;
    watch->pid = pid;
    watch->fn = fn;
    watch->arg = arg;
    list_init(&watch->node);
    struct process *process = process_find(sim->kernel, pid);
    if (!process || (process->state == PROCESS_ZOMBIE && !process->exit_notice)) {
        watch->timer = loop_timer_start(host->loop, 0, watch_due, watch);
    } else {
        watch->watchers = watchers_get(sim->world, process);
        list_append(&watch->watchers->list, &watch->node);
    }
    return &watch->request;
}

void sim_watchers_drop(struct sim_world *world)
{
    size_t cursor = 0;
    uint64_t pid = 0;
    void *watchers = NULL;
    while (u64map_next(world->watchers, &cursor, &pid, &watchers)) {
        u64map_remove(world->watchers, pid);
        free(watchers);
    }
}
