/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial stats`: reads, waits, reads again, shows. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/cli/cli.h"
#include "bpf/cli/output.h"
#include "bpf/hierarchy.h"
#include "reference/base/mem.h"

#define EXIT_USAGE 2
#define CLEAR "\033[H\033[2J"

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void wait_seconds(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&left, NULL);
}

/* A copy of the values before, to tell rates; ids are borrowed from the stats. */
struct earlier {
    struct stats_container *containers;
    size_t count;
    uint64_t time_ns;
};

static void earlier_take(struct earlier *earlier, const struct stats_reading *reading)
{
    size_t size = reading->count * sizeof(*reading->containers);
    earlier->containers = mem_realloc(earlier->containers, size + 1);
    if (size > 0)
        memcpy(earlier->containers, reading->containers, size);
    earlier->count = reading->count;
    earlier->time_ns = reading->time_ns;
}

static struct stats_rates *rates_make(
    const struct earlier *earlier, const struct stats_reading *reading)
{
    struct stats_rates *rates = mem_alloc((reading->count + 1) * sizeof(*rates));
    double seconds = (double)(reading->time_ns - earlier->time_ns) / 1e9;
    for (size_t i = 0; i < reading->count; i++)
        for (size_t k = 0; k < earlier->count; k++)
            if (earlier->containers[k].slot == reading->containers[i].slot)
                stats_rates_of(
                    &earlier->containers[k], &reading->containers[i], seconds, &rates[i]);
    return rates;
}

static void show_table(const struct stats_arguments *arguments, const struct earlier *earlier,
    const struct stats_reading *reading)
{
    _cleanup_free_ struct stats_rates *rates = rates_make(earlier, reading);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    if (arguments->watch && isatty(STDOUT_FILENO))
        strbuf_add(&text, CLEAR);
    output_table(&(struct stats_sample){reading, rates}, &text);
    for (size_t i = 0; arguments->details && i < reading->count; i++)
        if (!reading->containers[i].retired)
            output_details(&reading->containers[i], &text);
    fputs(strbuf_text(&text), stdout);
}

static int show(const struct stats_arguments *arguments, struct stats *stats,
    struct stats_targets *targets)
{
    struct earlier earlier = {0};
    size_t count = 0;
    do {
        count = stats_targets_update(targets);
        earlier_take(&earlier, stats_read(stats));
        wait_seconds(arguments->interval_seconds);
        const struct stats_reading *reading = stats_read(stats);
        if (arguments->json) {
            _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
            output_json(reading, &text);
            fputs(strbuf_text(&text), stdout);
        } else {
            show_table(arguments, &earlier, reading);
        }
        fflush(stdout);
    } while (arguments->watch && !interrupted);
    free(earlier.containers);
    if (count == 0 && !arguments->watch)
        fprintf(stderr, "seatrial stats: there are no containers\n");
    return count == 0 && (arguments->cgroups || arguments->containers) ? EXIT_FAILURE
                                                                       : EXIT_SUCCESS;
}

static void show_explanation(const struct stats *stats)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    stats_explain(stats, &text);
    fputs(strbuf_text(&text), stdout);
}

/* A path of the file system says by its mount which hierarchy is meant. */
static void controller_of_paths(struct stats_arguments *arguments)
{
    if (arguments->controller || !arguments->cgroups || arguments->cgroups[0][0] != '/')
        return;
    struct hierarchy_list list = {0};
    const char *below = NULL;
    if (hierarchies_read(&list, NULL) == 0) {
        const struct hierarchy *one = hierarchy_of_path(&list, arguments->cgroups[0], &below);
        if (one)
            str_set(&arguments->controller, one->controllers ? one->controllers[0] : "unified");
    }
    arguments->options.controller = arguments->controller;
    hierarchies_release(&list);
}

static int run(const struct stats_arguments *arguments)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct stats *stats = NULL;
    if (stats_open(&arguments->options, &stats, &err) < 0) {
        fprintf(stderr, "seatrial stats: %s\n", err_text(&err));
        return EXIT_FAILURE;
    }
    struct stats_targets *targets = stats_targets_new(arguments, stats);
    int status = EXIT_SUCCESS;
    if (arguments->explain) {
        stats_targets_update(targets);
        show_explanation(stats);
    } else if (arguments->prometheus) {
        stats_targets_update(targets);
        if (stats_serve(stats, targets, arguments->prometheus, arguments->otel, &err) < 0) {
            fprintf(stderr, "seatrial stats: %s\n", err_text(&err));
            status = EXIT_FAILURE;
        }
    } else {
        status = show(arguments, stats, targets);
    }
    stats_targets_free(targets);
    stats_close(stats);
    return status;
}

int stats_main(int argc, char **argv)
{
    struct stats_arguments arguments;
    if (stats_arguments_parse(argc, argv, &arguments) < 0)
        return EXIT_USAGE;
    int status = EXIT_SUCCESS;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    if (arguments.help) {
        stats_arguments_help();
    } else if (arguments.documentation) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        output_documentation(&text);
        fputs(strbuf_text(&text), stdout);
    } else {
        controller_of_paths(&arguments);
        status = run(&arguments);
    }
    stats_arguments_release(&arguments);
    return status;
}
