/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/finish.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/interrupt.h"
#include "bench/report/environment.h"
#include "bench/version.h"
#include "reference/base/mem.h"
#include "scenarios/engine/backends/kernel_world.h"

void bench_begin(struct report *report, const char *bench)
{
    _cleanup_free_ char *own = kernel_program_path("seatrial");
    _cleanup_free_ char *version = version_of(own);

    interrupt_catch();
    report_init(report, bench);
    json_decref(report->environment);
    report->environment = environment_json();
    if (version)
        json_object_set_new(report->environment, "seatrial", json_string(version));
}

static int status_of(const struct report *report)
{
    return report->stopped ? EXIT_USAGE : report->leaks ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool says_nothing(const struct report *report)
{
    return report->series_count == 0 && report->figure_count == 0 && !report->leaks &&
           json_object_size(report->missing) == 0;
}

int bench_finish(
    const struct output *output, struct report *report, int result, const struct err *err)
{
    _cleanup_err_ struct err problem = ERR_INIT;
    int status;

    if (interrupted()) /* which may have hit a container, too, and so be the cause of an error */
        report->stopped = str_dup("interrupted by a signal");
    else if (result < 0)
        report->stopped = str_dup(err_text(err));
    status = status_of(report);
    if (report->stopped && says_nothing(report))
        progress_end(output);
    else if (output_write(output, report, &problem) < 0)
        status = EXIT_USAGE;
    if (problem.message || report->stopped)
        fprintf(stderr, "seatrial bench %s: %s\n", report->bench,
            problem.message ? err_text(&problem) : report->stopped);
    report_release(report);
    return status;
}

int bench_play(const char *bench, const struct bench_option *options, int argc, char **argv,
    void *settings, const struct output *output,
    int (*measure)(const void *settings, struct report *report, struct err *err))
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct report report;
    int r = bench_options_read(options, argc, argv, settings, NULL, &err);

    if (r == 0 && output->help) {
        _cleanup_free_ char *usage = str_printf("seatrial bench %s [OPTION...]", bench);

        bench_options_help(options, usage);
        return EXIT_SUCCESS;
    }
    if (r == 0)
        r = output_check(output, &err);
    if (r < 0) {
        fprintf(stderr, "seatrial bench %s: %s\n", bench, err_text(&err));
        return EXIT_USAGE;
    }
    bench_begin(&report, bench);
    r = measure(settings, &report, &err);
    return bench_finish(output, &report, r, &err);
}
