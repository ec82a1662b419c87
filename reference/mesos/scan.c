/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers there are, by the agent's state and the runtime directory (containerizer.md 5.1,
 * 5.2). */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/mesos/recovery.h"

void id_list_add(struct id_list *list, const char *id)
{
    list->ids = mem_grow(list->ids, &list->capacity, list->count + 2, sizeof(*list->ids));
    list->ids[list->count++] = str_dup(id);
    list->ids[list->count] = NULL;
}

void id_list_release(struct id_list *list)
{
    strv_free(list->ids);
    *list = (struct id_list){0};
}

struct container *recovery_record(
    struct recovery *recovery, const char *id, enum container_origin origin)
{
    struct mesos *mesos = recovery->mesos;
    struct container *container = container_new(mesos, id);
    _cleanup_free_ char *root_id = container_id_root(id);
    _cleanup_free_ char *root = mesos_runtime_path(mesos->flags.runtime_dir, root_id);
    container->origin = origin;
    container->recovering = true;
    container->standalone = checkpoint_exists(mesos->host, root, CHECKPOINT_STANDALONE);
    container_record(container, NULL);
    container_transition(container, CONTAINER_RUNNING);
    id_list_add(&recovery->found, id);
    if (origin == ORIGIN_ORPHAN)
        id_list_add(&recovery->orphans, id);
    return container;
}

static int read_config(struct container *container, struct err *err)
{
    void *config = NULL;
    int r = checkpoint_read(container->mesos->host, container->runtime, CHECKPOINT_CONFIG,
        &container_config_json, &config, err);
    container->config = config;
    return r;
}

static int read_pid(struct host *host, const char *runtime, pid_t *ret_pid, struct err *err)
{
    struct opt_i64 pid = {0};
    *ret_pid = 0;
    int r = checkpoint_read_number(host, runtime, CHECKPOINT_PID, &pid, err);
    if (r < 0)
        return r;
    if (pid.set && pid.value <= 0)
        return err_set(err, -EINVAL, "%s/%s: expected a pid, got %ld", runtime, CHECKPOINT_PID,
            (long)pid.value);
    *ret_pid = (pid_t)pid.value;
    return 0;
}

/* --- step A --- */

static bool is_ours(const struct agent_run *run)
{
    if (!run->executor_info || !run->container_id || run->forked_pid == 0 || run->completed)
        return false;
    const struct container_info *info = run->executor_info->container;
    return !info || info->type == CONTAINER_TYPE_MESOS;
}

static int take_run(struct recovery *recovery, const struct agent_run *run, struct err *err)
{
    struct host *host = recovery->mesos->host;
    if (container_find(recovery->mesos, run->container_id))
        return err_set(err, -EEXIST, "container %s: two executors run in it", run->container_id);
    if (!run->directory || !host_file_exists(host, run->directory))
        return err_set(err, -ENOENT, "container %s: its sandbox %s does not exist",
            run->container_id, run->directory ? run->directory : "(unknown)");
    struct container *container = recovery_record(recovery, run->container_id, ORIGIN_RECOVERED);
    container->pid = run->forked_pid;
    container_recover_exit(container);
    container->directory = str_dup(run->directory);
    return read_config(container, err);
}

int recovery_scan_agent(
    struct recovery *recovery, const struct agent_state *state, struct err *err)
{
    for (size_t i = 0; state && i < state->runs_count; i++) {
        if (!is_ours(&state->runs[i]))
            continue;
        int r = take_run(recovery, &state->runs[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- step B --- */

/* The ids of the directories in <directory>/containers, below the container `parent` or "". */
static int list_below(struct host *host, const char *directory, const char *parent,
    struct id_list *list, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/containers", directory);
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, path, &names, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    for (size_t i = 0; names && names[i]; i++) {
        _cleanup_free_ char *id =
            str_printf("%s%s%s", parent, parent[0] ? "." : "", names[i]);
        struct file_info info;
        _cleanup_free_ char *entry = str_printf("%s/%s", path, names[i]);
        bool directories = host_file_info(host, entry, false, &info) == 0 && info.type == 'd';
        if (directories && !strchr(names[i], '.') && container_id_validate(id, NULL) == 0)
            id_list_add(list, id);
        else
            log_warning("recover: %s is no container's directory, left alone", entry);
    }
    return 0;
}

/* Every id that has a directory, parents before children, sorted among siblings. */
static int list_containers(struct mesos *mesos, struct id_list *list, struct err *err)
{
    int r = list_below(mesos->host, mesos->flags.runtime_dir, "", list, err);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        _cleanup_free_ char *runtime = mesos_runtime_path(mesos->flags.runtime_dir, list->ids[i]);
        r = list_below(mesos->host, runtime, list->ids[i], list, err);
    }
    return r;
}

static const struct container *root_of(struct mesos *mesos, const char *id)
{
    _cleanup_free_ char *root_id = container_id_root(id);
    return container_find(mesos, root_id);
}

/* Kept are containers whose end this agent can still answer for. */
static bool is_recoverable(struct mesos *mesos, const char *id, const char *runtime, pid_t pid)
{
    if (pid == 0)
        return false;
    if (!container_id_is_nested(id))
        return checkpoint_exists(mesos->host, runtime, CHECKPOINT_STANDALONE);
    const struct container *root = root_of(mesos, id);
    return root && root->origin != ORIGIN_ORPHAN &&
           !checkpoint_exists(mesos->host, runtime, CHECKPOINT_FORCE_DESTROY);
}

static char *sandbox_of(struct mesos *mesos, const struct container *container)
{
    if (!container->nested)
        return container->standalone
                   ? str_printf("%s/containers/%s", mesos->flags.work_dir, container->id)
                   : NULL;
    const struct container *root = root_of(mesos, container->id);
    return root && root->directory ? mesos_sandbox_path(root->directory, container->id) : NULL;
}

static int take_directory(struct recovery *recovery, const char *id, struct err *err)
{
    struct mesos *mesos = recovery->mesos;
    _cleanup_free_ char *runtime = mesos_runtime_path(mesos->flags.runtime_dir, id);
    pid_t pid = 0;
    if (checkpoint_exists(mesos->host, runtime, CHECKPOINT_TERMINATION)) {
        if (container_id_is_nested(id))
            return 0;
        return err_set(err, -EINVAL, "%s/%s: a root container has no such file", runtime,
            CHECKPOINT_TERMINATION);
    }
    int r = read_pid(mesos->host, runtime, &pid, err);
    if (r < 0)
        return r;
    bool kept = is_recoverable(mesos, id, runtime, pid);
    struct container *container =
        recovery_record(recovery, id, kept ? ORIGIN_RECOVERED : ORIGIN_ORPHAN);
    container->pid = pid;
    container_recover_exit(container);
    container->directory = sandbox_of(mesos, container);
    return read_config(container, err);
}

int recovery_scan_runtime(struct recovery *recovery, struct err *err)
{
    struct id_list list = {0};
    int r = list_containers(recovery->mesos, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++)
        if (!container_find(recovery->mesos, list.ids[i]))
            r = take_directory(recovery, list.ids[i], err);
    id_list_release(&list);
    return r;
}
