/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end that all benchmarks have in common. */
#pragma once

#include "bench/report/output.h"

/* An empty report with this machine's environment; from now on signals only end the measuring. */
void bench_begin(struct report *report, const char *bench);

/*
 * Tells what was measured in all its forms, and releases the report. A negative result or a signal
 * is what has stopped the benchmark: the partial result is told all the same, and marked. Returns
 * the status to exit with: 0; EXIT_USAGE (2) when it was stopped or can't be written; EXIT_FAILURE
 * when something was left behind. Where nothing was measured at all, only the reason is told.
 */
int bench_finish(
    const struct output *output, struct report *report, int result, const struct err *err);

/*
 * A whole benchmark: reads the options into settings (`output` is its member of that name), or
 * tells them; measures; tells. Names in settings are the caller's to free. The status to exit
 * with.
 */
int bench_play(const char *bench, const struct bench_option *options, int argc, char **argv,
    void *settings, const struct output *output,
    int (*measure)(const void *settings, struct report *report, struct err *err));
