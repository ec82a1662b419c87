/* SPDX-License-Identifier: Apache-2.0 */
/* The program mesos-executor. */
#include "reference/executors/run.h"

static int start(struct host *host, char **argv, char **environment, executor_exit_fn fn, void *arg,
    void **ret_executor, struct err *err)
{
    struct command_executor_options options = {0};
    int r = command_executor_options_parse(argv, environment, &options, err);
    if (r < 0)
        return r;
    if (options.help)
        command_executor_options_release(&options);
    else
        *ret_executor = command_executor_new(host, &options, fn, arg);
    return 0;
}

static void end(void *executor)
{
    command_executor_free(executor);
}

int main(int argc, char **argv)
{
    static const struct executor_program_ops ops = {
        "mesos-executor", command_executor_usage, start, end};
    (void)argc;
    return executor_run(argv, &ops);
}
