/* SPDX-License-Identifier: Apache-2.0 */
/* The program mesos-docker-executor. */
#include "reference/docker/docker_cli.h"
#include "reference/executors/docker_executor.h"
#include "reference/executors/run.h"

static int start(struct host *host, char **argv, char **environment, executor_exit_fn fn, void *arg,
    void **ret_executor, struct err *err)
{
    struct docker_executor_options options = {0};
    int r = docker_executor_options_parse(argv, environment, &options, err);
    if (r < 0)
        return r;
    if (options.help) {
        docker_executor_options_release(&options);
        return 0;
    }
    struct docker *docker = docker_cli_new(host, options.docker, options.docker_socket);
    *ret_executor = docker_executor_new(host, &options, docker, fn, arg);
    return 0;
}

static void end(void *executor)
{
    docker_executor_free(executor);
}

int main(int argc, char **argv)
{
    static const struct executor_program_ops ops = {
        "mesos-docker-executor", docker_executor_usage, start, end};
    (void)argc;
    return executor_run(argv, &ops);
}
