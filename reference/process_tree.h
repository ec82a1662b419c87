/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to a task with all that belongs to it (executors.md 2.6). */
#pragma once

#include "reference/host.h"

/*
 * Signals the process, what descends from it, and everything in their process groups and sessions.
 * When the processes can't be listed, the process alone. The process must lead a session of its
 * own.
 */
void process_tree_signal(struct host *host, pid_t pid, int signal);
