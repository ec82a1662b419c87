/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds its subcommand. */
#include <stdio.h>
#include <string.h>

#include "scenarios/engine/cli/seatrial.h"

#define EXIT_USAGE 2

static void usage(FILE *stream)
{
    fprintf(stream, "Usage: seatrial COMMAND [ARGUMENT...]\n\nCommands:\n");
    for (const struct subcommand *row = subcommands; row->name; row++)
        fprintf(stream, "  %-16s %s\n", row->name, row->help);
    fprintf(stream, "\n`seatrial COMMAND --help` says more.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("seatrial %s (commit %s, %s)\n", SEATRIAL_VERSION, SEATRIAL_COMMIT, SEATRIAL_BUILD);
        return 0;
    }
    for (const struct subcommand *row = subcommands; row->name; row++) {
        if (strcmp(row->name, argv[1]) == 0)
            return row->main(argc - 1, argv + 1);
    }
    fprintf(stderr,
        "seatrial: unknown command \"%s\", expected one of those that `seatrial --help` "
        "lists\n",
        argv[1]);
    return EXIT_USAGE;
}
