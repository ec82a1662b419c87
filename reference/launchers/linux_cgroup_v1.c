/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How v1 kills: freeze, so that nobody forks or ends meanwhile; SIGKILL everybody; thaw, so that
 * they die of it. A freezer that does not come to rest within ten seconds is thawed with the kill
 * pending, then the cgroup is frozen again (MESOS-1689, MESOS-1758; launchers.md 3.5). A cgroup
 * that is empty already takes none of this. In a hierarchy without freezer it is kill alone.
 *
 * The freezer is hierarchical: freezing the top freezes all below it.
 *
 * Where the init has a pid namespace of its own the kernel does better: SIGKILL to it ends all that
 * is in there, and lets nobody fork meanwhile. What is left then (it was put there from outside, or
 * is frozen) goes the way of the freezer.
 */
#include <errno.h>
#include <signal.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/launchers/cgroup_destroy.h"

#define FREEZER_STATE "freezer.state"
#define FREEZE_TIMEOUT_NS (10 * NS_PER_SEC)
#define FREEZE_POLL_NS (100 * NS_PER_MS)
#define INIT_TIMEOUT_NS (100 * NS_PER_MS)
#define FREEZE_AT_ONCE_POLLS 8 /* at first: most freezers are at rest within microseconds */
#define FREEZE_QUICK_POLLS 14

enum freeze_phase { FREEZE_IDLE, FREEZE_WAIT, FREEZE_KILLED, FREEZE_MISSED };

static bool is_gone(int result)
{
    return result == -ENOENT || result == -ENODEV;
}

static bool state_is(struct cgroup_destroy *destroy, const char *path, const char *wanted)
{
    _cleanup_free_ char *text = NULL;
    int result = cgroup_read(destroy->fs, path, FREEZER_STATE, &text, NULL);
    return result == 0 && str_starts(text, wanted);
}

/* Thaws the top, and what was frozen by itself below it. */
static int thaw(struct cgroup_destroy *destroy, char *const *paths, struct err *err)
{
    int result = cgroup_write(destroy->fs, destroy->path, FREEZER_STATE, "THAWED", err);
    if (result < 0)
        return is_gone(result) ? 0 : result;
    for (size_t i = 0; paths && paths[i]; i++) {
        if (str_equal(paths[i], destroy->path) || state_is(destroy, paths[i], "THAWED"))
            continue;
        result = cgroup_write(destroy->fs, paths[i], FREEZER_STATE, "THAWED", err);
        if (result < 0 && !is_gone(result))
            return result;
    }
    return 0;
}

static int kill_and_thaw(
    struct cgroup_destroy *destroy, enum freeze_phase next, uint64_t *ret_delay_ns, struct err *err)
{
    _cleanup_strv_ char **paths = NULL;
    size_t count = 0;
    int result = cgroup_destroy_list(destroy, &paths, err);
    if (result == 0)
        result = cgroup_destroy_kill(destroy, paths, &count, err);
    if (result == 0)
        result = thaw(destroy, paths, err);
    if (result < 0)
        return result;
    destroy->freeze_phase = next;
    *ret_delay_ns = cgroup_destroy_guard(destroy);
    return 1;
}

/* Asks for FROZEN and looks whether it came; waits by polling, since the freezer tells nobody. */
static int freeze(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    int result = cgroup_write(destroy->fs, destroy->path, FREEZER_STATE, "FROZEN", err);
    if (result < 0)
        return result;
    uint64_t now = host_now_ns(destroy->host);
    if (destroy->freeze_phase != FREEZE_WAIT) {
        destroy->freeze_phase = FREEZE_WAIT;
        destroy->freeze_deadline_ns = now + FREEZE_TIMEOUT_NS;
        destroy->freeze_polls = 0;
    }
    if (state_is(destroy, destroy->path, "FROZEN"))
        return kill_and_thaw(destroy, FREEZE_KILLED, ret_delay_ns, err);
    if (now >= destroy->freeze_deadline_ns) {
        sometimes("the freezer does not come to rest: kill, thaw, freeze again");
        return kill_and_thaw(destroy, FREEZE_MISSED, ret_delay_ns, err);
    }
    unsigned polls = destroy->freeze_polls++;
    *ret_delay_ns = FREEZE_POLL_NS;
    if (polls < FREEZE_AT_ONCE_POLLS)
        *ret_delay_ns = 0;
    else if (polls < FREEZE_QUICK_POLLS)
        *ret_delay_ns = NS_PER_MS << (polls - FREEZE_AT_ONCE_POLLS);
    return 1;
}

/* How many processes are in there, and how many of them nobody has killed yet. */
static int population(
    struct cgroup_destroy *destroy, size_t *ret_count, size_t *ret_fresh, struct err *err)
{
    destroy->paths = strv_free(destroy->paths);
    int result = cgroup_destroy_list(destroy, &destroy->paths, err);
    *ret_count = *ret_fresh = 0;
    for (size_t i = 0; result == 0 && destroy->paths[i]; i++) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;
        result = cgroup_read_pids(
            destroy->fs, destroy->paths[i], "cgroup.procs", &pids, &count, err);
        if (is_gone(result))
            result = 0;
        *ret_count += count;
        for (size_t k = 0; k < count; k++)
            *ret_fresh += !destroy->exits || !exit_set_awaits(destroy->exits, pids[k]);
    }
    return result;
}

/* Those killed are still on their way out; frozen again they would not arrive. */
static int await_exits(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    *ret_delay_ns = cgroup_destroy_guard(destroy);
    if (!cgroup_file_exists(destroy->fs, destroy->path, FREEZER_STATE) ||
        state_is(destroy, destroy->path, "THAWED"))
        return 1;
    sometimes("a thawed cgroup is frozen again by somebody");
    int result = thaw(destroy, destroy->paths, err);
    return result < 0 ? result : 1;
}

/* As long as the init is in the cgroup its number is not somebody else's; watched before that is
 * looked at, the process which is signalled is the one that was seen. */
static int kill_init(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    bool inside = false;
    cgroup_destroy_await(destroy, destroy->init);
    int result = cgroup_read_pids(destroy->fs, destroy->path, "cgroup.procs", &pids, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++)
        inside |= pids[i] == destroy->init;
    if (inside)
        result = host_signal(destroy->host, destroy->init, SIGKILL, err);
    if (result == 0 && inside) {
        destroy->empty = true;
        *ret_delay_ns = INIT_TIMEOUT_NS;
        destroy->init_deadline_ns = host_now_ns(destroy->host) + INIT_TIMEOUT_NS;
        return 1;
    }
    destroy->init = 0;
    exit_set_free(TAKE_PTR(destroy->exits));
    if (result == -ESRCH || is_gone(result))
        err_clear(err);
    return result == -ESRCH || is_gone(result) ? 0 : result;
}

/* 0: it is dead, or did not die soon enough, or there is none: go on as if it were anybody. */
static int kill_by_init(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    if (destroy->init == 0)
        return 0;
    if (destroy->init_deadline_ns == 0)
        return kill_init(destroy, ret_delay_ns, err);
    uint64_t now = host_now_ns(destroy->host);
    if (exit_set_awaits(destroy->exits, destroy->init) && now < destroy->init_deadline_ns) {
        *ret_delay_ns = destroy->init_deadline_ns - now;
        return 1;
    }
    sometimes("processes outlive the init of their container's pid namespace");
    destroy->init = 0;
    return 0;
}

static int kill_v1(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    if (destroy->freeze_phase == FREEZE_WAIT)
        return freeze(destroy, ret_delay_ns, err);
    int result = kill_by_init(destroy, ret_delay_ns, err);
    if (result != 0)
        return result;
    size_t count = 0;
    size_t fresh = 0;
    result = population(destroy, &count, &fresh, err);
    if (result < 0 || count == 0)
        return result;
    if (fresh == 0 && destroy->freeze_phase != FREEZE_MISSED)
        return await_exits(destroy, ret_delay_ns, err);
    if (cgroup_file_exists(destroy->fs, destroy->path, FREEZER_STATE))
        return freeze(destroy, ret_delay_ns, err);
    result = cgroup_destroy_kill(destroy, destroy->paths, &count, err);
    *ret_delay_ns = cgroup_destroy_guard(destroy);
    return result < 0 ? result : 1;
}

static void abandon_v1(struct cgroup_destroy *destroy)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (destroy->host->gone || !cgroup_file_exists(destroy->fs, destroy->path, FREEZER_STATE))
        return;
    _cleanup_strv_ char **paths = NULL;
    cgroup_destroy_list(destroy, &paths, NULL);
    if (thaw(destroy, paths, &err) < 0)
        log_warning("%s stays frozen: %s", destroy->path, err_text(&err));
}

const struct cgroup_destroy_kind cgroup_destroy_v1 = {
    .kill = kill_v1,
    .abandon = abandon_v1,
    .busy_delay_max_ns = 256 * NS_PER_MS,
    .busy_attempts_max = 0,
    .plain = true,
};
