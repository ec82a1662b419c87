/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial bench`: finds the benchmark. */
#include "bench/bench.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/engine/cli/seatrial.h"

const struct bench benches[] = {
    {"sim", "simulated container lifecycles per second, and memory per live container",
        bench_sim_main},
    {"bpf", "accuracy and cost of the probes behind `seatrial stats`", bench_bpf_main},
    {"launch", "launch and lifecycle of real containers, beside the floor and other runtimes",
        bench_launch_main},
    {"cgroupfs", "the fake cgroup file system beside an empty one and the real one",
        bench_cgroupfs_main},
    {"soak", "thousands of real containers, many at a time: nothing may be left of them",
        bench_soak_main},
    {"compare", "two results: what has become worse beyond the noise", bench_compare_main},
    {"report", "a result as table, Markdown, charts or one page", bench_report_main},
    {NULL, NULL, NULL},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *samples, size_t count)
{
    assert(count > 0);
    qsort(samples, count, sizeof(*samples), by_value);
    return count % 2 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

static double clock_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

double bench_cpu_now(void)
{
    return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *stream = fopen("/proc/self/statm", "re");
    if (stream && fscanf(stream, "%*u %llu", &pages) != 1)
        pages = 0;
    if (stream)
        fclose(stream);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void usage(FILE *stream)
{
    fprintf(stream, "Usage: seatrial bench BENCHMARK [OPTION...]\n\nBenchmarks:\n");
    for (const struct bench *row = benches; row->name; row++)
        fprintf(stream, "  %-10s %s\n", row->name, row->help);
}

int bench_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    for (const struct bench *row = benches; argc >= 2 && row->name; row++) {
        if (strcmp(row->name, argv[1]) == 0)
            return row->main(argc - 1, argv + 1);
    }
    if (argc >= 2)
        fprintf(stderr, "seatrial bench: unknown benchmark \"%s\"\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
