/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of operations: how each calls the containerizer or the agent. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/docker/fake_docker.h"
#include "reference/base/mem.h"
#include "reference/model/container_id.h"
#include "scenarios/engine/run/config.h"
#include "scenarios/engine/run/operation.h"

static struct containerizer *containerizer_of(struct run *run)
{
    return run->instance.agent->containerizer;
}

/* The engine's own wait, from the launch on: `ended` looks at it, and it must be answered once. */
static void watch_end(struct run *run, struct known *known)
{
    enum container_phase phase;
    if (known->ended && !known->ended->answers)
        return;
    if (containerizer_phase(containerizer_of(run), known->id, &phase) < 0)
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    known->ended = operation_start(run, &operation_wait, known->id, NULL, NULL, &err);
}

void known_watch_all(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (run->instance.agent && strmap_next(run->known, &cursor, &id, &value))
        watch_end(run, value);
}

static char *root_sandbox_of(struct run *run, const char *id, const struct node *args)
{
    _cleanup_free_ char *root = container_id_root(id);
    const struct known *known = known_get(run, root);
    if (known)
        return str_dup(known->root_sandbox);
    if (str_equal(node_text(args, "role"), "standalone"))
        return str_printf("%s/containers/%s", run->flags.work_dir, root);
    bool made_by_agent = str_equal(node_text(args, "role"), "command task") &&
                         !str_equal(node_text(args, "via"), "containerizer");
    _cleanup_free_ char *executor = made_by_agent ? str_dup(root) : config_executor(root);
    return agent_sandbox_path(&run->flags, CONFIG_FRAMEWORK, executor, root);
}

/* The bare call: the scenario plays the agent, so the sandbox must be there before. */
static int launch_direct(struct run *run, struct operation *operation, const struct node *args,
    struct container_config *config, const char *sandbox, struct err *err)
{
    bool nested = container_id_is_nested(operation->id);
    bool standalone = str_equal(node_text(args, "role"), "standalone");
    _cleanup_free_ char *pid_path = NULL;
    if (!nested) {
        if (!config->directory)
            config->directory = str_dup(sandbox);
        int result = host_mkdir(run->world->observer, config->directory, 0750, true, err);
        if (result < 0)
            return result;
    }
    if (node_bool(args, "checkpoint", !nested && !standalone)) {
        _cleanup_free_ char *executor = config_executor(operation->id);
        _cleanup_free_ char *meta =
            agent_run_meta_path(&run->flags, CONFIG_FRAMEWORK, executor, operation->id);
        _cleanup_free_ char *pids = str_printf("%s/pids", meta);
        int result = host_mkdir(run->world->observer, pids, 0755, true, err);
        if (result < 0)
            return result;
        pid_path = str_printf("%s/forked.pid", pids);
    }
    containerizer_launch(
        containerizer_of(run), operation->id, config, NULL, 0, pid_path, operation_done(operation));
    return 0;
}

static int launch_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    struct container_config config;
    int result = config_make(run, args, &config, err);
    if (result < 0)
        return result;
    bool docker = config.container_info && config.container_info->type == CONTAINER_TYPE_DOCKER;
    if (docker && config.task_info && run->world->docker) {
        /* What the agent would hand to mesos-docker-executor over its connection. */
        _cleanup_free_ char *name = str_printf("mesos-%s", operation->id);
        fake_docker_set_task(run->world->docker, name, &config);
    }
    _cleanup_free_ char *sandbox = root_sandbox_of(run, operation->id, args);
    struct known *known = known_get(run, operation->id);
    if (!known)
        known = known_add(run, operation->id, sandbox);
    if (str_equal(node_text(args, "via"), "containerizer"))
        result = launch_direct(run, operation, args, &config, sandbox, err);
    else
        agent_launch(run->instance.agent, operation->id, &config, operation_done(operation));
    json_type_release(&container_config_json, &config);
    if (result == 0 && run->instance.agent && !run->instance.host->gone)
        watch_end(run, known);
    return result;
}

static int destroy_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    containerizer_destroy(containerizer_of(run), operation->id, operation_done(operation));
    return 0;
}

static int wait_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    containerizer_wait(containerizer_of(run), operation->id, operation_done(operation));
    return 0;
}

static int kill_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)err;
    int signal = (int)node_number(args, "signal", SIGKILL);
    containerizer_kill(containerizer_of(run), operation->id, signal, operation_done(operation));
    return 0;
}

static int update_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)err;
    struct resources resources = {0};
    struct resource_limits limits = {0};
    config_resources(node_get(args, "resources"), &resources);
    config_limits(node_get(args, "limits"), &limits);
    containerizer_update(
        containerizer_of(run), operation->id, &resources, &limits, operation_done(operation));
    resources_release(&resources);
    return 0;
}

static int usage_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    containerizer_usage(containerizer_of(run), operation->id, operation_done(operation));
    return 0;
}

static int status_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    containerizer_status(containerizer_of(run), operation->id, operation_done(operation));
    return 0;
}

static int remove_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    containerizer_remove(containerizer_of(run), operation->id, operation_done(operation));
    return 0;
}

static int prune_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)err;
    size_t count;
    struct node *const *images = node_list(args, "keep", &count);
    char **keep = mem_alloc((count + 1) * sizeof(*keep));
    for (size_t i = 0; i < count; i++)
        keep[i] = images[i]->text;
    agent_prune_images(run->instance.agent, keep, operation_done(operation));
    free(keep);
    return 0;
}

static int recover_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    (void)args, (void)err;
    agent_recover(run->instance.agent, operation_done(operation));
    return 0;
}

static json_t *launch_value(const void *value)
{
    return json_string(launch_result_names[*(const enum launch_result *)value]);
}

static json_t *kill_value(const void *value)
{
    return json_boolean(*(const bool *)value);
}

static json_t *termination_value(const void *value)
{
    return json_type_encode(&termination_json, value);
}

static json_t *usage_value(const void *value)
{
    return json_type_encode(&statistics_json, value);
}

static json_t *status_value(const void *value)
{
    return json_type_encode(&container_status_json, value);
}

static json_t *attach_value(const void *value)
{
    return json_deep_copy(value);
}

const struct operation_kind operation_launch = {"launch", launch_start, launch_value, judge_result};
const struct operation_kind operation_destroy = {
    "destroy", destroy_start, termination_value, judge_termination};
const struct operation_kind operation_wait = {
    "wait", wait_start, termination_value, judge_termination};
const struct operation_kind operation_kill = {"kill", kill_start, kill_value, judge_result};
const struct operation_kind operation_update = {"update", update_start, NULL, judge_result};
const struct operation_kind operation_usage = {"usage", usage_start, usage_value, judge_values};
const struct operation_kind operation_status = {"status", status_start, status_value, judge_values};
const struct operation_kind operation_remove = {"remove", remove_start, NULL, judge_result};
const struct operation_kind operation_attach = {
    "attach", attach_start, attach_value, judge_values};
const struct operation_kind operation_prune = {"prune", prune_start, NULL, judge_result};
const struct operation_kind operation_recover = {"recover", recover_start, NULL, judge_result};
