/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork (launchers.md 3.3): the checks, the cgroups of the new container, its process, which waits
 * at its gate meanwhile, and its move into the cgroups: the freezer's first, so that whatever is in
 * systemd's is in the freezer's too. What fails takes all before it back.
 */
#include "reference/launchers/linux.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/model/container_id.h"
#include "reference/statistics_source.h"

#define PROCS "cgroup.procs"

/* The cgroup that holds the container's processes in fs. */
static char *processes_path(const struct linux_launcher *launcher, const char *id)
{
    return launcher->v2 ? launcher_cgroup_leaf(launcher->root, id)
                        : launcher_cgroup(launcher->root, id);
}

/*
 * Entering the namespaces of a process by its number is safe only while it is the process we mean:
 * as long as it is in its container's cgroup it is.
 */
static int check_parent(
    struct linux_launcher *launcher, const struct linux_record *parent, struct err *err)
{
    _cleanup_free_ char *path = processes_path(launcher, parent->id);
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    struct cgroup_fs *fs = launcher->v2 ? launcher->unified : launcher->freezer;
    int result = cgroup_read_pids(fs, path, PROCS, &pids, &count, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++)
        if (pids[i] == parent->pid)
            return 0;
    sometimes("the init of the parent container has left its cgroup");
    return err_set(err, -ESRCH, "the parent's init %d is no longer in %s", (int)parent->pid, path);
}

static int check_nesting(
    struct linux_launcher *launcher, const char *id, struct plan *plan, struct err *err)
{
    _cleanup_free_ char *parent_id = container_id_parent(id);
    if (!parent_id) {
        if (plan->enter_namespaces)
            return err_set(err, -EINVAL, "a root container enters no namespaces");
        return 0;
    }
    const struct linux_record *parent = strmap_get(launcher->records, parent_id);
    if (!parent)
        return err_set(err, -ENOENT, "unknown parent container %s", parent_id);
    if (parent->pid == 0)
        return err_set(err, -ESRCH, "the pid of the parent container %s is unknown", parent_id);
    if (parent->destroying)
        return err_set(err, -EBUSY, "the parent container %s is being destroyed", parent_id);
    if (plan->enter_namespaces & NS_BIT(NS_USER))
        return err_set(err, -EINVAL, "user namespaces are not entered");
    plan->enter_pid = parent->pid;
    plan->enter_and_clone = true;
    return plan->enter_namespaces || plan->mount_namespace_pid ? check_parent(launcher, parent, err)
                                                               : 0;
}

/* Refuses a v1 cgroup that was there before, if it holds processes or is not thawed (FB-05). */
static int check_existing_v1(struct cgroup_fs *fs, const char *path, struct err *err)
{
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    int result = cgroup_read_pids(fs, path, PROCS, &pids, &count, err);
    if (result < 0)
        return result;
    if (count > 0)
        return err_set(err, -EBUSY, "cgroup %s holds %zu processes already", path, count);
    return 0;
}

static int check_thawed_v1(struct cgroup_fs *fs, const char *path, struct err *err)
{
    _cleanup_free_ char *state = NULL;
    int result = cgroup_read(fs, path, "freezer.state", &state, err);
    if (result < 0)
        return result;
    return str_starts(state, "THAWED") ? 0
                                       : err_set(err, -EBUSY, "cgroup %s is frozen", path);
}

/* Makes the container's cgroup in one hierarchy; says whether it is new. */
static int create_v1(struct linux_launcher *launcher, struct cgroup_fs *fs, const char *path,
    bool *ret_created, struct err *err)
{
    *ret_created = false;
    int result = cgroup_create(fs, path, err);
    if (result == -ENOENT) {
        err_clear(err);
        result = cgroup_create_recursive(fs, path, err);
    }
    *ret_created = result == 0;
    if (result == -EEXIST) {
        err_clear(err);
        result = check_existing_v1(fs, path, err);
    }
    if (result < 0)
        return result;
    if (fs != launcher->freezer)
        return 0;
    /* A new cgroup is frozen when the one above it is, whose file is at hand, not as its own. */
    _cleanup_free_ char *above = str_dup(path);
    if (*ret_created)
        *strrchr(above, '/') = '\0';
    return check_thawed_v1(fs, above, err);
}

/* v2: the isolator has made it; only its state matters. */
static int check_leaf_v2(struct linux_launcher *launcher, const char *leaf, struct err *err)
{
    static const char *const bad[] = {"populated", "frozen"};
    if (!cgroup_exists(launcher->unified, leaf))
        return err_set(err, -ENOENT, "cgroup %s does not exist", leaf);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t value = 0;
        int result = cgroup_read_key(
            launcher->unified, leaf, "cgroup.events", bad[i], &value, err);
        if (result < 0 && result != -ENODATA)
            return result;
        if (result == 0 && value != 0)
            return err_set(err, -EBUSY, "cgroup %s is %s already", leaf, bad[i]);
    }
    err_clear(err);
    return 0;
}

struct fork_cgroups {
    struct cgroup_fs *fs[2]; /* in the order in which they are joined */
    bool created[2];
    size_t count;
    char *path;
};

static int cgroups_prepare(struct linux_launcher *launcher, const char *id,
    struct fork_cgroups *cgroups, struct err *err)
{
    cgroups->path = processes_path(launcher, id);
    if (launcher->v2) {
        cgroups->fs[cgroups->count++] = launcher->unified;
        return check_leaf_v2(launcher, cgroups->path, err);
    }
    struct cgroup_fs *const order[] = {launcher->freezer, launcher->systemd};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        if (!order[i])
            continue;
        bool created = false;
        int result = create_v1(launcher, order[i], cgroups->path, &created, err);
        if (result == 0 || created) {
            cgroups->created[cgroups->count] = created;
            cgroups->fs[cgroups->count++] = order[i];
        }
        if (result < 0)
            return result;
    }
    return 0;
}

static void cgroups_undo(const struct fork_cgroups *cgroups)
{
    for (size_t i = cgroups->count; i-- > 0;)
        if (cgroups->created[i])
            cgroup_remove(cgroups->fs[i], cgroups->path, NULL);
}

static int join(const struct fork_cgroups *cgroups, pid_t pid, bool *ret_joined, struct err *err)
{
    *ret_joined = false;
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    for (size_t i = 0; i < cgroups->count; i++) {
        int result = cgroup_write(cgroups->fs[i], cgroups->path, PROCS, text, err);
        if (result < 0)
            return result;
        *ret_joined = true;
    }
    return 0;
}

/* The process waits at its gate: a closed gate ends it, SIGKILL makes sure. */
static void discard(struct linux_launcher *launcher, const char *id, pid_t pid, int gate,
    bool joined, const struct fork_cgroups *cgroups)
{
    sometimes("the linux launcher takes a fork back");
    struct host *host = launcher->base.host;
    host_signal(host, pid, SIGKILL, NULL);
    host_gate_close(host, gate);
    exit_set_add(launcher->discarded, pid);
    if (!joined) {
        cgroups_undo(cgroups);
        return;
    }
    /* It is in a cgroup, which can go only after it: a destroy in the background. */
    linux_record_add(launcher, id, pid);
    linux_destroy(&launcher->base, id, DONE_NONE);
}

void linux_publish(struct linux_launcher *launcher, const char *id)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *cgroup = launcher_cgroup(launcher->root, id);
    _cleanup_free_ char *parent = container_id_parent(id);
    struct statistics_source *source = launcher->base.host->statistics;
    if (statistics_source_publish(source, id, cgroup, parent, &err) < 0)
        log_warning("no statistics of %s: %s", id, err_text(&err));
}

static int fork_into(struct linux_launcher *launcher, const char *id, struct plan *plan,
    struct fork_cgroups *cgroups, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    struct host *host = launcher->base.host;
    _cleanup_free_ char *born = NULL;
    if (launcher->v2 && host->facts.clone_into_cgroup) {
        born = str_printf("%s/%s", launcher->unified->mount_point, cgroups->path);
        plan->into_cgroup = born;
    }
    int result = host_spawn(host, plan, ret_pid, ret_gate, err);
    bool joined = plan->into_cgroup != NULL;
    plan->into_cgroup = NULL;
    if (result < 0) {
        cgroups_undo(cgroups);
        return result;
    }
    if (!joined)
        result = join(cgroups, *ret_pid, &joined, err);
    if (result < 0) {
        discard(launcher, id, *ret_pid, *ret_gate, joined, cgroups);
        *ret_pid = 0;
        *ret_gate = -1;
        return result;
    }
    struct linux_record *record = linux_record_add(launcher, id, *ret_pid);
    record->init = (plan->clone_namespaces & NS_BIT(NS_PID)) != 0;
    return 0;
}

int linux_fork(struct launcher *base, const char *id, struct plan *plan, pid_t *ret_pid,
    int *ret_gate, struct err *err)
{
    struct linux_launcher *launcher = linux_launcher_of(base);
    if (strmap_get(launcher->records, id))
        return err_set(err, -EEXIST, "fork %s: it exists already", id);
    struct fork_cgroups cgroups = {.count = 0};
    int result = check_nesting(launcher, id, plan, err);
    if (result == 0) {
        result = cgroups_prepare(launcher, id, &cgroups, err);
        if (result < 0)
            cgroups_undo(&cgroups);
    }
    if (result == 0) {
        linux_publish(launcher, id);
        result = fork_into(launcher, id, plan, &cgroups, ret_pid, ret_gate, err);
    }
    free(cgroups.path);
    return result < 0 ? err_wrap(err, result, "fork %s", id) : 0;
}
