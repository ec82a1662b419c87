/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand `crash-agent`: the agent, until one of its effects on the world. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/agent/agent_main.h"
#include "scenarios/engine/cli/seatrial.h"

#define EXIT_USAGE 2

/* As real as a crash can be: nothing is flushed, closed or answered. */
static struct effect_verdict decide(void *arg, const struct effect *effect)
{
    const uint64_t *number = arg;
    if (effect->number == *number)
        raise(SIGKILL);
    return (struct effect_verdict){.action = EFFECT_PROCEED};
}

int crash_agent_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        FILE *stream = argc < 2 ? stderr : stdout;
        fprintf(stream,
            "Usage: seatrial crash-agent N [ARGUMENT OF seatrial agent...]\n\n"
            "The agent, which is killed before its N-th effect on the world: to test recovery.\n");
        return argc < 2 ? EXIT_USAGE : 0;
    }
    uint64_t number = strtoull(argv[1], NULL, 10);
    const struct agent_extras extras = {.hook = {decide, &number}};
    return agent_main_with(argc - 1, argv + 1, &extras);
}
