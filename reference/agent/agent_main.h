/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The subcommand `agent`; argv[0] is its name. Exit: 0 ended by a signal, 1 failed, 2 bad flags. */
int agent_main(int argc, char **argv);
