/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of the executors have in common: a loop and a host of the real kernel. */
#pragma once

#include "reference/executors/command_executor.h"
#include "reference/host.h"

struct executor_program_ops {
    const char *name;
    char *(*usage)(void);
    /* Parses and begins. *ret_executor NULL: there is only help to be given. -EINVAL. */
    int (*start)(struct host *host, char **argv, char **environment, executor_exit_fn fn,
        void *arg, void **ret_executor, struct err *err);
    void (*free)(void *executor);
};
/* The whole of main; does not return when it ends by a signal. */
int executor_run(char **argv, const struct executor_program_ops *ops);
