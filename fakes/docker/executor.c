/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-docker-executor, as far as the containerizer sees it: a process that runs the container of
 * its task, and ends with status 0 when that has ended.
 */
#include <string.h>

#include "fakes/docker/engine.h"
#include "fakes/docker/program.h"
#include "fakes/kernel/workload.h"

struct executor {
    struct list node;
    struct process *process;
    struct job *job; /* docker run of the task; NULL: none */
};

static void executor_ended(struct process *process)
{
    struct executor *executor = process->behaviour_data;
    if (executor->job)
        job_forget(executor->job); /* the CLI dies with it, the container runs on */
    list_remove(&executor->node);
    free(executor);
}

static const struct process_behaviour executor_behaviour = {.ended = executor_ended};

void executors_free(struct fake_docker *engine)
{
    list_for_each_safe(node, following, &engine->executors) {
        struct executor *executor = list_entry(node, struct executor, node);
        executor->process->behaviour = NULL;
        executor_ended(executor->process);
    }
}

static void task_ended(void *arg, const struct docker_answer *answer)
{
    struct executor *executor = arg;
    (void)answer;
    executor->job = NULL;
    process_exit(executor->process, 0);
}

/* The value of --name=value among the arguments, "" when it is not there. */
static const char *flag(char *const *arguments, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; arguments[i]; i++)
        if (str_starts(arguments[i], "--") && strncmp(arguments[i] + 2, name, length) == 0 &&
            arguments[i][2 + length] == '=')
            return arguments[i] + 3 + length;
    return "";
}

static int task_options(const struct workload_start *start, const struct container_config *config,
    struct docker_run_options *ret_options)
{
    const struct task_info *task = config->task_info;
    const struct docker_run_request request = {
        .container = task && task->container ? task->container : config->container_info,
        .command = task && task->command ? task->command : &config->command_info,
        .name = flag(start->argv, "container"),
        .sandbox = flag(start->argv, "sandbox_directory"),
        .mapped = flag(start->argv, "mapped_directory"),
        .requests = &config->resources,
        .limits = &config->limits,
        .enable_cfs = str_equal(flag(start->argv, "cgroups_enable_cfs"), "true"),
    };
    return docker_run_options_make(&request, ret_options, NULL);
}

static void task_run(struct fake_docker *engine, struct executor *executor,
    const struct workload_start *start, const struct container_config *config)
{
    struct docker_run_options options = {0};
    if (task_options(start, config, &options) < 0) {
        process_exit(executor->process, 1 << 8);
        return;
    }
    options.stdout_path = str_dup(start->stdout_path);
    options.stderr_path = str_dup(start->stderr_path);
    const struct docker_call call = {.verb = DOCKER_RUN, .run = &options};
    _cleanup_strv_ char **line = NULL;
    strv_add(&line, "run");
    docker_run_options_arguments(&options, &line);
    executor->job = engine_start(engine, &call, line, task_ended, executor);
    docker_run_options_release(&options);
}

bool executor_play(
    struct fake_docker *engine, struct process *process, const struct workload_start *start)
{
    const char *program = start->argv && start->argv[0] ? start->argv[0] : "";
    if (!str_equal(program, EXECUTOR_PROGRAM) && !str_ends(program, "/" EXECUTOR_PROGRAM))
        return false;
    struct executor *executor = mem_alloc(sizeof(*executor));
    executor->process = process;
    process->behaviour = &executor_behaviour;
    process->behaviour_data = executor;
    list_append(&engine->executors, &executor->node);
    process_set_command(process, program);
    const struct container_config *config =
        strmap_get(engine->tasks, flag(start->argv, "container"));
    if (config)
        task_run(engine, executor, start, config);
    return true;
}

void fake_docker_set_task(
    struct fake_docker *engine, const char *name, const struct container_config *config)
{
    struct container_config *copy = mem_alloc(sizeof(*copy));
    json_type_copy(&container_config_json, copy, config);
    struct container_config *earlier = strmap_remove(engine->tasks, name);
    if (earlier)
        json_type_release(&container_config_json, earlier);
    free(earlier);
    strmap_set(engine->tasks, name, copy);
}
