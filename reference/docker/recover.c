/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery (docker.md 12): the CLI is asked for its version, then for all containers of ours; those
 * of the agent's executors are recorded, the others stopped and removed.
 */
#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"
#include "reference/docker/docker_container.h"
#include "reference/docker/names.h"
#include "reference/operation.h"

/* The oldest docker that will do (docker.md 1). */
#define OLDEST_MAJOR 1
#define OLDEST_MINOR 8
#define OLDEST_PATCH 0

/* What is kept of the agent's state until docker has answered. */
struct candidate {
    char *id;
    char *directory;
    pid_t pid;
    bool no_container_info;
    bool command_task;
    bool completed;
};

/* An orphan that is being removed. */
struct orphan {
    struct docker_recovery *recovery;
    char *id;
    struct host_request *request;
};

struct docker_recovery {
    struct docker_containerizer *docker;
    struct candidate *candidates;
    size_t candidates_count;
    struct orphan *orphans;
    size_t orphans_count;
    size_t pending;            /* orphans that are still there */
    struct host_request *step; /* version, then list */
    struct done done;
};

static void recovery_finish(struct docker_containerizer *docker, int result, const struct err *err)
{
    struct docker_recovery *recovery = docker->recovery;
    struct done done = recovery->done;
    docker->recovery = NULL;
    host_cancel(recovery->step);
    for (size_t i = 0; i < recovery->orphans_count; i++) {
        host_cancel(recovery->orphans[i].request);
        free(recovery->orphans[i].id);
    }
    for (size_t i = 0; i < recovery->candidates_count; i++) {
        free(recovery->candidates[i].id);
        free(recovery->candidates[i].directory);
    }
    free(recovery->orphans);
    free(recovery->candidates);
    free(recovery);
    if (result < 0)
        operation_fail(done, result, err, "recover", "docker");
    else
        done_ok(done, NULL);
}

void docker_recovery_end(struct docker_containerizer *docker)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (docker->recovery)
        recovery_finish(docker, err_set(&err, -ESHUTDOWN, "agent gone"), &err);
}

/* --- which executors are ours --- */

static bool may_be_docker(const struct agent_run *run)
{
    const struct executor_info *executor = run->executor_info;
    if (!executor || !run->container_id)
        return false;
    return !executor->container || executor->container->type == CONTAINER_TYPE_DOCKER;
}

static void take_candidates(struct docker_recovery *recovery, const struct agent_state *state)
{
    if (!state || state->runs_count == 0)
        return;
    recovery->candidates = mem_alloc(state->runs_count * sizeof(*recovery->candidates));
    for (size_t i = 0; i < state->runs_count; i++) {
        const struct agent_run *run = &state->runs[i];
        if (!may_be_docker(run))
            continue;
        recovery->candidates[recovery->candidates_count++] = (struct candidate){
            .id = str_dup(run->container_id),
            .directory = str_dup(run->directory),
            .pid = run->forked_pid,
            .no_container_info = !run->executor_info->container,
            .command_task = run->command_task,
            .completed = run->completed,
        };
    }
}

/* The container with that id among those that docker knows: its actual name, without the slash.
 * NULL: there is none. */
static const char *actual_name(
    const struct docker_inspections *all, const char *id, bool executor)
{
    for (size_t i = 0; i < all->count; i++) {
        struct docker_name name = {0};
        if (!docker_name_parse(all->items[i].name, &name))
            continue;
        bool found = str_equal(name.id, id) && name.executor == executor;
        free(name.id);
        if (found)
            return all->items[i].name + (*all->items[i].name == '/');
    }
    return NULL;
}

/*
 * The launch of an executor that has no pid was cut off: volumes may be mounted that nobody knows,
 * and a docker run under way may still make a container that is not in the list yet.
 */
static void clean_up_cut_off(struct docker_recovery *recovery, const struct candidate *candidate,
    const struct docker_inspections *all)
{
    struct docker_containerizer *docker = recovery->docker;
    _cleanup_err_ struct err err = ERR_INIT;
    bool in_container = !candidate->command_task || docker->options.mesos_image;
    if (candidate->no_container_info)
        return;
    if (docker_volumes_unmount(docker, candidate->id, &err) < 0)
        log_warning("recover: %s", err_text(&err));
    if (candidate->completed || !in_container || !docker->options.kill_orphans ||
        actual_name(all, candidate->id, candidate->command_task))
        return;
    sometimes("docker: a docker run of an earlier agent may be under way");
    _cleanup_free_ char *name = candidate->command_task ? docker_executor_name(candidate->id)
                                                        : docker_container_name(candidate->id);
    docker_remove_cut_off(docker, name);
}

static void record(struct docker_recovery *recovery, const struct candidate *candidate,
    const struct docker_inspections *all)
{
    if (candidate->pid <= 0 || candidate->completed) {
        clean_up_cut_off(recovery, candidate, all);
        return;
    }
    const char *name = actual_name(all, candidate->id, false);
    const char *executor_name = actual_name(all, candidate->id, true);
    if (candidate->no_container_info && !name && !executor_name)
        return;
    struct docker_container *container = docker_record(recovery->docker, candidate->id);
    if (name)
        str_set(&container->name, name);
    container->executor_name = str_dup(executor_name);
    container->command_task = candidate->command_task;
    container->recovered = true;
    container->directory = str_dup(candidate->directory);
    if (candidate->command_task && !executor_name)
        container->executor_pid = candidate->pid;
    docker_transition(container, CONTAINER_RUNNING);
    docker_reap_start(container, candidate->pid);
}

/* --- orphans --- */

static void orphan_removed(void *arg, int result, const void *value, const struct err *err)
{
    struct orphan *orphan = arg;
    struct docker_recovery *recovery = orphan->recovery;
    struct docker_containerizer *docker = recovery->docker;
    _cleanup_err_ struct err failure = ERR_INIT;
    (void)value;
    orphan->request = NULL;
    if (result == -ESHUTDOWN)
        return;
    recovery->pending--;
    if (result < 0)
        err_copy(&failure, err);
    else
        result = docker_volumes_unmount(docker, orphan->id, &failure);
    if (result < 0)
        recovery_finish(docker, result, &failure);
    else if (recovery->pending == 0)
        recovery_finish(docker, 0, NULL);
}

static void remove_orphan(struct docker_recovery *recovery, const char *name, char *id)
{
    struct docker_containerizer *docker = recovery->docker;
    struct orphan *orphan = &recovery->orphans[recovery->orphans_count++];
    log_info("recover: docker container %s is an orphan", name);
    orphan->recovery = recovery;
    orphan->id = id;
    recovery->pending++;
    orphan->request = docker_stop_and_remove(
        docker->docker, name, docker->options.stop_timeout_ns, DONE(orphan_removed, orphan));
}

static void remove_orphans(struct docker_recovery *recovery, const struct docker_inspections *all)
{
    struct docker_containerizer *docker = recovery->docker;
    if (all->count > 0)
        recovery->orphans = mem_alloc(all->count * sizeof(*recovery->orphans));
    for (size_t i = 0; docker->options.kill_orphans && i < all->count; i++) {
        const char *actual = all->items[i].name;
        struct docker_name name = {0};
        if (!docker_name_parse(actual, &name))
            continue;
        if (docker_find(docker, name.id))
            free(name.id);
        else
            remove_orphan(recovery, actual + (*actual == '/'), name.id);
    }
}

/* --- the steps --- */

static void recovery_listed(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_containerizer *docker = arg;
    struct docker_recovery *recovery = docker->recovery;
    recovery->step = NULL;
    if (result == -ESHUTDOWN)
        return; /* answered when the instance ends */
    if (result < 0) {
        recovery_finish(docker, result, err);
        return;
    }
    for (size_t i = 0; i < recovery->candidates_count; i++)
        record(recovery, &recovery->candidates[i], value);
    remove_orphans(recovery, value);
    if (recovery->pending == 0)
        recovery_finish(docker, 0, NULL);
}

static void recovery_has_version(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_containerizer *docker = arg;
    struct docker_recovery *recovery = docker->recovery;
    _cleanup_err_ struct err failure = ERR_INIT;
    recovery->step = NULL;
    if (result == -ESHUTDOWN)
        return; /* answered when the instance ends */
    if (result < 0) {
        recovery_finish(docker, result, err);
        return;
    }
    json_type_release(&docker_version_json, &docker->version);
    json_type_copy(&docker_version_json, &docker->version, value);
    docker->version_known = true;
    if (docker_version_compare(&docker->version, OLDEST_MAJOR, OLDEST_MINOR, OLDEST_PATCH) < 0) {
        _cleanup_free_ char *text = docker_version_text(&docker->version);
        sometimes("docker: too old");
        result = err_set(&failure, -EOPNOTSUPP, "docker %d.%d.%d or newer is needed, this is %s",
            OLDEST_MAJOR, OLDEST_MINOR, OLDEST_PATCH, text);
        recovery_finish(docker, result, &failure);
        return;
    }
    recovery->step =
        docker_list(docker->docker, DOCKER_NAME_PREFIX, DONE(recovery_listed, docker));
}

void docker_recover(
    struct containerizer *base, const struct agent_state *state, struct done done)
{
    struct docker_containerizer *docker = docker_of(base);
    if (docker->recovery) {
        operation_refuse(done, -EALREADY, "recover", "docker", "already under way");
        return;
    }
    docker->recovery = mem_alloc(sizeof(*docker->recovery));
    docker->recovery->docker = docker;
    docker->recovery->done = done;
    take_candidates(docker->recovery, state);
    docker->recovery->step =
        docker_get_version(docker->docker, DONE(recovery_has_version, docker));
}
