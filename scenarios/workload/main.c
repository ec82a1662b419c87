/* SPDX-License-Identifier: Apache-2.0 */
/* seatrial-workload ACTION...: plays the actions; --help lists them. */
#include <stdio.h>
#include <string.h>

#include "scenarios/workload/play.h"

#define STATUS_BAD_ACTIONS 2

static int help(void)
{
    puts("Usage: seatrial-workload ACTION...\n\nPlays the actions in order, then ends with status "
         "0.\n");
    for (int kind = 0; kind < ACTION_KIND_COUNT; kind++) {
        const struct action_form *form = &action_forms[kind];
        printf("  %s:%-*s %s\n", form->word, (int)(34 - strlen(form->word)), form->argument,
            form->help);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct action *actions;
    size_t count;
    char error[512];
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return help();
    if (argc < 1)
        return STATUS_BAD_ACTIONS;
    if (actions_parse((const char *const *)argv + 1, &actions, &count, error, sizeof(error)) < 0) {
        fprintf(stderr, "seatrial-workload: %s\n", error);
        return STATUS_BAD_ACTIONS;
    }
    play(actions, count);
}
