/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial bench report FILE.json`: the forms of a result that was measured before. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/report/output.h"
#include "reference/base/mem.h"

struct report_settings {
    struct output output;
};

static const struct bench_option options[] = {
    OUTPUT_OPTIONS(struct report_settings),
    {0},
};

int bench_report_main(int argc, char **argv)
{
    struct report_settings settings = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **words = NULL;
    struct report report;
    int r = bench_options_read(options, argc, argv, &settings, &words, &err);

    if (r == 0 && settings.output.help) {
        bench_options_help(options, "seatrial bench report FILE.json [OPTION...]");
        return EXIT_SUCCESS;
    }
    if (r == 0 && strv_length(words) != 1)
        r = err_set(&err, -EINVAL, "expected one file of JSON");
    if (r == 0)
        r = report_read(words[0], &report, &err);
    if (r == 0) {
        r = output_write(&settings.output, &report, &err);
        report_release(&report);
    }
    if (r < 0)
        fprintf(stderr, "seatrial bench report: %s\n", err_text(&err));
    return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
}
