/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench compare OLD.json NEW.json`: the gate. With --again, what has regressed is
 * measured once more, and nothing else; it has regressed when it does so again.
 */
#include <errno.h>
#include <stdio.h>

#include "bench/again.h"
#include "bench/bench.h"
#include "bench/interrupt.h"
#include "bench/report/environment.h"
#include "bench/report/output.h"
#include "reference/base/mem.h"

struct compare_settings {
    double max_regression;
    size_t again;
    const char *output;
    bool json;
    bool all;
    bool help;
};
#define AT(member) offsetof(struct compare_settings, member)

static const struct bench_option options[] = {
    {"max-regression", OPTION_NUMBER, AT(max_regression), 0, 10, "10%",
        "of a median; a measure's noise where that is more (10%)", NULL},
    {"again", OPTION_COUNT, AT(again), 0, 100, "N",
        "measure what has regressed again, so many times at most (0)", NULL},
    {"output", OPTION_TEXT, AT(output), 0, 0, "FILE", "the new result with what was measured again",
        NULL},
    {"all", OPTION_FLAG, AT(all), 0, 0, NULL, "also tell what has not regressed", NULL},
    {"json", OPTION_FLAG, AT(json), 0, 0, NULL, "JSON instead of the table", NULL},
    {"help", OPTION_FLAG, AT(help), 0, 0, NULL, "this text", NULL},
    {0},
};

/* --- telling --- */

static void table(const struct comparison *comparison, bool all)
{
    printf("%-14s %-22s %-14s %10s %10s %9s %7s %8s\n", "contender", "measure", "scene", "before",
        "now", "change", "limit", "p");
    for (size_t i = 0; i < comparison->count; i++) {
        const struct difference *item = &comparison->items[i];
        const struct series *now = item->now, *before = item->before;
        _cleanup_free_ char *scene =
            now->scene[0] ? str_printf("%s %.6g", now->scene, now->x) : str_dup("");

        if (!all && !item->regressed)
            continue;
        printf("%-14s %-22s %-14s %10.6g %10.6g %+8.1f%% %6.0f%% %8.4f%s\n", now->contender,
            now->measure, scene, median_of(before->values, before->count),
            median_of(now->values, now->count), item->change * 100, item->limit * 100, item->p,
            item->regressed ? " REGRESSED" : "");
    }
    printf("%zu series compared, %zu regressed, %zu in one result only\n", comparison->count,
        comparison->regressions, comparison->unmatched);
}

static void json(const struct comparison *comparison)
{
    json_t *list = json_array();

    for (size_t i = 0; i < comparison->count; i++) {
        const struct difference *item = &comparison->items[i];

        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:f,s:b}", "contender", item->now->contender,
                      "measure", item->now->measure, "scene", item->now->scene, "x", item->now->x,
                      "change", item->change, "limit", item->limit, "p", item->p, "regressed",
                      item->regressed));
    }
    json_t *object = json_pack("{s:I,s:I,s:o}", "regressions", (json_int_t)comparison->regressions,
        "unmatched", (json_int_t)comparison->unmatched, "series", list);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(object);
}

/* What is measured here says nothing about another machine. */
static int again_check(const struct report *now, struct err *err)
{
    json_t *here = environment_json();
    const char *name = environment_difference(now->environment, here);
    int r = name ? err_set(err, -EINVAL,
                       "--again measures on this machine, and NEW.json is of another one: its %s "
                       "is not the same",
                       name)
                 : 0;

    json_decref(here);
    return r;
}

static int compare(const struct compare_settings *settings, const struct report *before,
    struct report *now, struct comparison *ret_comparison, struct err *err)
{
    int r = comparison_make(before, now, settings->max_regression, ret_comparison, err);

    for (size_t i = 0; r == 0 && i < settings->again && ret_comparison->regressions > 0; i++) {
        fprintf(stderr, "seatrial bench compare: %zu regressed, measuring these again\n",
            ret_comparison->regressions);
        r = i == 0 ? again_check(now, err) : 0;
        if (r == 0)
            r = again_measure(ret_comparison, now, err);
        comparison_release(ret_comparison);
        if (r == 0)
            r = comparison_make(before, now, settings->max_regression, ret_comparison, err);
    }
    return r;
}

/* What makes the verdicts doubtful goes to stderr; they are given all the same. */
static void warn(char *const *words, const struct report *before, const struct report *now)
{
    const struct report *const reports[] = {before, now};
    _cleanup_strv_ char **others = comparison_warnings(before, now);

    for (size_t i = 0; i < ARRAY_SIZE(reports); i++) {
        if (reports[i]->stopped)
            fprintf(stderr, "seatrial bench compare: warning: %s is incomplete: %s\n", words[i],
                reports[i]->stopped);
    }
    for (size_t i = 0; i < strv_length(others); i++)
        fprintf(stderr, "seatrial bench compare: warning: %s\n", others[i]);
}

static int judge(const struct compare_settings *settings, const struct report *before,
    struct report *now, struct err *err)
{
    struct comparison comparison = {0};
    int r = compare(settings, before, now, &comparison, err);

    if (r == 0 && settings->json)
        json(&comparison);
    else if (r == 0)
        table(&comparison, settings->all);
    if (r == 0 && settings->output)
        r = output_write_json(settings->output, now, err);
    const int status = r < 0 ? EXIT_USAGE : comparison.regressions > 0;
    comparison_release(&comparison);
    return status;
}

static int run(const struct compare_settings *settings, char *const *words, struct err *err)
{
    struct report before, now;
    int status = EXIT_USAGE;

    if (report_read(words[0], &before, err) < 0)
        return EXIT_USAGE;
    if (report_read(words[1], &now, err) == 0) {
        warn(words, &before, &now);
        status = judge(settings, &before, &now, err);
        report_release(&now);
    }
    report_release(&before);
    return status;
}

int bench_compare_main(int argc, char **argv)
{
    struct compare_settings settings = {.max_regression = 0.1};
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **words = NULL;
    int status = EXIT_USAGE;
    int r = bench_options_read(options, argc, argv, &settings, &words, &err);

    if (r == 0 && settings.help) {
        bench_options_help(options, "seatrial bench compare OLD.json NEW.json [OPTION...]");
        return EXIT_SUCCESS;
    }
    if (r == 0 && strv_length(words) != 2)
        r = err_set(&err, -EINVAL, "expected two files, OLD.json and NEW.json");
    interrupt_catch(); /* ends what measures again; what it has made is taken away then */
    if (r == 0)
        status = run(&settings, words, &err);
    if (err.message)
        fprintf(stderr, "seatrial bench compare: %s\n", err_text(&err));
    return status;
}
