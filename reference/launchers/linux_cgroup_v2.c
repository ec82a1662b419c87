/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How v2 kills: cgroup.kill, which reaches all below the cgroup, frozen ones and fast forkers too;
 * then cgroup.events says when the last one has gone (launchers.md 3.5). Kernels before 5.14 have
 * no cgroup.kill: there it is SIGKILL to everybody, again and again. Where the events cannot be
 * watched, or get lost, the guard's polling notices; it writes again when it has become slow.
 */
#include <errno.h>

#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/launchers/cgroup_destroy.h"

static void events_changed(void *arg, int result, uint64_t count)
{
    (void)count;
    struct cgroup_destroy *destroy = arg;
    if (result < 0)
        destroy->watch = NULL;
    if (result != -ESHUTDOWN)
        cgroup_destroy_wake(destroy);
}

static int kill_everybody(struct cgroup_destroy *destroy, struct err *err)
{
    if (destroy->killed_once) {
        uint64_t populated = 0;
        int result = cgroup_read_key(
            destroy->fs, destroy->path, "cgroup.events", "populated", &populated, err);
        if (result < 0 || populated == 0)
            return result;
        /* Who was killed by one write takes its time; who was killed one by one may have forked. */
        if (!destroy->exits && !cgroup_destroy_is_slow(destroy))
            return 0;
    }
    destroy->killed_once = true;
    int result = cgroup_write(destroy->fs, destroy->path, "cgroup.kill", "1", err);
    if (result != -ENOENT || cgroup_file_exists(destroy->fs, destroy->path, "cgroup.kill"))
        return result;
    sometimes("there is no cgroup.kill");
    err_clear(err);
    _cleanup_strv_ char **paths = NULL;
    size_t count = 0;
    result = cgroup_destroy_list(destroy, &paths, err);
    return result < 0 ? result : cgroup_destroy_kill(destroy, paths, &count, err);
}

static int kill_v2(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns, struct err *err)
{
    int result = kill_everybody(destroy, err);
    if (result < 0)
        return result;
    uint64_t populated = 0;
    /* The watch comes before the look: what happens between them is an event. */
    for (int look = 0; look < 2; look++) {
        result = cgroup_read_key(
            destroy->fs, destroy->path, "cgroup.events", "populated", &populated, err);
        if (result < 0 || populated == 0)
            return result;
        if (destroy->watch_tried)
            break;
        destroy->watch_tried = true;
        if (cgroup_watch(destroy->fs, destroy->path, "cgroup.events", events_changed, destroy,
                &destroy->watch, NULL) < 0) {
            destroy->watch = NULL;
            break;
        }
    }
    *ret_delay_ns = cgroup_destroy_guard(destroy);
    return 1;
}

/* EBUSY: 5000 attempts, a millisecond apart. */
const struct cgroup_destroy_kind cgroup_destroy_v2 = {
    .kill = kill_v2,
    .abandon = NULL,
    .busy_delay_max_ns = 1 * NS_PER_MS,
    .busy_attempts_max = 5000,
};
