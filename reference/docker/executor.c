/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUNNING: the executor is started in one of the modes of docker.md 4. Mode B forks
 * mesos-docker-executor on the host; mode A runs it in a container of --docker_mesos_image; a
 * custom executor runs in a container of its own image.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/docker/docker_container.h"
#include "reference/launchers/plan.h"

#define EXECUTOR_PROGRAM "mesos-docker-executor"
#define INSPECT_INTERVAL_NS NS_PER_SEC

/* --- what mesos-docker-executor is told --- */

/* {"NAME":"value", …}; caller frees. */
static char *environment_json(const struct environment_variable *list, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(
            object, list[i].name, json_string(list[i].value ? list[i].value : ""));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void add_flag(char ***arguments, const char *name, const char *value)
{
    if (value)
        strv_add_owned(arguments, str_printf("--%s=%s", name, value));
}

/* The flags of the executor, sorted by name (executors.md 3.1). */
static void executor_flags(const struct docker_launch *launch, char ***arguments)
{
    const struct docker_container *container = launch->container;
    const struct docker_options *options = &container->docker->options;
    _cleanup_free_ char *stop_timeout = docker_duration_text(options->stop_timeout_ns);
    char *dns = options->default_dns ? json_dumps(options->default_dns, JSON_COMPACT) : NULL;
    char *task_environment = launch->task_environment_count > 0
        ? environment_json(launch->task_environment, launch->task_environment_count)
        : NULL;
    add_flag(arguments, "cgroups_enable_cfs", options->enable_cfs ? "true" : "false");
    add_flag(arguments, "container", container->name);
    add_flag(arguments, "default_container_dns", dns);
    add_flag(arguments, "docker", options->program);
    add_flag(arguments, "docker_socket", options->socket);
    add_flag(arguments, "launcher_dir", options->launcher_dir);
    add_flag(arguments, "mapped_directory", options->mapped_directory);
    add_flag(arguments, "sandbox_directory", container->directory);
    add_flag(arguments, "stop_timeout", stop_timeout);
    add_flag(arguments, "task_environment", task_environment);
    free(dns);
    free(task_environment);
}

static char *executor_path(const struct docker_containerizer *docker)
{
    return str_printf("%s/" EXECUTOR_PROGRAM, docker->options.launcher_dir);
}

static int checkpoint_pid(const struct docker_launch *launch, pid_t pid, struct err *err)
{
    if (!launch->pid_checkpoint_path)
        return 0;
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    int r = host_file_write(launch->container->docker->host, launch->pid_checkpoint_path, text,
        strlen(text), 0644, err);
    return r < 0 ? err_wrap(err, r, "checkpoint of pid %d", (int)pid) : 0;
}

/* The owner of stdout and stderr in the sandbox: the user of the container. */
static int output_owner(
    const struct docker_container *container, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
    *ret_uid = (uid_t)-1;
    *ret_gid = (gid_t)-1;
    if (!container->config.user)
        return 0;
    struct user_info user = {0};
    int r = host_user_lookup(container->docker->host, container->config.user, &user, err);
    if (r < 0)
        return err_wrap(err, r, "user %s", container->config.user);
    *ret_uid = user.uid;
    *ret_gid = user.gid;
    user_info_release(&user);
    return 0;
}

/* --- mode B: a process on the host --- */

static void executor_environment(const struct docker_launch *launch, struct launch_info *info)
{
    const struct docker_container *container = launch->container;
    const struct command_info *command = &container->config.command_info;
    struct environment_variable *list = NULL;
    size_t count = 0;
    for (size_t i = 0; i < launch->environment_count; i++)
        docker_environment_set(
            &list, &count, launch->environment[i].name, launch->environment[i].value);
    for (size_t i = 0; i < command->environment_count; i++)
        docker_environment_set(
            &list, &count, command->environment[i].name, command->environment[i].value);
    if (container->docker->glog_v)
        docker_environment_set(&list, &count, "GLOG_v", container->docker->glog_v);
    info->environment = list;
    info->environment_count = count;
}

static int executor_plan(
    const struct docker_launch *launch, struct plan *plan, struct err *err)
{
    const struct docker_container *container = launch->container;
    plan_init(plan);
    plan->container_id = str_dup(container->id);
    plan->stdio[1] = str_printf("%s/stdout", container->directory);
    plan->stdio[2] = str_printf("%s/stderr", container->directory);
    plan->info.working_directory = str_dup(container->directory);
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->value = executor_path(container->docker);
    strv_add(&plan->info.command->arguments, EXECUTOR_PROGRAM);
    executor_flags(launch, &plan->info.command->arguments);
    executor_environment(launch, &plan->info);
    return output_owner(container, &plan->stdio_uid, &plan->stdio_gid, err);
}

/* An executor that never got through its gate ends by itself, and is only to be reaped. */
struct docker_unstarted {
    struct list node;
    struct host_request *watch;
};

static void unstarted_free(struct docker_unstarted *unstarted)
{
    list_remove(&unstarted->node);
    host_cancel(unstarted->watch);
    free(unstarted);
}

void docker_unstarted_free(struct docker_containerizer *docker)
{
    list_for_each_safe(node, following, &docker->unstarted)
        unstarted_free(list_entry(node, struct docker_unstarted, node));
}

static void unstarted_reaped(void *arg, int result, bool status_known, int wait_status)
{
    struct docker_unstarted *unstarted = arg;
    (void)result, (void)status_known, (void)wait_status;
    unstarted->watch = NULL;
    unstarted_free(unstarted);
}

static void reap_unstarted(struct docker_containerizer *docker, pid_t pid)
{
    struct docker_unstarted *unstarted = mem_alloc(sizeof(*unstarted));
    list_append(&docker->unstarted, &unstarted->node);
    unstarted->watch = host_exit_watch(docker->host, pid, unstarted_reaped, unstarted);
}

static int executor_fork(
    const struct docker_launch *launch, const struct plan *plan, pid_t *ret_pid, struct err *err)
{
    struct host *host = launch->container->docker->host;
    pid_t pid = 0;
    int gate = -1;
    int r = host_spawn(host, plan, &pid, &gate, err);
    if (r < 0)
        return r;
    /* the agent knows the pid before the executor does anything */
    r = checkpoint_pid(launch, pid, err);
    if (r == 0)
        r = host_gate_release(host, gate, err);
    host_gate_close(host, gate);
    if (r < 0)
        reap_unstarted(launch->container->docker, pid);
    else
        *ret_pid = pid;
    return r;
}

static void run_on_host(struct docker_launch *launch)
{
    struct docker_container *container = launch->container;
    struct plan plan;
    pid_t pid = 0;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = executor_plan(launch, &plan, &err);
    if (r == 0)
        r = executor_fork(launch, &plan, &pid, &err);
    plan_release(&plan);
    if (r < 0) {
        err_wrap(&err, r, EXECUTOR_PROGRAM);
        docker_launch_fail(launch, r, &err);
        return;
    }
    container->executor_pid = pid;
    docker_reap_start(container, pid);
    docker_launch_succeed(launch);
}

/* --- mode A and custom executors: a container --- */

static void add_volume(struct container_info *info, const char *path, const char *mode)
{
    info->volumes = mem_realloc(info->volumes, (info->volumes_count + 1) * sizeof(*info->volumes));
    info->volumes[info->volumes_count++] = (struct volume){
        .mode = str_dup(mode), .container_path = str_dup(path), .host_path = str_dup(path)};
}

/* The container in which mesos-docker-executor runs (docker.md 4). */
static void executor_container(const struct docker_launch *launch,
    struct container_info *info, struct command_info *command)
{
    static const struct {
        const char *key;
        const char *value;
    } parameters[] = {{"pid", "host"}, {"cap-add", "SYS_ADMIN"}, {"cap-add", "SYS_PTRACE"}};
    const struct docker_container *container = launch->container;
    const struct docker_options *options = &container->docker->options;
    info->type = CONTAINER_TYPE_DOCKER;
    info->docker = mem_alloc(sizeof(*info->docker));
    info->docker->image = str_dup(options->mesos_image);
    info->docker->parameters =
        mem_alloc(ARRAY_SIZE(parameters) * sizeof(*info->docker->parameters));
    info->docker->parameters_count = ARRAY_SIZE(parameters);
    for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
        info->docker->parameters[i] = (struct docker_parameter){
            str_dup(parameters[i].key), str_dup(parameters[i].value)};
    add_volume(info, options->socket, "RO");
    add_volume(info, container->directory, "RW");
    command->value = executor_path(container->docker);
    executor_flags(launch, &command->arguments);
    for (size_t i = 0; i < container->config.command_info.environment_count; i++)
        docker_environment_set(&command->environment, &command->environment_count,
            container->config.command_info.environment[i].name,
            container->config.command_info.environment[i].value);
}

static int run_options(
    const struct docker_launch *launch, struct docker_run_options *options, struct err *err)
{
    const struct docker_container *container = launch->container;
    const struct docker_containerizer *docker = container->docker;
    struct container_info executor = {0};
    struct command_info command = {0};
    bool mode_a = container->executor_name != NULL;
    if (mode_a)
        executor_container(launch, &executor, &command);
    const struct docker_run_request request = {
        .container = mode_a ? &executor : container->config.container_info,
        .command = mode_a ? &command : &container->config.command_info,
        .name = mode_a ? container->executor_name : container->name,
        .sandbox = container->directory,
        .mapped = docker->options.mapped_directory,
        .requests = &container->requests,
        .limits = &container->limits,
        .environment = launch->environment,
        .environment_count = launch->environment_count,
        .enable_cfs = docker->options.enable_cfs,
        .host_memory_bytes = docker->host->facts.memory_bytes,
        .default_dns = mode_a ? NULL : docker->options.default_dns,
        .version = docker->version_known ? &docker->version : NULL,
    };
    int r = docker_run_options_make(&request, options, err);
    json_type_release(&container_info_json, &executor);
    json_type_release(&command_info_json, &command);
    if (r < 0)
        return r;
    uid_t uid = 0;
    gid_t gid = 0;
    options->stdout_path = str_printf("%s/stdout", container->directory);
    options->stderr_path = str_printf("%s/stderr", container->directory);
    r = output_owner(container, &uid, &gid, err);
    if (uid != (uid_t)-1)
        options->stdio_uid = (struct opt_u64)OPT(uid);
    if (gid != (gid_t)-1)
        options->stdio_gid = (struct opt_u64)OPT(gid);
    return r;
}

/* The launch waits for the inspection of what was run. */
static bool is_inspecting(const struct docker_container *container)
{
    return container->launch && container->launch->step;
}

/* What ends before it could be inspected was never there: the inspection is given up. */
static void run_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_running *running = arg;
    struct docker_container *container = running->container;
    const struct docker_exit *exit = value;
    docker_running_ended(running);
    if (result == -ESHUTDOWN || !container || !is_inspecting(container))
        return;
    if (result < 0) {
        docker_launch_fail(container->launch, result, err);
    } else if (exit->status != 0) {
        _cleanup_free_ char *how = docker_exit_text((int)exit->status);
        _cleanup_err_ struct err failure = ERR_INIT;
        err_set(&failure, -EREMOTEIO, "docker run: %s", how);
        docker_launch_fail(container->launch, -EREMOTEIO, &failure);
    }
}

static void run_updated(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    struct docker_container *container = launch->container;
    _cleanup_err_ struct err failure = ERR_INIT;
    (void)value;
    launch->waiting = false;
    if (!container) {
        docker_launch_free(launch);
        return;
    }
    if (result == 0 && launch->pid == 0)
        result = err_set(&failure, -ESRCH, "the executor's container has no pid");
    else if (result == 0)
        result = checkpoint_pid(launch, launch->pid, &failure);
    else
        err_copy(&failure, err);
    if (result < 0) {
        docker_launch_fail(launch, result, &failure);
        return;
    }
    docker_reap_start(container, launch->pid);
    docker_launch_succeed(launch);
}

static void run_inspected(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    struct docker_container *container = launch->container;
    const struct docker_inspection *inspection = value;
    launch->step = NULL;
    if (result < 0) {
        docker_launch_fail(launch, result, err);
        return;
    }
    if (inspection->pid.set)
        launch->pid = (pid_t)inspection->pid.value;
    if (!container->executor_name)
        container->pid = launch->pid;
    const struct executor_info *executor = container->config.executor_info;
    launch->waiting = true;
    docker_container_update(container,
        executor ? &executor->resources : &container->config.resources,
        &container->config.limits, true, DONE(run_updated, launch));
}

static void run_in_container(struct docker_launch *launch)
{
    static const struct docker_patience patience = {.interval_ns = INSPECT_INTERVAL_NS};
    struct docker_container *container = launch->container;
    struct docker *docker = container->docker->docker;
    struct docker_run_options options = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = run_options(launch, &options, &err);
    if (r == 0) {
        container->run = mem_alloc(sizeof(*container->run));
        container->run->container = container;
        container->run->request = docker_run(docker, &options, DONE(run_ended, container->run));
        launch->step = docker_inspect_patiently(
            docker, options.name, &patience, DONE(run_inspected, launch));
    }
    docker_run_options_release(&options);
    if (r < 0)
        docker_launch_fail(launch, r, &err);
}

void docker_launch_run(struct docker_launch *launch)
{
    if (launch->container->command_task && !launch->container->executor_name)
        run_on_host(launch);
    else
        run_in_container(launch);
}
