/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the docker CLI, as the simulated engine reads it. */
#pragma once

#include "reference/docker/docker.h"

#define EXECUTOR_PROGRAM "mesos-docker-executor"

/* False when the line is none that the engine knows. ret_call refers to the arguments and to
 * ret_run, which is the caller's to release in any case. */
bool program_read(char *const *arguments, struct docker_call *ret_call,
    struct docker_run_options *ret_run);
