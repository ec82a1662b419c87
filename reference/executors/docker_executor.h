/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor (executors.md 3): runs the one task of a command in a docker container, tells
 * of it, and stops it. Like the command executor a state machine over a host and a loop.
 *
 * After a shutdown it ends with the acknowledgement of the last update as always; upstream's driver
 * ignores that one (quirk). A stop for the sake of health is repeated when it has failed, or takes
 * 5 s longer than its grace period.
 */
#pragma once

#include "reference/docker/docker.h"
#include "reference/executors/command_executor.h"

struct docker_executor;
/* Takes over what options own, and the client. */
struct docker_executor *docker_executor_new(struct host *host,
    struct docker_executor_options *options, struct docker *docker, executor_exit_fn fn, void *arg);
/* Leaves the container alone. NULL is fine. */
void docker_executor_free(struct docker_executor *executor);
