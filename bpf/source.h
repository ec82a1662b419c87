/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reference/statistics_source.h"

/* Loads the probes. As stats_open. */
int stats_source_new(bool unified, struct statistics_source **ret_source, struct err *err);
/* The subcommand `agent`, whose option --bpf is this source. */
int stats_agent_main(int argc, char **argv);
