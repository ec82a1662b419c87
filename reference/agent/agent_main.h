/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reference/statistics_source.h"

/* The subcommand `agent`; argv[0] is its name. Exit: 0 ended by a signal, 1 failed, 2 bad flags. */
int agent_main(int argc, char **argv);
/* The same with a statistics source behind its option --bpf. */
int agent_main_with(int argc, char **argv, statistics_source_new_fn statistics_new);
