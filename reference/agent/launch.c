/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent does around a launch (containerizer.md 1.1): sandbox, metadata and environment
 * before it; a wait for the executor and, when it failed, a destroy after it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/agent/command_executor.h"
#include "reference/agent/executor_registry.h"
#include "reference/agent/meta.h"
#include "reference/agent/recovered.h"
#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/model/container_info.h"

#define LAUNCH_ERRORS "slave/container_launch_errors"
#define EXECUTORS_TERMINATED "slave/executors_terminated"

/* An executor from launch to termination: the agent waits for its end. */
struct executor {
    struct agent *agent;
    char *id;
    char *framework;
    char *executor;
    char *pending_reason; /* of a termination that the agent itself has caused */
    char *pending_message;
};

struct agent_launch {
    struct agent *agent;
    char *id;
    struct done done;
    /* The given config with what the agent made up for it; valid until the containerizer has it. */
    struct container_config config;
    char *directory;                   /* made up */
    struct executor_info *for_command; /* likewise */
    struct resources resources;        /* of the task with its executor */
    uint64_t shutdown_grace_ns;        /* of the executor that was made up; 0: none was */
    struct executor *executor; /* NULL: no executor, or the wait has taken it */
    char *pid_path;
    struct environment_variable *environment;
    size_t environment_count;
    int result;
    struct err err;
};

/* --- the end of an executor --- */

static struct agent_run_names names_of(const struct executor *executor)
{
    return (struct agent_run_names){
        .framework = executor->framework,
        .executor = executor->executor,
        .container = executor->id,
    };
}

static void executor_free(struct executor *executor)
{
    if (!executor)
        return;
    free(executor->id);
    free(executor->framework);
    free(executor->executor);
    free(executor->pending_reason);
    free(executor->pending_message);
    free(executor);
}

/* The task status that the end of the container gives (containerizer.md 4.2). */
static void trace_terminated(const struct executor *executor, const struct termination *termination,
    int result, const struct err *err)
{
    const char *own = termination ? termination->message : NULL;
    if (result < 0)
        own = err_text(err);
    const char *pending = executor->pending_message;
    _cleanup_free_ char *both =
        own && pending ? str_printf("%s; %s%s", pending,
                             result < 0 ? "Abnormal termination: " : "", own)
                       : NULL;
    const char *state = termination && termination->state ? termination->state : "TASK_FAILED";
    const char *reason = termination && termination->reason ? termination->reason
                         : executor->pending_reason         ? executor->pending_reason
                                                            : "REASON_EXECUTOR_TERMINATED";
    const char *message = both ? both : own ? own : pending ? pending : "Executor terminated";
    trace_event(executor->agent->host->trace, "agent", "executor.terminated", result,
        "id=%s state=%s reason=%s message=%s", executor->id, state, reason, message);
    executor_registry_end(executor->agent->executors, executor->id, state, reason, message);
}

/* What the agent itself has done to it counts more than what came of that. */
static void take_cause(struct executor *executor)
{
    const char *reason = NULL;
    const char *message = NULL;
    if (!executor_registry_cause(executor->agent->executors, executor->id, &reason, &message))
        return;
    str_set(&executor->pending_reason, reason);
    str_set(&executor->pending_message, message);
}

static void executor_terminated(void *arg, int result, const void *value, const struct err *err)
{
    struct executor *executor = arg;
    struct agent *agent = executor->agent;
    agent->pending--;
    if (result != -ESHUTDOWN) {
        _cleanup_err_ struct err failure = ERR_INIT;
        struct agent_run_names names = names_of(executor);
        containerizer_metric_add(agent->containerizer, EXECUTORS_TERMINATED, 1);
        take_cause(executor);
        trace_terminated(executor, value, result, err);
        if (agent_run_complete(agent->host, &agent->flags, &names, &failure) < 0)
            log_warning("executor of %s: %s", executor->id, err_text(&failure));
    }
    executor_free(executor);
}

/* --- the answer --- */

static void launch_answer(struct agent_launch *launch, const enum launch_result *outcome)
{
    struct done done = launch->done;
    int result = launch->result;
    _cleanup_err_ struct err err = launch->err;
    launch->err = (struct err)ERR_INIT;
    launch->agent->pending--;
    executor_free(launch->executor);
    for (size_t i = 0; i < launch->environment_count; i++)
        json_type_release(&environment_variable_json, &launch->environment[i]);
    free(launch->environment);
    free(launch->directory);
    if (launch->for_command)
        json_type_release(&executor_info_json, launch->for_command);
    free(launch->for_command);
    resources_release(&launch->resources);
    free(launch->pid_path);
    free(launch->id);
    free(launch);
    if (result < 0)
        done_fail(done, result, &err);
    else
        done_ok(done, outcome);
}

static void destroyed(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct agent_launch *launch = arg;
    if (result < 0)
        log_warning("after a failed launch: destroy %s: %s", launch->id, err_text(err));
    launch_answer(launch, NULL);
}

static void wait_for_executor(struct agent_launch *launch)
{
    struct executor *executor = TAKE_PTR(launch->executor);
    if (!executor)
        return;
    if (launch->result < 0) {
        str_set(&executor->pending_reason, "REASON_CONTAINER_LAUNCH_FAILED");
        executor->pending_message =
            str_printf("Failed to launch container: %s", err_text(&launch->err));
    }
    launch->agent->pending++;
    containerizer_wait(
        launch->agent->containerizer, launch->id, DONE(executor_terminated, executor));
}

static void launch_settled(void *arg, int result, const void *value, const struct err *err)
{
    struct agent_launch *launch = arg;
    struct containerizer *containerizer = launch->agent->containerizer;
    const enum launch_result *outcome = value;
    launch->result = result;
    err_copy(&launch->err, err);
    if (result == -ESHUTDOWN) {
        launch_answer(launch, NULL);
        return;
    }
    if (result < 0 || *outcome == LAUNCH_NOT_SUPPORTED)
        containerizer_metric_add(containerizer, LAUNCH_ERRORS, 1);
    if (result == 0) {
        enum launch_result copy = *outcome;
        if (copy != LAUNCH_ALREADY_LAUNCHED)
            wait_for_executor(launch);
        launch_answer(launch, &copy);
        return;
    }
    wait_for_executor(launch);
    containerizer_destroy(containerizer, launch->id, DONE(destroyed, launch));
}

/* --- before the launch --- */

/* The user of the command, if the agent may switch to it; a nested container inherits its own. */
static void choose_user(const struct flags *flags, struct container_config *config)
{
    if (!flags->switch_user)
        config->user = NULL;
    else if (!config->user)
        config->user = config->command_info.user;
}

static int make_sandbox(struct agent_launch *launch, struct err *err)
{
    struct host *host = launch->agent->host;
    const struct container_config *config = &launch->config;
    int r = host_mkdir(host, config->directory, 0750, true, err);
    if (r < 0 || !config->user)
        return r;
    struct user_info user = {0};
    r = host_user_lookup(host, config->user, &user, err);
    if (r == 0)
        r = host_chown(host, config->directory, user.uid, user.gid, true, err);
    user_info_release(&user);
    return r;
}

/* The executor that the agent makes up for a command task runs in its place. */
static int make_command_executor(struct agent_launch *launch, struct err *err)
{
    struct container_config *config = &launch->config;
    if (config->executor_info || !config->task_info)
        return 0;
    int r = command_task_validate(config->task_info, err);
    if (r == 0)
        r = command_executor_grace(
            launch->agent, config->task_info, &launch->shutdown_grace_ns, err);
    if (r < 0)
        return err_wrap(err, r, "task_info");
    launch->for_command = command_executor_make(launch->agent, config);
    config->executor_info = launch->for_command;
    config->command_info = *launch->for_command->command;
    resources_copy(&launch->resources, &config->resources);
    command_executor_overhead(&launch->resources, &config->limits);
    config->resources = launch->resources;
    return 0;
}

/* From here on the executor is expected. `command` is that of the task. */
static int expect_executor(struct agent_launch *launch, const struct command_info *command,
    struct err *err)
{
    const struct executor_identity identity = {
        launch->id, launch->executor->framework, launch->executor->executor};
    return launch->for_command
               ? executor_registry_add(launch->agent->executors, &identity,
                     launch->config.task_info, command, launch->shutdown_grace_ns, err)
               : 0;
}

static void add_variable(struct agent_launch *launch, const char *name, const char *value)
{
    struct environment_variable *variable = &launch->environment[launch->environment_count++];
    variable->name = str_dup(name);
    variable->value = str_dup(value);
}

/* What every executor is given (flags.md 10). */
static void make_environment(struct agent_launch *launch)
{
    const struct flags *flags = &launch->agent->flags;
    bool http = str_equal(flags_other(flags, "http_command_executor"), "true");
    bool sockets = str_equal(flags_other(flags, "http_executor_domain_sockets"), "true");
    _cleanup_free_ char *grace = launch->for_command
        ? executor_duration_text(launch->shutdown_grace_ns)
        : str_dup(flags_other(flags, "executor_shutdown_grace_period"));
    _cleanup_free_ char *socket = executor_socket_path(flags);
    const char *const variables[][2] = {
        {"LIBPROCESS_PORT", "0"},
        {"MESOS_FRAMEWORK_ID", launch->executor->framework},
        {"MESOS_EXECUTOR_ID", launch->executor->executor},
        {"MESOS_DIRECTORY", launch->config.directory},
        {"MESOS_SLAVE_ID", AGENT_ID},
        {"MESOS_CHECKPOINT", "1"},
        {"MESOS_HTTP_COMMAND_EXECUTOR", http ? "1" : "0"},
        {"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", grace},
        {"MESOS_RECOVERY_TIMEOUT", flags_other(flags, "recovery_timeout")},
        {"MESOS_SUBSCRIPTION_BACKOFF_MAX",
            flags_other(flags, "executor_reregistration_timeout")},
    };
    launch->environment = mem_alloc(sizeof(*launch->environment) * (ARRAY_SIZE(variables) + 1));
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
        add_variable(launch, variables[i][0], variables[i][1]);
    /* Executors that we made up speak through it, others when they are to. */
    if (launch->for_command || sockets)
        add_variable(launch, "MESOS_DOMAIN_SOCKET", socket);
}

/* Ids of frameworks and executors become directories. */
static int check_directory_name(const char *what, const char *name, struct err *err)
{
    if (name[0] == '\0' || strchr(name, '/') || str_equal(name, ".") || str_equal(name, ".."))
        return err_set(err, -EINVAL, "%s \"%s\": cannot be a directory's name", what, name);
    return 0;
}

static int prepare_executor(struct agent_launch *launch, struct err *err)
{
    struct agent *agent = launch->agent;
    struct container_config *config = &launch->config;
    const struct executor_info *info = config->executor_info;
    struct executor *executor = mem_alloc(sizeof(*executor));
    launch->executor = executor;
    executor->agent = agent;
    executor->id = str_dup(launch->id);
    executor->framework = str_dup(info->framework_id ? info->framework_id : DEFAULT_FRAMEWORK);
    executor->executor = str_dup(info->executor_id ? info->executor_id : launch->id);
    struct agent_run_names names = names_of(executor);
    names.command_task = container_config_is_command_task(config);
    names.made_up = launch->for_command != NULL;
    int r = check_directory_name("framework_id", names.framework, err);
    if (r == 0)
        r = check_directory_name("executor_id", names.executor, err);
    if (r < 0)
        return r;
    if (!config->directory)
        config->directory = launch->directory =
            agent_sandbox_path(&agent->flags, names.framework, names.executor, names.container);
    launch->pid_path = agent_forked_pid_path(&agent->flags, &names);
    make_environment(launch);
    r = make_sandbox(launch, err);
    return r < 0 ? r : agent_run_write(agent->host, &agent->flags, &names, info, err);
}

static int prepare(struct agent_launch *launch, struct err *err)
{
    struct agent *agent = launch->agent;
    struct container_config *config = &launch->config;
    const struct command_info command = config->command_info;
    enum container_phase phase;
    choose_user(&agent->flags, config);
    if (container_id_is_nested(launch->id))
        return 0;
    if (containerizer_phase(agent->containerizer, launch->id, &phase) == 0)
        return 0;
    int r = make_command_executor(launch, err);
    if (r == 0 && config->executor_info) {
        r = prepare_executor(launch, err);
        return r < 0 ? r : expect_executor(launch, &command, err);
    }
    if (r < 0)
        return r;
    if (!config->directory)
        config->directory = launch->directory =
            str_printf("%s/containers/%s", agent->flags.work_dir, launch->id);
    return make_sandbox(launch, err);
}

void agent_launch(struct agent *agent, const char *id, const struct container_config *config,
    struct done done)
{
    if (agent->ops) {
        agent->ops->launch(agent, id, config, done);
        return;
    }
    struct agent_launch *launch = mem_alloc(sizeof(*launch));
    launch->agent = agent;
    launch->id = str_dup(id);
    launch->done = done;
    launch->config = *config;
    agent->pending++;
    int r = container_id_validate(id, &launch->err);
    if (r == 0)
        r = container_info_check(config->container_info, &launch->err);
    if (r == 0)
        r = prepare(launch, &launch->err);
    if (r < 0) {
        err_wrap(&launch->err, r, "launch %s", id);
        launch->result = r;
        launch_answer(launch, NULL);
        return;
    }
    containerizer_launch(agent->containerizer, id, &launch->config, launch->environment,
        launch->environment_count, launch->pid_path, DONE(launch_settled, launch));
}

/* --- executors of an earlier agent --- */

void agent_wait_recovered(struct agent *agent, const struct executor_identity *identity)
{
    struct executor *executor = mem_alloc(sizeof(*executor));
    executor->agent = agent;
    executor->id = str_dup(identity->id);
    executor->framework = str_dup(identity->framework);
    executor->executor = str_dup(identity->executor);
    agent->pending++;
    containerizer_wait(agent->containerizer, identity->id, DONE(executor_terminated, executor));
}
