/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The posix launcher (launchers.md 2): a container is its session. Destroy kills the init, its
 * descendants, and all of its session and process group, scan after scan until none is left. What
 * makes a session of its own and is adopted by somebody else escapes; the linux launcher is for
 * that.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reference/base/list.h"
#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/launchers/launcher.h"

#define SCAN_DELAY_FIRST_NS (1 * NS_PER_MS)
#define SCAN_DELAY_MAX_NS (250 * NS_PER_MS)
#define KILL_TIMEOUT_NS (60 * NS_PER_SEC)

struct posix_launcher {
    struct launcher base;
    struct strmap *records;
    struct list killing; /* of struct posix_record.node: forgotten, not yet dead */
};

struct posix_record {
    struct posix_launcher *launcher;
    char *id;
    pid_t pid; /* also of its session and group; 0: unknown */
    /* Its end was seen: the number may belong to somebody else now, except as that of a session. */
    bool ended;
    struct host_request *exit_watch;

    struct list node;
    struct done done;
    struct host_request *timer;
    uint64_t delay_ns;
    uint64_t deadline_ns;
};

static struct posix_launcher *posix_of(struct launcher *launcher)
{
    return container_of(launcher, struct posix_launcher, base);
}

static void record_free(struct posix_record *record)
{
    host_cancel(record->exit_watch);
    host_cancel(record->timer);
    list_remove(&record->node);
    free(record->id);
    free(record);
}

static void kill_step(struct posix_record *record);

static void record_ended(void *arg, int result, bool status_known, int wait_status)
{
    (void)status_known;
    (void)wait_status;
    struct posix_record *record = arg;
    record->exit_watch = NULL;
    if (result < 0)
        return;
    record->ended = true;
    if (record->timer && record->deadline_ns) {
        host_cancel(record->timer);
        record->timer = NULL;
        kill_step(record);
    }
}

static struct posix_record *record_add(struct posix_launcher *posix, const char *id, pid_t pid)
{
    struct posix_record *record = mem_alloc(sizeof(*record));
    record->launcher = posix;
    record->id = str_dup(id);
    record->pid = pid;
    list_init(&record->node);
    strmap_set(posix->records, id, record);
    if (pid > 0)
        record->exit_watch = host_exit_watch(posix->base.host, pid, record_ended, record);
    return record;
}

/* Ours lead sessions of their own: a live process of that number which does not is somebody else,
 * and then nothing of the session is left. Yields the pid, or 0. */
static pid_t leads_session(struct host *host, pid_t pid)
{
    struct process_info info;
    bool strange = pid > 0 && host_process_info(host, pid, &info) == 0 && info.state != 'Z' &&
                   info.sid != pid;
    return strange ? 0 : pid;
}

static void posix_recover(struct launcher *launcher, const struct container_state *states,
    size_t count, struct done done)
{
    struct posix_launcher *posix = posix_of(launcher);
    _cleanup_err_ struct err err = ERR_INIT;
    struct u64map *pids = u64map_new();
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct container_state *state = &states[i];
        const char *other = state->pid > 0 ? u64map_get(pids, (uint64_t)state->pid) : NULL;
        if (other)
            result = err_set(&err, -EEXIST, "recover %s: pid %d is that of %s already", state->id,
                (int)state->pid, other);
        else if (state->pid > 0)
            u64map_set(pids, (uint64_t)state->pid, (void *)(uintptr_t)state->id);
    }
    for (size_t i = 0; i < count && result == 0; i++)
        record_add(posix, states[i].id, leads_session(launcher->host, states[i].pid));
    u64map_free(pids);
    char *const none[] = {NULL};
    if (result < 0)
        done_fail(done, result, &err);
    else
        done_ok(done, none);
}

static int posix_fork(struct launcher *launcher, const char *id, struct plan *plan, pid_t *ret_pid,
    int *ret_gate, struct err *err)
{
    struct posix_launcher *posix = posix_of(launcher);
    if (plan->clone_namespaces || plan->enter_namespaces)
        return err_set(err, -EINVAL,
            "fork %s: the posix launcher neither enters nor makes namespaces", id);
    if (strmap_get(posix->records, id))
        return err_set(err, -EEXIST, "fork %s: it exists already", id);
    int result = host_spawn(launcher->host, plan, ret_pid, ret_gate, err);
    if (result < 0)
        return err_wrap(err, result, "fork %s", id);
    record_add(posix, id, *ret_pid);
    return 0;
}

static void kill_finish(struct posix_record *record, int result, const struct err *err)
{
    struct done done = record->done;
    if (result == 0 || record->launcher->base.host->gone) {
        record_free(record);
    } else {
        /* Kept for another try, unless the id has a new life already. */
        struct posix_launcher *posix = record->launcher;
        record->deadline_ns = 0;
        list_remove(&record->node);
        if (strmap_get(posix->records, record->id))
            record_free(record);
        else
            strmap_set(posix->records, record->id, record);
    }
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
}

static void kill_again(void *arg, int result)
{
    struct posix_record *record = arg;
    record->timer = NULL;
    if (result < 0) {
        kill_finish(record, result, NULL);
        return;
    }
    kill_step(record);
}

static int by_pid(const void *a, const void *b)
{
    const struct process_info *left = a;
    const struct process_info *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

/*
 * What belongs to the record: the init, all below it, and its session and group. Each gets its
 * generation in `ours`, which is that of its parent and one where it is found by that alone; 0 for
 * those of others. A number is not given to a new process while it is that of a session or group;
 * so when the init has ended and there is a process of its pid, nothing is left of the old session.
 */
static void mark_tree(
    const struct posix_record *record, const struct process_info *list, size_t count, size_t *ours)
{
    if (record->ended) {
        const struct process_info key = {.pid = record->pid};
        const struct process_info *found = bsearch(&key, list, count, sizeof(*list), by_pid);
        if (found && found->state != 'Z')
            return;
    }
    for (size_t i = 0; i < count; i++)
        ours[i] = list[i].pid == record->pid || list[i].sid == record->pid ||
                  list[i].pgid == record->pid;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            if (ours[i])
                continue;
            const struct process_info key = {.pid = list[i].ppid};
            const struct process_info *parent =
                list[i].ppid > 0 ? bsearch(&key, list, count, sizeof(*list), by_pid) : NULL;
            if (parent && ours[parent - list]) {
                ours[i] = ours[parent - list] + 1;
                changed = true;
            }
        }
    }
}

/* The next to be killed, the youngest generation first and the init last: whatever the agent did
 * not come to when it crashed can still be found by its parent. `count`: nobody is left. */
static size_t take_youngest(const struct posix_record *record, const struct process_info *list,
    size_t count, size_t *ours)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (ours[i] && (best == count || ours[i] > ours[best] ||
                           (ours[i] == ours[best] && list[best].pid == record->pid)))
            best = i;
    }
    if (best < count)
        ours[best] = 0;
    return best;
}

/* Kills what is alive of the record; yields how many were. */
static int kill_scan(struct posix_record *record, size_t *ret_alive, struct err *err)
{
    struct host *host = record->launcher->base.host;
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    int result = host_process_list(host, &list, &count, err);
    if (result < 0)
        return result;
    _cleanup_free_ size_t *ours = mem_alloc((count + 1) * sizeof(*ours));
    mark_tree(record, list, count, ours);
    *ret_alive = 0;
    for (size_t i; (i = take_youngest(record, list, count, ours)) < count;) {
        if (list[i].state == 'Z' || list[i].state == 'X')
            continue;
        (*ret_alive)++;
        result = host_signal(host, list[i].pid, SIGKILL, err);
        if (result < 0 && result != -ESRCH)
            return result;
    }
    return 0;
}

static void kill_step(struct posix_record *record)
{
    struct host *host = record->launcher->base.host;
    _cleanup_err_ struct err err = ERR_INIT;
    size_t alive = 0;
    int result = kill_scan(record, &alive, &err);
    if (result < 0) {
        err_wrap(&err, result, "destroy %s", record->id);
        kill_finish(record, result, &err);
        return;
    }
    /* The news of its end may be lost; the process table has it too. */
    struct process_info info;
    if (alive == 0 &&
        (record->ended || host_process_info(host, record->pid, &info) == -ESRCH)) {
        kill_finish(record, 0, NULL);
        return;
    }
    if (host_now_ns(host) >= record->deadline_ns) {
        sometimes("the posix launcher's kill timed out");
        result = err_set(&err, -ETIMEDOUT, "destroy %s: %zu processes outlive SIGKILL", record->id,
            alive);
        kill_finish(record, result, &err);
        return;
    }
    record->timer = host_timer(host, record->delay_ns, kill_again, record);
    record->delay_ns = record->delay_ns * 2 < SCAN_DELAY_MAX_NS ? record->delay_ns * 2
                                                                : SCAN_DELAY_MAX_NS;
}

static void posix_destroy(struct launcher *launcher, const char *id, struct done done)
{
    struct posix_launcher *posix = posix_of(launcher);
    struct posix_record *record = strmap_remove(posix->records, id);
    if (!record || record->pid == 0) {
        if (record)
            record_free(record);
        done_ok(done, NULL);
        return;
    }
    list_append(&posix->killing, &record->node);
    record->done = done;
    record->delay_ns = SCAN_DELAY_FIRST_NS;
    record->deadline_ns = host_now_ns(launcher->host) + KILL_TIMEOUT_NS;
    kill_step(record);
}

static int posix_status(
    struct launcher *launcher, const char *id, struct container_status *into, struct err *err)
{
    const struct posix_record *record = strmap_get(posix_of(launcher)->records, id);
    if (!record)
        return err_set(err, -ENOENT, "status of %s: no such container", id);
    if (record->pid > 0)
        into->executor_pid = (struct opt_i64)OPT(record->pid);
    return 0;
}

static void posix_free(struct launcher *launcher)
{
    struct posix_launcher *posix = posix_of(launcher);
    list_for_each_safe(node, following, &posix->killing)
    {
        struct posix_record *record = list_entry(node, struct posix_record, node);
        struct done done = record->done;
        record_free(record);
        done_fail(done, -ESHUTDOWN, NULL);
    }
    size_t cursor = 0;
    const char *id;
    void *record;
    while (strmap_next(posix->records, &cursor, &id, &record))
        record_free(record);
    strmap_free(posix->records);
    free(posix);
}

static const struct launcher_ops posix_ops = {
    .name = "posix",
    .recover = posix_recover,
    .fork = posix_fork,
    .destroy = posix_destroy,
    .status = posix_status,
    .free = posix_free,
};

struct launcher *launcher_posix_new(struct host *host)
{
    struct posix_launcher *posix = mem_alloc(sizeof(*posix));
    posix->base.ops = &posix_ops;
    posix->base.host = host;
    posix->records = strmap_new();
    list_init(&posix->killing);
    return &posix->base;
}
