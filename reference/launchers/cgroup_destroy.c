/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/cgroup_destroy.h"

#include <errno.h>
#include <signal.h>

#include "reference/base/mem.h"
#include "reference/base/sometimes.h"

#define GUARD_FIRST_NS (1 * NS_PER_MS)
#define GUARD_MAX_NS (250 * NS_PER_MS)
#define BUSY_FIRST_NS (1 * NS_PER_MS)

struct cgroup_destroy *cgroup_destroy_new(const struct cgroup_destroy_kind *kind, struct host *host,
    struct cgroup_fs *fs, const char *path, uint64_t timeout_ns, struct done done)
{
    struct cgroup_destroy *destroy = mem_alloc(sizeof(*destroy));
    destroy->kind = kind;
    destroy->host = host;
    destroy->fs = fs;
    destroy->path = str_dup(path);
    destroy->deadline_ns = host_now_ns(host) + timeout_ns;
    destroy->done = done;
    destroy->kill_delay_ns = GUARD_FIRST_NS;
    destroy->busy_delay_ns = 0;
    destroy->empty = kind->plain;
    return destroy;
}

void cgroup_destroy_init(struct cgroup_destroy *destroy, pid_t init)
{
    destroy->init = init;
}

void cgroup_destroy_free(struct cgroup_destroy *destroy)
{
    if (!destroy)
        return;
    host_cancel(destroy->timer);
    exit_set_free(destroy->exits);
    cgroup_unwatch(destroy->fs, destroy->watch);
    strv_free(destroy->paths);
    free(destroy->path);
    free(destroy);
}

static void finish(struct cgroup_destroy *destroy, int result, const struct err *err)
{
    if (result < 0 && destroy->kind->abandon)
        destroy->kind->abandon(destroy);
    struct done done = destroy->done;
    cgroup_destroy_free(destroy);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
}

static void turn(struct cgroup_destroy *destroy);

static void timer_due(void *arg, int result)
{
    struct cgroup_destroy *destroy = arg;
    destroy->timer = NULL;
    if (result < 0)
        finish(destroy, result, NULL);
    else
        turn(destroy);
}

static void wait_for(struct cgroup_destroy *destroy, uint64_t delay_ns)
{
    host_cancel(destroy->timer);
    destroy->timer = host_timer(destroy->host, delay_ns, timer_due, destroy);
}

void cgroup_destroy_wake(struct cgroup_destroy *destroy)
{
    wait_for(destroy, 0);
}

uint64_t cgroup_destroy_guard(struct cgroup_destroy *destroy)
{
    uint64_t delay = destroy->kill_delay_ns;
    destroy->kill_delay_ns = delay * 2 < GUARD_MAX_NS ? delay * 2 : GUARD_MAX_NS;
    return delay;
}

bool cgroup_destroy_is_slow(const struct cgroup_destroy *destroy)
{
    return destroy->kill_delay_ns == GUARD_MAX_NS;
}

int cgroup_destroy_list(struct cgroup_destroy *destroy, char ***ret_paths, struct err *err)
{
    int result = cgroup_descendants(destroy->fs, destroy->path, ret_paths, err);
    if (result < 0)
        return result;
    strv_add(ret_paths, destroy->path);
    return 0;
}

static void exits_seen(void *arg, int result)
{
    struct cgroup_destroy *destroy = arg;
    if (result == 0)
        cgroup_destroy_wake(destroy);
}

/* A cgroup that vanished meanwhile holds nobody. */
static bool is_gone(int result)
{
    return result == -ENOENT || result == -ENODEV;
}

void cgroup_destroy_await(struct cgroup_destroy *destroy, pid_t pid)
{
    if (!destroy->exits)
        destroy->exits = exit_set_new(destroy->host, exits_seen, destroy);
    exit_set_add(destroy->exits, pid);
}

int cgroup_destroy_kill(struct cgroup_destroy *destroy, char *const *paths, size_t *ret_count,
    struct err *err)
{
    *ret_count = 0;
    for (size_t i = 0; paths[i]; i++) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;
        int result =
            cgroup_read_pids(destroy->fs, paths[i], "cgroup.procs", &pids, &count, err);
        if (is_gone(result))
            continue;
        if (result < 0)
            return result;
        for (size_t k = 0; k < count; k++) {
            /* 0 stands for a process outside of our pid namespace: nobody we could signal. */
            if (pids[k] <= 0)
                continue;
            (*ret_count)++;
            cgroup_destroy_await(destroy, pids[k]);
            result = host_signal(destroy->host, pids[k], SIGKILL, err);
            if (result < 0 && result != -ESRCH)
                return result;
        }
    }
    return 0;
}

/* Removes bottom-up; -EBUSY when somebody or something new is in there. */
static int remove_all(struct cgroup_destroy *destroy, struct err *err)
{
    _cleanup_strv_ char **paths = TAKE_PTR(destroy->paths);
    int result = paths ? 0 : cgroup_destroy_list(destroy, &paths, err);
    if (is_gone(result))
        return 0;
    if (result < 0)
        return result;
    for (size_t i = 0; paths[i]; i++) {
        result = cgroup_remove(destroy->fs, paths[i], err);
        if (result == 0 || is_gone(result))
            continue;
        if (result == -EBUSY || cgroup_exists(destroy->fs, paths[i]))
            return result;
    }
    err_clear(err);
    return 0;
}

static int busy_delay(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    sometimes("a cgroup is busy when it is removed");
    destroy->busy_attempts++;
    if (destroy->kind->busy_attempts_max &&
        destroy->busy_attempts >= destroy->kind->busy_attempts_max)
        return err_wrap(err, -EBUSY, "busy after %u attempts", destroy->busy_attempts);
    /* 0, 1, 2, 4 … ms: launchers.md 3.5. */
    *ret_delay_ns = destroy->busy_delay_ns;
    uint64_t next = destroy->busy_delay_ns ? destroy->busy_delay_ns * 2 : BUSY_FIRST_NS;
    destroy->busy_delay_ns =
        next < destroy->kind->busy_delay_max_ns ? next : destroy->kind->busy_delay_max_ns;
    return 0;
}

/* Without a look at what is in there: the kernel refuses when something is. */
static bool remove_empty(struct cgroup_destroy *destroy)
{
    bool tried = destroy->empty;
    destroy->empty = false;
    return tried && cgroup_remove(destroy->fs, destroy->path, NULL) == 0;
}

/* One turn: kill what is there, remove when nobody is. 0: done; 1: another one after the delay. */
static int turn_once(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    if (remove_empty(destroy))
        return 0;
    int result = destroy->kind->kill(destroy, ret_delay_ns, err);
    if (result < 0 && !destroy->host->gone && !cgroup_exists(destroy->fs, destroy->path))
        return 0;
    if (result != 0)
        return result;
    result = remove_all(destroy, err);
    if (result != -EBUSY)
        return result;
    result = busy_delay(destroy, ret_delay_ns, err);
    return result < 0 ? result : 1;
}

static void turn(struct cgroup_destroy *destroy)
{
    _cleanup_err_ struct err err = ERR_INIT;
    uint64_t delay_ns = 0;
    int result = turn_once(destroy, &delay_ns, &err);
    if (result <= 0) {
        if (result < 0)
            err_wrap(&err, result, "destroy cgroup %s", destroy->path);
        finish(destroy, result, &err);
        return;
    }
    uint64_t now = host_now_ns(destroy->host);
    if (now >= destroy->deadline_ns) {
        sometimes("the destruction of a cgroup timed out");
        if (err.message)
            err_wrap(&err, -ETIMEDOUT, "destroy cgroup %s: timed out", destroy->path);
        else
            err_set(&err, -ETIMEDOUT, "destroy cgroup %s: timed out with %zu processes left",
                destroy->path, destroy->exits ? exit_set_count(destroy->exits) : 0);
        finish(destroy, -ETIMEDOUT, &err);
        return;
    }
    uint64_t left = destroy->deadline_ns - now;
    wait_for(destroy, delay_ns < left ? delay_ns : left);
}

void cgroup_destroy_start(struct cgroup_destroy *destroy)
{
    turn(destroy);
}
