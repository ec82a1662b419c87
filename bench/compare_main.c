/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench compare OLD.json NEW.json`: the gate. With --again, what has regressed is
 * measured once more, and nothing else; it has regressed when it does so again.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/compare.h"
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

extern char **environ;

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

/* --- measuring again --- */

static void name_add(char **names, const char *name)
{
    _cleanup_strv_ char **known = strv_split(*names, ",");
    char *longer;

    if (strv_contains(known, name))
        return;
    longer = str_printf("%s%s%s", *names, known ? "," : "", name);
    free(*names);
    *names = longer;
}

/* Which scene of `bench launch` makes these series. */
static const char *scene_of(const struct series *series)
{
    if (series->scene[0])
        return series->scene;
    return str_equal(series->measure, "cpu_us") || str_equal(series->measure, "peak_memory_bytes")
               ? "cost"
               : "sequential";
}

/* An option from the settings of the result: a number, or a list of them. */
static void setting_add(char ***argv, const char *name, const json_t *value)
{
    _cleanup_free_ char *text = str_dup("");

    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        char *longer =
            json_is_string(item)
                ? str_printf("%s%s%s", text, i ? "," : "", json_string_value(item))
                : str_printf("%s%s%lld", text, i ? "," : "", (long long)json_integer_value(item));

        free(text);
        text = longer;
    }
    if (json_is_number(value)) {
        free(text);
        text = str_printf("%.9g", json_number_value(value));
    }
    if (text[0])
        strv_add_owned(argv, str_printf("--%s=%s", name, text));
}

static char **command(
    const struct comparison *comparison, const struct report *now, const char *output)
{
    _cleanup_free_ char *contenders = str_dup(""), *scenes = str_dup("");
    char **argv = NULL;
    const char *name;
    json_t *value;

    strv_add(&argv, "/proc/self/exe");
    strv_add(&argv, "bench");
    strv_add(&argv, now->bench);
    json_object_foreach(now->settings, name, value) setting_add(&argv, name, value);
    for (size_t i = 0; i < comparison->count; i++) {
        if (!comparison->items[i].regressed)
            continue;
        name_add(&contenders, comparison->items[i].now->contender);
        name_add(&scenes, scene_of(comparison->items[i].now));
    }
    if (str_equal(now->bench, "launch")) {
        strv_add_owned(&argv, str_printf("--only=%s", contenders));
        strv_add_owned(&argv, str_printf("--scenes=%s", scenes));
    }
    strv_add_owned(&argv, str_printf("--output=%s", output));
    return argv;
}

/* Its table goes to stderr: stdout is for the comparison. */
static int measure(char *const *argv, struct err *err)
{
    posix_spawn_file_actions_t actions;
    int status = 0;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    r = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return err_errno(err, -r, "start %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : err_set(err, -EPROTO, "measuring again failed");
}

static int measure_again(const struct comparison *comparison, struct report *now, struct err *err)
{
    char path[] = "/tmp/seatrial-compare-XXXXXX";
    _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
    _cleanup_strv_ char **argv = command(comparison, now, path);
    struct report again;
    int r = fd < 0 ? err_errno(err, -errno, "make a file below /tmp") : measure(argv, err);

    if (r == 0)
        r = report_read(path, &again, err);
    if (r == 0) {
        if (comparison_replace(comparison, now, &again) == 0)
            r = err_set(err, -EPROTO, "nothing of what had regressed was measured again");
        report_release(&again);
    }
    unlink(path);
    return r;
}

static int compare(const struct compare_settings *settings, const struct report *before,
    struct report *now, struct comparison *ret_comparison, struct err *err)
{
    int r = comparison_make(before, now, settings->max_regression, ret_comparison, err);

    for (size_t i = 0; r == 0 && i < settings->again && ret_comparison->regressions > 0; i++) {
        fprintf(stderr, "seatrial bench compare: %zu regressed, measuring these again\n",
            ret_comparison->regressions);
        r = measure_again(ret_comparison, now, err);
        comparison_release(ret_comparison);
        if (r == 0)
            r = comparison_make(before, now, settings->max_regression, ret_comparison, err);
    }
    return r;
}

static int run(const struct compare_settings *settings, char *const *words, struct err *err)
{
    struct report before, now;
    struct comparison comparison = {0};
    int r = report_read(words[0], &before, err);

    if (r < 0)
        return EXIT_USAGE;
    r = report_read(words[1], &now, err);
    if (r < 0) {
        report_release(&before);
        return EXIT_USAGE;
    }
    if (before.stopped || now.stopped)
        fprintf(stderr, "seatrial bench compare: %s is incomplete\n",
            before.stopped ? words[0] : words[1]);
    r = compare(settings, &before, &now, &comparison, err);
    if (r == 0 && settings->json)
        json(&comparison);
    else if (r == 0)
        table(&comparison, settings->all);
    if (r == 0 && settings->output)
        r = output_write_json(settings->output, &now, err);
    const int status = r < 0 ? EXIT_USAGE : comparison.regressions > 0;
    comparison_release(&comparison);
    report_release(&before);
    report_release(&now);
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
    if (r == 0)
        status = run(&settings, words, &err);
    if (err.message)
        fprintf(stderr, "seatrial bench compare: %s\n", err_text(&err));
    return status;
}
