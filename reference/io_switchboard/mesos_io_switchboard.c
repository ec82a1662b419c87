/* SPDX-License-Identifier: Apache-2.0 */
/* The program mesos-io-switchboard. */
#include <signal.h>

#include "reference/executors/run.h"
#include "reference/io_switchboard/ports_linux.h"
#include "reference/io_switchboard/server.h"

static int start(struct host *host, char **argv, char **environment, executor_exit_fn fn, void *arg,
    void **ret_server, struct err *err)
{
    struct io_options options = {0};
    struct io_server *server = NULL;
    int r = io_options_parse(argv, &options, err);

    (void)environment;
    signal(SIGPIPE, SIG_IGN); /* a client or a container that is gone is told by its errno */
    if (r == 0)
        r = io_server_new(host, &options, io_ports_linux_new(host->loop), fn, arg, &server, err);
    if (r == 0)
        *ret_server = server;
    return r;
}

static void end(void *server)
{
    io_server_free(server);
}

int main(int argc, char **argv)
{
    static const struct executor_program_ops ops = {
        "mesos-io-switchboard", io_server_usage, start, end};

    (void)argc;
    return executor_run(argv, &ops);
}
