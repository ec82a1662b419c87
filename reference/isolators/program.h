/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that isolators run: where they are, as the agent's own PATH says. */
#pragma once

#include "reference/host.h"

/* "PATH=…" of the agent's environment, or what a login has; borrowed. */
const char *program_path_variable(const struct host *host);
/* The first file of that name in the PATH; a name with a slash is a path already. NULL: there is
 * none. Owned. */
char *agent_program_find(struct host *host, const char *name);
