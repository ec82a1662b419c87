/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmarks, each a subcommand of `seatrial bench`. */
#pragma once

#include <stddef.h>

#define EXIT_USAGE 2

struct bench {
    const char *name;
    const char *help;
    int (*main)(int argc, char **argv); /* argv[0] is the bench's name */
};
extern const struct bench benches[]; /* ends with a NULL name */

int bench_sim_main(int argc, char **argv);
int bench_soak_main(int argc, char **argv);
int bench_bpf_main(int argc, char **argv);
int bench_launch_main(int argc, char **argv);
int bench_compare_main(int argc, char **argv);
int bench_report_main(int argc, char **argv);
int bench_cgroupfs_main(int argc, char **argv);

/* Sorts the samples; the middle one, or the mean of the two in the middle. count > 0. */
double bench_median(double *samples, size_t count);
/* Seconds of the host's monotonic clock. */
double bench_now(void);
/* Seconds of CPU time that this process has used: what others on the machine do counts little. */
double bench_cpu_now(void);
/* Bytes of memory that this process has resident; 0 where /proc does not tell. */
double bench_resident_bytes(void);
