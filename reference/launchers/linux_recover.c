/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery (launchers.md 3.2): every cgroup below the root that reads as one of ours is a container
 * without pid; the containers that the caller expects give them their pids. Those that nobody
 * expects are orphans.
 */
#include "reference/launchers/linux.h"

#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"

/* Adds the ids of the cgroups below the root to `found`. No root: no containers. */
static int find(struct linux_launcher *launcher, struct cgroup_fs *fs, char ***found,
    struct strmap *seen, struct err *err)
{
    if (!fs || !cgroup_exists(fs, launcher->root))
        return 0;
    _cleanup_strv_ char **paths = NULL;
    int result = cgroup_descendants(fs, launcher->root, &paths, err);
    if (result < 0)
        return result;
    for (size_t i = 0; paths && paths[i]; i++) {
        char *id = launcher->v2 ? launcher_cgroup_parse_v2(launcher->root, paths[i])
                                : launcher_cgroup_parse_v1(launcher->root, paths[i]);
        if (!id)
            continue;
        if (strmap_get(seen, id)) {
            free(id);
            continue;
        }
        strmap_set(seen, id, launcher);
        strv_add_owned(found, id);
    }
    return 0;
}

/* An agent that ended in the middle of a destroy may have left it frozen: nobody else would thaw it
 * (FB-04). */
static void thaw_v1(struct linux_launcher *launcher, const char *id)
{
    _cleanup_free_ char *path = launcher_cgroup(launcher->root, id);
    _cleanup_free_ char *state = NULL;
    if (cgroup_read(launcher->freezer, path, "freezer.state", &state, NULL) < 0 ||
        str_starts(state, "THAWED"))
        return;
    sometimes("a recovered container is frozen");
    _cleanup_err_ struct err err = ERR_INIT;
    if (cgroup_write(launcher->freezer, path, "freezer.state", "THAWED", &err) < 0)
        log_warning("recover %s: %s", id, err_text(&err));
}

static void adopt(struct linux_launcher *launcher, const struct container_state *state)
{
    struct linux_record *record = strmap_get(launcher->records, state->id);
    if (!record) {
        /* Destroyed already, but for the containerizer's own part: destroy will find nothing. */
        linux_record_add(launcher, state->id, state->pid);
        return;
    }
    record->pid = state->pid;
    if (!launcher->v2)
        thaw_v1(launcher, state->id);
}

void linux_recover(struct launcher *base, const struct container_state *states, size_t count,
    struct done done)
{
    struct linux_launcher *launcher = linux_launcher_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **found = NULL;
    struct strmap *seen = strmap_new();
    int result = find(launcher, launcher->v2 ? launcher->unified : launcher->freezer, &found,
        seen, &err);
    if (result == 0)
        result = find(launcher, launcher->systemd, &found, seen, &err);
    strmap_free(seen);
    if (result < 0) {
        err_wrap(&err, result, "linux launcher: recover");
        done_fail(done, result, &err);
        return;
    }
    /* Sorted: parents come before their children. */
    strv_sort(found);
    for (size_t i = 0; found && found[i]; i++) {
        linux_record_add(launcher, found[i], 0);
        linux_publish(launcher, found[i]);
    }

    struct strmap *expected = strmap_new();
    for (size_t i = 0; i < count; i++) {
        strmap_set(expected, states[i].id, launcher);
        adopt(launcher, &states[i]);
    }
    _cleanup_strv_ char **orphans = NULL;
    for (size_t i = 0; found && found[i]; i++)
        if (!strmap_get(expected, found[i]))
            strv_add(&orphans, found[i]);
    strmap_free(expected);
    char *const none[] = {NULL};
    done_ok(done, orphans ? orphans : none);
}
