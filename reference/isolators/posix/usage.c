/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/posix/usage.h"

#include <errno.h>

#include "reference/base/map.h"

struct posix_usage {
    struct isolator base;
    posix_fill_fn fill;
    struct strmap *pids; /* id -> pid as a pointer-sized number + 1 (0 = prepared, no pid yet) */
};

#define PID_UNKNOWN ((void *)1)

static void *pid_pack(pid_t pid)
{
    return (void *)((uintptr_t)pid + 1);
}

static pid_t pid_unpack(const void *value)
{
    return (pid_t)((uintptr_t)value - 1);
}

static void usage_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);

    (void)orphans;
    for (size_t i = 0; i < count; i++) {
        if (strmap_get(posix->pids, states[i].id)) {
            _cleanup_err_ struct err err = ERR_INIT;

            err_set(&err, -EEXIST, "container %s has already been recovered", states[i].id);
            done_fail(done, -EEXIST, &err);
            return;
        }
        strmap_set(posix->pids, states[i].id, pid_pack(states[i].pid));
    }
    done_ok(done, NULL);
}

static void usage_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);

    (void)config;
    if (strmap_get(posix->pids, id)) {
        _cleanup_err_ struct err err = ERR_INIT;

        err_set(&err, -EEXIST, "container %s has already been prepared", id);
        done_fail(done, -EEXIST, &err);
        return;
    }
    strmap_set(posix->pids, id, PID_UNKNOWN);
    done_ok(done, NULL);
}

static void usage_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);

    if (!strmap_get(posix->pids, id)) {
        _cleanup_err_ struct err err = ERR_INIT;

        err_set(&err, -ENOENT, "unknown container %s", id);
        done_fail(done, -ENOENT, &err);
        return;
    }
    strmap_set(posix->pids, id, pid_pack(pid));
    done_ok(done, NULL);
}

static bool is_member(pid_t pid, const pid_t *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i] == pid)
            return true;
    }
    return false;
}

/* The list is by pid, not by age: go over it until no more descendants turn up. */
static void sum_tree(
    const struct process_info *list, size_t count, pid_t root, struct posix_sums *sums)
{
    _cleanup_free_ pid_t *members = mem_alloc((count + 1) * sizeof(*members));
    size_t known = 0;
    bool grown = true;

    while (grown) {
        grown = false;
        for (size_t i = 0; i < count; i++) {
            bool inside = list[i].pid == root || is_member(list[i].ppid, members, known);

            if (!inside || is_member(list[i].pid, members, known))
                continue;
            members[known++] = list[i].pid;
            sums->user_ns += list[i].user_ns;
            sums->system_ns += list[i].system_ns;
            sums->rss_bytes += list[i].rss_bytes;
            grown = true;
        }
    }
}

static void usage_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);
    const void *packed = strmap_get(posix->pids, id);
    struct statistics statistics = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ struct process_info *list = NULL;
    struct posix_sums sums = {0};
    size_t count = 0;
    int r;

    if (!packed) {
        err_set(&err, -ENOENT, "unknown container %s", id);
        done_fail(done, -ENOENT, &err);
        return;
    }
    if (pid_unpack(packed) == 0) {
        done_ok(done, &statistics);
        return;
    }
    r = host_process_list(isolator->host, &list, &count, &err);
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    sum_tree(list, count, pid_unpack(packed), &sums);
    statistics.timestamp = host_wall_time(isolator->host);
    posix->fill(&sums, &statistics);
    done_ok(done, &statistics);
}

static void usage_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);

    strmap_remove(posix->pids, id);
    done_ok(done, NULL);
}

static void usage_free(struct isolator *isolator)
{
    struct posix_usage *posix = container_of(isolator, struct posix_usage, base);

    strmap_free(posix->pids);
    free(posix);
}

static const struct isolator_ops posix_usage_ops = {
    .recover = usage_recover,
    .prepare = usage_prepare,
    .isolate = usage_isolate,
    .usage = usage_usage,
    .cleanup = usage_cleanup,
    .free = usage_free,
};

struct isolator *posix_usage_new(struct host *host, const char *name, posix_fill_fn fill)
{
    struct posix_usage *posix = mem_alloc(sizeof(*posix));

    posix->base = (struct isolator){.ops = &posix_usage_ops, .name = name, .host = host};
    posix->fill = fill;
    posix->pids = strmap_new();
    return &posix->base;
}
