/* SPDX-License-Identifier: Apache-2.0 */
/* Performs a check again and again: delay, attempt, interval, attempt … (executors.md 4.1). */
#pragma once

#include "reference/executors/task_check.h"
#include "reference/host.h"

/* Where attempts run; borrowed, and outlives the checker. */
struct check_place {
    const char *launcher_dir;  /* of mesos-tcp-connect */
    const char *directory;     /* where COMMAND runs; NULL: where we are */
    struct environment_variable *environment; /* of COMMAND */
    size_t environment_count;
    /* COMMAND enters the mount namespace of this process, which has or gets a root of its own;
     * 0: no */
    pid_t mount_namespace_pid;
    pid_t network_pid;         /* HTTP and TCP enter the network namespace of this process; 0: no */
    /* COMMAND by another way than as a child: NULL terminated, the command is appended; NULL: no */
    char *const *command_prefix;
};

struct checker;
typedef void (*checker_fn)(void *arg, const struct check_result *result);
/* Takes over what check owns. */
struct checker *checker_new(struct host *host, struct task_check *check,
    const struct check_place *place, checker_fn fn, void *arg);
/* Stops, and forgets an attempt under way with all its processes. NULL is fine. */
void checker_free(struct checker *checker);
const struct task_check *checker_check(const struct checker *checker);
