/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/log.h"
#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"
#include "reference/host_linux.h"

struct ending {
    bool ended;
    int wait_status;
};

static void executor_ended(void *arg, int wait_status)
{
    struct ending *ending = arg;
    ending->ended = true;
    ending->wait_status = wait_status;
}

/* As the state machine has it: an exit, an abort, or the end of the whole process group. */
static int die(int wait_status)
{
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    if (WTERMSIG(wait_status) == SIGKILL)
        kill(0, SIGKILL);
    abort();
}

static int refuse(const struct executor_program_ops *ops, const struct err *err)
{
    _cleanup_free_ char *usage = ops->usage();
    if (err)
        fprintf(stderr, "%s\n\n%s", err_text(err), usage);
    else
        printf("%s", usage);
    return err ? 1 : 0;
}

int executor_run(char **argv, const struct executor_program_ops *ops)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct ending ending = {0};
    struct host *host = NULL;
    void *executor = NULL;
    log_set_sink(log_sink_stdio, stderr, LOG_INFO);
    struct loop *loop = loop_uv_new();
    const struct host_linux_options options = {.cgroups = "none"};
    int r = host_linux_new(loop, NULL, &options, &host, &err);
    if (r == 0)
        r = ops->start(host, argv + 1, environ, executor_ended, &ending, &executor, &err);
    int status = 0;
    if (r < 0 || !executor) {
        status = refuse(ops, r < 0 ? &err : NULL);
    } else {
        while (!ending.ended && loop_step(loop))
            continue;
        ops->free(executor);
    }
    host_free(host);
    loop_free(loop);
    return ending.ended ? die(ending.wait_status) : status;
}
