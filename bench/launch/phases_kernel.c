/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phases by the timestamps of the kernel (bpf/): a thread sees each cgroup of the freezer that a
 * contender makes below ours, and publishes it at once, long before its first task.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/launch/phases.h"
#include "bpf/stats.h"
#include "reference/base/mem.h"

#define WATCH_MS 50

static const char *const phases[] = {"until its cgroup is made", "until its first task is made",
    "until that task runs", "until that task is in the cgroup", "until its first exec",
    "until its first task ends", "until its cgroup is empty", "until its cgroup is removed", NULL};
static const enum stats_field fields[] = {FIELD_CREATED, FIELD_CLONE, FIELD_FIRST_RUN, FIELD_ATTACH,
    FIELD_EXEC, FIELD_EXIT, FIELD_EMPTY, FIELD_REMOVED};

struct watcher {
    const struct run *run;
    struct stats *stats; /* NULL: no probes */
    int notify;
    pthread_t thread;
    pthread_mutex_t lock; /* of the stats */
    bool ends;
};

static void publish(struct watcher *watcher, const char *name)
{
    _cleanup_free_ char *cgroup = str_printf("%s/%s", watcher->run->world.cgroup, name);

    pthread_mutex_lock(&watcher->lock);
    stats_publish(watcher->stats, "container", cgroup, NULL, NULL);
    pthread_mutex_unlock(&watcher->lock);
}

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (!__atomic_load_n(&watcher->ends, __ATOMIC_RELAXED)) {
        struct pollfd fd = {.fd = watcher->notify, .events = POLLIN};
        ssize_t length = poll(&fd, 1, WATCH_MS) == 1 ? read(fd.fd, bytes, sizeof(bytes)) : 0;

        for (char *at = bytes; length > 0 && at < bytes + length;) {
            const struct inotify_event *event = (const void *)at;

            if (event->mask & IN_CREATE && event->len > 0 && event->mask & IN_ISDIR)
                publish(watcher, event->name);
            at += sizeof(*event) + event->len;
        }
    }
    return NULL;
}

static int watcher_open(struct run *run, void **ret_data, struct err *err)
{
    struct watcher *watcher = mem_alloc(sizeof(*watcher));
    _cleanup_free_ char *freezer = str_printf("/sys/fs/cgroup/freezer/%s", run->world.cgroup);
    int r;

    *ret_data = watcher;
    *watcher = (struct watcher){.run = run, .notify = inotify_init1(IN_CLOEXEC)};
    pthread_mutex_init(&watcher->lock, NULL);
    mkdir(freezer, 0755);
    if (watcher->notify < 0 || inotify_add_watch(watcher->notify, freezer, IN_CREATE) < 0)
        return err_errno(err, -errno, "watch %s", freezer);
    r = stats_open(&(struct stats_options){.slots = 64}, &watcher->stats, err);
    if (r == 0 && !stats_source_of(watcher->stats, "cgroup_mkdir"))
        r = err_set(err, -ENOTSUP, "no probe tells when a cgroup is made");
    if (r < 0)
        return r;
    r = -pthread_create(&watcher->thread, NULL, watch, watcher);
    return r < 0 ? err_errno(err, r, "start a thread") : 0;
}

static void watcher_close(void *data)
{
    struct watcher *watcher = data;

    if (watcher->thread) {
        __atomic_store_n(&watcher->ends, true, __ATOMIC_RELAXED);
        pthread_join(watcher->thread, NULL);
    }
    if (watcher->notify >= 0)
        close(watcher->notify);
    stats_close(watcher->stats);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

static void watcher_end(
    void *data, const struct entrant *entrant, uint64_t called_ns, uint64_t gone_ns, double *us)
{
    struct watcher *watcher = data;
    const struct stats_container *seen;

    (void)entrant;
    pthread_mutex_lock(&watcher->lock);
    seen = stats_find(stats_read(watcher->stats), "container");
    for (size_t i = 0; seen && i < ARRAY_SIZE(fields); i++) {
        const struct stats_value *value = &seen->values[fields[i]];

        if (value->valid && value->value >= called_ns && value->value <= gone_ns)
            us[i] = (double)(value->value - called_ns) / 1e3;
    }
    stats_retire(watcher->stats, "container", NULL);
    pthread_mutex_unlock(&watcher->lock);
}

const struct phase_source phases_kernel = {.name = "the kernel's timestamps (bpf)",
    .phases = phases,
    .open = watcher_open,
    .end = watcher_end,
    .close = watcher_close};
