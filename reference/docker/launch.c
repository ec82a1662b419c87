/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch, step by step (docker.md 5): accepted, pre-launch hook, fetch, pull, post-fetch hook,
 * mount, run. Each step ends in a function that either fails the launch or begins the next one. A
 * failed launch leaves its container where it is: the caller destroys it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"
#include "reference/docker/docker_container.h"
#include "reference/docker/names.h"
#include "reference/operation.h"

/* --- the launch and its answer --- */

struct docker_launch *docker_launch_detach(struct docker_container *container)
{
    struct docker_launch *launch = container->launch;
    if (!launch)
        return NULL;
    host_cancel(launch->step);
    launch->step = NULL;
    if (!container->docker->closing)
        docker_pull_home_remove(launch);
    launch->container = NULL;
    container->launch = NULL;
    return launch;
}

static void variables_free(struct environment_variable *variables, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_type_release(&environment_variable_json, &variables[i]);
    free(variables);
}

void docker_launch_free(struct docker_launch *launch)
{
    if (launch->waiting || launch->container || launch->done.fn)
        return;
    variables_free(launch->environment, launch->environment_count);
    variables_free(launch->task_environment, launch->task_environment_count);
    free(launch->pid_checkpoint_path);
    free(launch->pull_home);
    free(launch);
}

void docker_launch_end(
    struct docker_launch *launch, const char *id, int result, const struct err *err)
{
    enum launch_result success = LAUNCH_SUCCESS;
    struct done done = launch->done;
    assert(!launch->container);
    launch->done = DONE_NONE;
    docker_launch_free(launch);
    if (result < 0)
        operation_fail(done, result, err, "launch", id);
    else
        done_ok(done, &success);
}

void docker_launch_fail(struct docker_launch *launch, int result, const struct err *err)
{
    struct docker_container *container = launch->container;
    _cleanup_free_ char *id = str_dup(container->id);
    container->launch_failed = true;
    docker_launch_detach(container);
    docker_launch_end(launch, id, result, err);
}

void docker_launch_succeed(struct docker_launch *launch)
{
    struct docker_container *container = launch->container;
    _cleanup_free_ char *id = str_dup(container->id);
    docker_launch_detach(container);
    docker_launch_end(launch, id, 0, NULL);
}

/* After a wait for something that can't be given up. False: the launch has ended meanwhile. */
static bool launch_waited(struct docker_launch *launch)
{
    launch->waiting = false;
    if (launch->container)
        return true;
    sometimes("docker: a hook or the fetcher answered after the container was destroyed");
    docker_launch_free(launch);
    return false;
}

/* --- mount, run --- */

static void launch_mounted(void *arg, int result)
{
    struct docker_launch *launch = arg;
    launch->step = NULL;
    if (result < 0) {
        docker_launch_fail(launch, result, NULL);
        return;
    }
    docker_transition(launch->container, CONTAINER_RUNNING);
    docker_launch_run(launch);
}

static void launch_mount(void *arg, int result)
{
    struct docker_launch *launch = arg;
    struct docker_container *container = launch->container;
    _cleanup_err_ struct err err = ERR_INIT;
    launch->step = NULL;
    if (result == 0 && container->command_task)
        result = docker_volumes_mount(container, &err);
    if (result < 0) {
        docker_launch_fail(launch, result, &err);
        return;
    }
    launch->step = host_timer(container->docker->host, 0, launch_mounted, launch);
}

static void launch_post_fetched(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    (void)value;
    if (!launch_waited(launch))
        return;
    struct docker_container *container = launch->container;
    if (result < 0)
        log_warning("container %s: post-fetch hook: %s", container->id, err_text(err));
    docker_transition(container, CONTAINER_MOUNTING);
    launch->step = host_timer(container->docker->host, 0, launch_mount, launch);
}

void docker_launch_pulled(struct docker_launch *launch)
{
    struct docker_container *container = launch->container;
    const struct docker_hooks *hooks = &container->docker->hooks;
    launch->waiting = true;
    if (hooks->post_fetch)
        hooks->post_fetch(hooks->arg, container->id, container->directory,
            DONE(launch_post_fetched, launch));
    else
        launch_post_fetched(launch, 0, NULL, NULL);
}

/* --- fetch --- */

static void launch_fetched(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    (void)value;
    if (!launch_waited(launch))
        return;
    if (result < 0) {
        docker_launch_fail(launch, result, err);
        return;
    }
    docker_transition(launch->container, CONTAINER_PULLING);
    docker_launch_pull(launch);
}

static void launch_fetch(struct docker_launch *launch)
{
    struct docker_container *container = launch->container;
    struct docker_containerizer *docker = container->docker;
    /* In mode A the task's URIs are fetched for the executor's container (docker.md 4). */
    const struct command_info *command = &container->config.command_info;
    const struct task_info *task = container->config.task_info;
    if (container->executor_name && command->uris_count == 0 && task && task->command)
        command = task->command;
    launch->waiting = true;
    fetcher_fetch(docker->fetcher, container->id, command, container->directory,
        container->config.user, DONE(launch_fetched, launch));
}

/* --- the pre-launch hook, and what it adds to the environments --- */

void docker_environment_set(
    struct environment_variable **list, size_t *count, const char *name, const char *value)
{
    for (size_t i = 0; i < *count; i++) {
        if (!str_equal((*list)[i].name, name))
            continue;
        str_set(&(*list)[i].value, value);
        return;
    }
    *list = mem_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] =
        (struct environment_variable){.name = str_dup(name), .value = str_dup(value)};
}

static void launch_add_environment(
    struct docker_launch *launch, const struct docker_hook_environment *added)
{
    for (size_t i = 0; i < added->executor_count; i++)
        docker_environment_set(&launch->environment, &launch->environment_count,
            added->executor[i].name, added->executor[i].value);
    for (size_t i = 0; i < added->task_count; i++) {
        if (launch->container->command_task)
            docker_environment_set(&launch->task_environment, &launch->task_environment_count,
                added->task[i].name, added->task[i].value);
        else
            docker_environment_set(&launch->environment, &launch->environment_count,
                added->task[i].name, added->task[i].value);
    }
}

static void launch_hooked(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    if (!launch_waited(launch))
        return;
    if (result < 0) {
        docker_launch_fail(launch, result, err);
        return;
    }
    if (value)
        launch_add_environment(launch, value);
    launch_fetch(launch);
}

/* --- acceptance --- */

/* The link that stands for a sandbox with a colon in its path. */
static int make_link(struct docker_container *container, struct err *err)
{
    struct host *host = container->docker->host;
    const char *sandbox = container->config.directory ? container->config.directory : "";
    _cleanup_free_ char *link =
        docker_sandbox_link(container->docker->options.work_dir, sandbox, container->id);
    str_set(&container->directory, sandbox);
    if (!link)
        return 0;
    _cleanup_free_ char *parent = str_ndup(link, (size_t)(strrchr(link, '/') - link));
    int r = host_mkdir(host, parent, 0755, true, err);
    if (r == 0)
        r = host_symlink(host, sandbox, link, err);
    if (r < 0)
        return err_wrap(err, r, "link to the sandbox");
    str_set(&container->directory, link);
    container->link = TAKE_PTR(link);
    return 0;
}

static struct docker_container *accept(
    struct docker_containerizer *docker, const char *id, const struct container_config *config)
{
    struct docker_container *container = docker_record(docker, id);
    json_type_copy(&container_config_json, &container->config, config);
    container->command_task = container_config_is_command_task(config);
    resources_copy(&container->requests, &config->resources);
    container->limits = config->limits;
    if (container->command_task && docker->options.mesos_image)
        container->executor_name = docker_executor_name(id);
    docker_transition(container, CONTAINER_FETCHING);
    return container;
}

static void launch_begin(struct docker_launch *launch)
{
    struct docker_container *container = launch->container;
    const struct docker_hooks *hooks = &container->docker->hooks;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = make_link(container, &err);
    if (r < 0) {
        docker_launch_fail(launch, r, &err);
        return;
    }
    launch->waiting = true;
    if (hooks->pre_launch)
        hooks->pre_launch(
            hooks->arg, container->id, &container->config, DONE(launch_hooked, launch));
    else
        launch_hooked(launch, 0, NULL, NULL);
}

void docker_launch(struct containerizer *base, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    struct docker_containerizer *docker = docker_of(base);
    if (container_id_is_nested(id)) {
        operation_refuse(done, -EOPNOTSUPP, "launch", id, "nested containers are not supported");
        return;
    }
    if (docker_find(docker, id)) { /* not ALREADY_LAUNCHED (quirk) */
        operation_refuse(done, -EEXIST, "launch", id, "container already started");
        return;
    }
    if (!config->container_info || config->container_info->type != CONTAINER_TYPE_DOCKER) {
        enum launch_result not_supported = LAUNCH_NOT_SUPPORTED;
        done_ok(done, &not_supported);
        return;
    }
    struct docker_launch *launch = mem_alloc(sizeof(*launch));
    launch->container = accept(docker, id, config);
    launch->container->launch = launch;
    launch->done = done;
    launch->pid_checkpoint_path = str_dup(pid_checkpoint_path);
    for (size_t i = 0; i < environment_count; i++)
        docker_environment_set(&launch->environment, &launch->environment_count,
            environment[i].name, environment[i].value);
    launch_begin(launch);
}
