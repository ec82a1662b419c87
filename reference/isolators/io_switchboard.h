/* SPDX-License-Identifier: Apache-2.0 */
/* What the containerizer has to know of the I/O switchboard of a container. */
#pragma once

#include "reference/host.h"

/* The program, in --launcher_dir. Without it nobody can attach, and no container has a server. */
#define IO_SWITCHBOARD_PROGRAM "mesos-io-switchboard"

/* Path of the pipe that is the container's descriptor `fd` (0 to 2); owned. NULL: it has none, but
 * its stdio as ever. */
char *io_switchboard_pipe(
    struct host *host, const char *runtime_dir, const char *id, unsigned fd);
/* Path of the socket where its server listens; owned. -EOPNOTSUPP: it has no server. */
int io_switchboard_socket(struct host *host, const char *runtime_dir, const char *id,
    char **ret_path, struct err *err);
