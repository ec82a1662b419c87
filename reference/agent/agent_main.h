/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reference/host.h"
#include "reference/statistics_source.h"

/* The subcommand `agent`; argv[0] is its name. Exit: 0 ended by a signal, 1 failed, 2 bad flags. */
int agent_main(int argc, char **argv);
struct agent_extras {
    statistics_source_new_fn statistics_new; /* behind its option --bpf; NULL: there is none */
    struct effect_hook hook;                 /* asked before each effect, for tests */
};
/* The same with what others bring. */
int agent_main_with(int argc, char **argv, const struct agent_extras *extras);
