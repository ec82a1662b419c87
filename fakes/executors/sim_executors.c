/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/executors/sim_executors.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/docker/engine.h"
#include "fakes/executors/programs.h"
#include "fakes/executors/sim_io.h"
#include "fakes/host/sim_host.h"
#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/kernel/workload.h"
#include "fakes/vfs.h"
#include "reference/docker/docker_cli.h"
#include "reference/executors/docker_executor.h"
#include "reference/io_switchboard/server.h"

struct sim_executor {
    struct sim_resident resident;
    struct process *process; /* NULL once it has ended */
    struct host *host;
    void *executor;
    void (*free)(void *executor);
    struct loop_timer *burial;
};

static void say(const struct workload_start *start, struct kernel *kernel, const char *text)
{
    if (start->stderr_path)
        vfs_write(kernel->vfs, start->stderr_path, text, strlen(text), 0644, true);
}

/* --- its end --- */

static void executor_bury(struct sim_executor *executor)
{
    loop_timer_stop(executor->host->loop, executor->burial);
    sim_resident_remove(&executor->resident);
    host_gone(executor->host);
    executor->free(executor->executor);
    host_free(executor->host);
    free(executor);
}

static void burial_due(void *arg)
{
    struct sim_executor *executor = arg;
    executor->burial = NULL;
    executor_bury(executor);
}

/* The machine goes. */
static void resident_free(struct sim_resident *resident)
{
    struct sim_executor *executor = container_of(resident, struct sim_executor, resident);
    if (executor->process)
        process_exit(executor->process, SIGKILL);
    executor_bury(executor);
}

/* It may be on the stack: what is left of it is taken down from the loop. */
static void process_ended(struct process *process)
{
    struct sim_executor *executor = process->behaviour_data;
    executor->process = NULL;
    sim_host_leave(executor->host);
    host_crash(executor->host);
    executor->burial = loop_timer_start(executor->host->loop, 0, burial_due, executor);
}

static void child_ended(struct process *process, struct process *child)
{
    (void)process, (void)child; /* its watches reap */
}

static const struct process_behaviour behaviour = {
    .child_ended = child_ended, .ended = process_ended};

static void kill_group(struct process *process)
{
    struct kernel *kernel = process->kernel;
    pid_t group = process->pgid;
    list_for_each_safe(node, following, &kernel->processes) {
        struct process *other = list_entry(node, struct process, node);
        if (other->pgid == group && other != process && other->state != PROCESS_ZOMBIE)
            process_signal(other, SIGKILL);
    }
    process_signal(process, SIGKILL);
}

static void executor_exits(void *arg, int wait_status)
{
    struct sim_executor *executor = arg;
    if (!executor->process)
        return;
    if (wait_status == SIGKILL)
        kill_group(executor->process);
    else
        process_exit(executor->process, wait_status);
}

/* --- its begin --- */

static struct sim_executor *executor_new(
    struct process *process, const struct workload_start *start)
{
    struct sim_executor *executor = mem_alloc(sizeof(*executor));
    executor->process = process;
    executor->host = sim_host_for(process, start->stdout_path, start->stderr_path);
    executor->resident.free = resident_free;
    sim_resident_add(sim_world_get(process->kernel), &executor->resident);
    process->behaviour = &behaviour;
    process->behaviour_data = executor;
    return executor;
}

/* Bad flags, or --help. */
static void refuse(struct process *process, const struct workload_start *start, char *usage,
    const struct err *err)
{
    _cleanup_free_ char *text =
        err ? str_printf("%s\n\n%s", err_text(err), usage) : str_dup(usage);
    say(start, process->kernel, text);
    free(usage);
    process_exit(process, err ? 1 << 8 : 0);
}

static void command_free(void *executor)
{
    command_executor_free(executor);
}

static void play_command(void *arg, struct process *process, const struct workload_start *start)
{
    (void)arg;
    struct command_executor_options options = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = command_executor_options_parse(
        start->argv + 1, start->environment, &options, &err);
    if (r < 0 || options.help) {
        refuse(process, start, command_executor_usage(), r < 0 ? &err : NULL);
        command_executor_options_release(&options);
        return;
    }
    struct sim_executor *executor = executor_new(process, start);
    executor->free = command_free;
    executor->executor =
        command_executor_new(executor->host, &options, executor_exits, executor);
}

static void docker_free_executor(void *executor)
{
    docker_executor_free(executor);
}

static bool is_told_a_socket(char *const *environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        if (str_starts(environment[i], "MESOS_DOMAIN_SOCKET="))
            return true;
    return false;
}

static void play_docker(void *arg, struct process *process, const struct workload_start *start)
{
    struct docker_executor_options options = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    if (!is_told_a_socket(start->environment)) {
        executor_play(arg, process, start);
        return;
    }
    int r = docker_executor_options_parse(start->argv + 1, start->environment, &options, &err);
    if (r < 0 || options.help) {
        refuse(process, start, docker_executor_usage(), r < 0 ? &err : NULL);
        docker_executor_options_release(&options);
        return;
    }
    struct sim_executor *executor = executor_new(process, start);
    executor->free = docker_free_executor;
    struct docker *docker =
        docker_cli_new(executor->host, options.docker, options.docker_socket);
    executor->executor =
        docker_executor_new(executor->host, &options, docker, executor_exits, executor);
}

static void io_free(void *server)
{
    io_server_free(server);
}

static void play_io(void *arg, struct process *process, const struct workload_start *start)
{
    struct io_options options = {0};
    struct io_server *server = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    (void)arg;
    if (io_options_parse(start->argv + 1, &options, &err) < 0) {
        refuse(process, start, io_server_usage(), &err);
        return;
    }
    struct sim_executor *executor = executor_new(process, start);
    executor->free = io_free;
    int r = io_server_new(executor->host, &options, sim_io_ports_new(process->kernel),
        executor_exits, executor, &server, &err);
    executor->executor = server;
    if (r < 0) {
        say(start, process->kernel, err_text(&err));
        process_exit(process, 1 << 8);
    }
}

void sim_docker_executor_install(struct host *host, struct fake_docker *engine)
{
    sim_host_player(host, "mesos-docker-executor", play_docker, engine);
}

void sim_executors_install(struct host *host, const char *launcher_dir)
{
    static const char *const files[] = {
        "mesos-executor", "mesos-docker-executor", "mesos-tcp-connect", "mesos-fetcher",
        "mesos-io-switchboard"};
    struct vfs *vfs = sim_host_process(host)->kernel->vfs;
    vfs_mkdir(vfs, launcher_dir, 0755, true);
    vfs_mkdir(vfs, "/tmp", 01777, true);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", launcher_dir, files[i]);
        vfs_write(vfs, path, "", 0, 0755, false);
    }
    sim_host_player(host, "mesos-executor", play_command, NULL);
    sim_host_player(host, "mesos-io-switchboard", play_io, NULL);
    sim_check_programs_install(host);
}
