/* SPDX-License-Identifier: Apache-2.0 */
/* Executors of command tasks that outlive an agent. */
#pragma once

#include "reference/agent/executor_registry.h"

/* Waits for the end of a recovered executor, as for those that were launched (launch.c). */
void agent_wait_recovered(struct agent *agent, const struct executor_identity *identity);
