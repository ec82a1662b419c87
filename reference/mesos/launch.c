/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch: the checks in the order of containerizer.md 1.1, the record, and the answer. Nothing is
 * recorded before the runtime directory and its markers stand; when making them fails, what was
 * made is removed again. A failed step after that leaves the container in its phase: the caller
 * destroys it.
 */
#include "reference/mesos/container.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"

/* --- the answer --- */

void launch_free(struct launch *launch)
{
    for (size_t i = 0; i < launch->environment_count; i++)
        json_type_release(&environment_variable_json, &launch->environment[i]);
    free(launch->environment);
    free(launch->pid_checkpoint_path);
    free(launch->calls);
    json_type_release(&launch_info_json, &launch->info);
    err_clear(&launch->err);
    err_clear(&launch->conflict);
    free(launch);
}

void launch_close_gate(struct container *container)
{
    if (container->launch)
        host_gate_close(container->mesos->host, TAKE_FD(container->launch->gate));
}

void launch_detach(struct container *container)
{
    struct launch *launch = container->launch;
    if (!launch)
        return;
    assert(launch->answered);
    launch_close_gate(container);
    container->launch = NULL;
    launch->container = NULL;
    if (launch->pending == 0)
        launch_free(launch);
}

void launch_settle(struct container *container, int result, const struct err *err)
{
    struct launch *launch = container->launch;
    if (!launch || launch->answered)
        return;
    launch->answered = true;
    if (container->phase != CONTAINER_DESTROYING)
        launch_close_gate(container);
    struct done done = launch->done;
    if (result == 0 && launch->pending == 0)
        launch_detach(container);
    trace_event(container->mesos->host->trace, "agent", "container.launch", result,
        "id=%s outcome=%s error=%s", container->id,
        result == 0 ? launch_result_names[LAUNCH_SUCCESS] : "FAILED",
        result == 0 ? NULL : err_text(err));
    if (result < 0) {
        _cleanup_free_ char *id = str_dup(container->id);
        operation_fail(done, result, err, "launch", id);
        return;
    }
    enum launch_result outcome = LAUNCH_SUCCESS;
    done_ok(done, &outcome);
}

static void answer(struct mesos *mesos, const char *id, enum launch_result outcome,
    struct done done)
{
    trace_event(mesos->host->trace, "agent", "container.launch", 0, "id=%s outcome=%s error=%s", id,
        launch_result_names[outcome], NULL);
    done_ok(done, &outcome);
}

static void refuse(
    struct mesos *mesos, const char *id, int code, const struct err *err, struct done done)
{
    trace_event(mesos->host->trace, "agent", "container.launch", code,
        "id=%s outcome=%s error=%s", id, "FAILED", err_text(err));
    operation_fail(done, code, err, "launch", id);
}

/* --- checks --- */

/* The parent that a nested launch needs; the root has a sandbox then. */
static int find_parent(struct mesos *mesos, const char *id, const struct container_config *config,
    const char *pid_checkpoint_path, struct container **ret_parent, struct err *err)
{
    if (config->task_info || config->executor_info)
        return err_set(err, -EINVAL, "a nested container may not have a task_info or an "
                                     "executor_info");
    if (pid_checkpoint_path)
        return err_set(
            err, -EINVAL, "the agent does not checkpoint the pid of a nested container");
    _cleanup_free_ char *parent_id = container_id_parent(id);
    struct container *parent = container_find(mesos, parent_id);
    if (!parent)
        return err_set(err, -ENOENT, "its parent %s is not known", parent_id);
    if (parent->phase == CONTAINER_DESTROYING)
        return err_set(err, -EBUSY, "its parent %s is being destroyed", parent_id);
    if (!container_root_of(parent)->directory)
        return err_set(err, -EINVAL, "the sandbox of its root %s is not known",
            container_root_of(parent)->id);
    *ret_parent = parent;
    return 0;
}

/* What a nested container has from its parent and root: user, sandbox and executor. */
static void inherit(struct container *container, struct container *parent)
{
    struct container_config *config = container->config;
    struct container *root = container_root_of(parent);
    if (!config->user && parent->config)
        config->user = str_dup(parent->config->user);
    free(config->directory);
    config->directory = mesos_sandbox_path(root->directory, container->id);
    if (root->config && root->config->executor_info) {
        config->executor_info = mem_alloc(sizeof(*config->executor_info));
        json_type_copy(
            &executor_info_json, config->executor_info, root->config->executor_info);
    } else if (!root->standalone) {
        log_warning("launch %s: the executor of %s is not known", container->id, root->id);
    }
}

/* --- what is made before the record --- */

/* Paths made so far, to be removed when the next one cannot be made. */
struct made {
    bool sandbox;
    bool runtime;
};

static void unmake(struct container *container, const struct made *made)
{
    struct host *host = container->mesos->host;
    _cleanup_err_ struct err err = ERR_INIT;
    if (made->runtime && host_tree_remove(host, container->runtime, &err) < 0)
        log_warning("launch %s: %s", container->id, err_text(&err));
    if (made->sandbox && host_tree_remove(host, container->directory, &err) < 0)
        log_warning("launch %s: %s", container->id, err_text(&err));
}

/* The directory above is for every user to pass through; the sandbox is its owner's. All lies in
 * the sandbox of the root, whose processes may make links there at any time. */
static int make_sandbox(
    struct container *container, struct container *parent, struct made *made, struct err *err)
{
    struct host *host = container->mesos->host;
    made->sandbox = !host_file_exists(host, container->directory);
    const char *root = container_root_of(parent)->directory;
    int r = host_mkdir_below(
        host, root, container->directory + strlen(root) + 1, 0750, err);
    if (r < 0 || !container->config->user)
        return r;
    struct user_info user = {0};
    r = host_user_lookup(host, container->config->user, &user, err);
    if (r < 0)
        return r;
    r = host_chown(host, container->directory, user.uid, user.gid, true, err);
    user_info_release(&user);
    return r;
}

/*
 * A directory that is there although its container is not known is what an earlier container of
 * this id has left: its status and termination would be taken for those of the new one.
 */
static int make_runtime_directory(struct container *container, struct made *made, struct err *err)
{
    struct host *host = container->mesos->host;
    int r = 0;
    if (host_file_exists(host, container->runtime)) {
        sometimes("launch over the runtime directory of an earlier container");
        r = host_tree_remove(host, container->runtime, err);
    }
    if (r < 0)
        return r;
    made->runtime = true;
    r = host_mkdir(host, container->runtime, 0755, true, err);
    if (r == 0 && container->config->container_class == CONTAINER_CLASS_DEBUG)
        r = checkpoint_mark(host, container->runtime, CHECKPOINT_FORCE_DESTROY, err);
    if (r == 0 && !container->nested && container->standalone)
        r = checkpoint_mark(host, container->runtime, CHECKPOINT_STANDALONE, err);
    return r;
}

static int make_directories(
    struct container *container, struct container *parent, struct err *err)
{
    struct made made = {0};
    int r = parent ? make_sandbox(container, parent, &made, err) : 0;
    if (r == 0)
        r = make_runtime_directory(container, &made, err);
    if (r < 0)
        unmake(container, &made);
    return r;
}

/* --- the record --- */

static struct launch *launch_new(struct container *container,
    const struct environment_variable *environment, size_t environment_count,
    const char *pid_checkpoint_path, struct done done)
{
    struct launch *launch = mem_alloc(sizeof(*launch));
    launch->container = container;
    launch->done = done;
    launch->gate = -1;
    launch->pid_checkpoint_path = str_dup(pid_checkpoint_path);
    if (environment_count > 0)
        launch->environment = mem_alloc(environment_count * sizeof(*environment));
    launch->environment_count = environment_count;
    for (size_t i = 0; i < environment_count; i++)
        json_type_copy(&environment_variable_json, &launch->environment[i], &environment[i]);
    return launch;
}

static struct container *container_of_config(
    struct mesos *mesos, const char *id, const struct container_config *config)
{
    struct container *container = container_new(mesos, id);
    container->config = mem_alloc(sizeof(*container->config));
    json_type_copy(&container_config_json, container->config, config);
    return container;
}

/* Checks and makes all that stands before the record. NULL: refused. */
static struct container *accept(struct mesos *mesos, const char *id,
    const struct container_config *config, const char *pid_checkpoint_path, int *ret_code,
    struct err *err)
{
    struct container *parent = NULL;
    int r = container_id_validate(id, err);
    if (r == 0 && container_id_is_nested(id))
        r = find_parent(mesos, id, config, pid_checkpoint_path, &parent, err);
    *ret_code = r;
    if (r < 0)
        return NULL;
    struct container *container = container_of_config(mesos, id, config);
    container->standalone =
        parent ? parent->standalone : !config->task_info && !config->executor_info;
    if (parent)
        inherit(container, parent);
    container->directory = str_dup(container->config->directory);
    *ret_code = make_directories(container, parent, err);
    if (*ret_code < 0) {
        container_erase(container);
        return NULL;
    }
    container_record(container, parent);
    return container;
}

void mesos_launch(struct containerizer *containerizer, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "launch", id, "agent gone");
        return;
    }
    if (container_find(mesos, id)) {
        answer(mesos, id, LAUNCH_ALREADY_LAUNCHED, done);
        return;
    }
    if (config->container_info && config->container_info->type != CONTAINER_TYPE_MESOS) {
        answer(mesos, id, LAUNCH_NOT_SUPPORTED, done);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    int code = 0;
    struct container *container = accept(mesos, id, config, pid_checkpoint_path, &code, &err);
    if (!container) {
        refuse(mesos, id, code, &err, done);
        return;
    }
    container->launch =
        launch_new(container, environment, environment_count, pid_checkpoint_path, done);
    container_transition(container, CONTAINER_PROVISIONING);
    container_ready(container);
}
