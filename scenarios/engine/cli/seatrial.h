/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of the program `seatrial`, each in the folder it belongs to. */
#pragma once

struct subcommand {
    const char *name;
    const char *help;
    int (*main)(int argc, char **argv); /* argv[0] is the subcommand's name */
};
extern const struct subcommand subcommands[]; /* ends with a NULL name */

int run_main(int argc, char **argv);
int isolators_main(int argc, char **argv);
int crash_agent_main(int argc, char **argv); /* backends/agent_crash.c */
int replay_main(int argc, char **argv); /* fakes/replay/replay.h */
int cgroupfs_main(int argc, char **argv); /* fakes/cgroupfs/cgroupfs_main.h */
int cgroupfs_control_main(int argc, char **argv); /* fakes/cgroupfs/control_client.h */
int cgroupfs_fuzz_main(int argc, char **argv); /* fakes/replay/fuzz.h */
int bench_main(int argc, char **argv); /* bench/, which this folder does not know */
int lab_main(int argc, char **argv);   /* ci/lab/, which this folder does not know */
/* bpf/, which this folder does not know either; the agent with probes behind it */
int stats_main(int argc, char **argv);
int stats_agent_main(int argc, char **argv);
