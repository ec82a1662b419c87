/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/cli/seatrial.h"

#include <stddef.h>

const struct subcommand subcommands[] = {
    {"run", "plays scenarios and reports", run_main},
    {"bench", "measures", bench_main},
    {NULL, NULL, NULL},
};
