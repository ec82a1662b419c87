/* SPDX-License-Identifier: Apache-2.0 */
/* The docker client that runs the docker CLI through the host. */
#pragma once

#include "reference/docker/docker.h"

/*
 * `docker run` becomes a process of its own (host_spawn) that outlives the agent, with its output
 * in the files that the options name; all other calls are helper commands whose output is kept up
 * to a bound and read. What can't be read as a whole is -EBADMSG.
 */
struct docker *docker_cli_new(struct host *host, const char *program, const char *socket);
