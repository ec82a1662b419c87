/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial run`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "scenarios/engine/run/layouts.h"
#include "scenarios/engine/cli/seatrial.h"
#include "scenarios/engine/cli/tasks.h"
#include "scenarios/engine/steps/step.h"

enum exit_status { EXIT_PASSED, EXIT_FAILED, EXIT_USAGE };

struct session {
    struct run_arguments arguments;
    struct suite suite;
    struct task_list tasks;
    struct totals totals;
    FILE *output;
    FILE *trace;
};

static bool any_of(char *const *wanted, char *const *have)
{
    for (size_t i = 0; wanted[i]; i++) {
        if (strv_contains(have, wanted[i]))
            return true;
    }
    return false;
}

static bool is_chosen(const struct run_arguments *arguments, const struct scenario *scenario)
{
    if (arguments->tags && !(scenario->tags && any_of(arguments->tags, scenario->tags)))
        return false;
    return !arguments->only || strv_contains(arguments->only, scenario->name);
}

static void session_make_tasks(struct session *session)
{
    const struct run_arguments *arguments = &session->arguments;
    uint64_t seeds = arguments->seed_last - arguments->seed_first + 1;
    session->tasks.items =
        mem_alloc((session->suite.count * seeds + 1) * sizeof(*session->tasks.items));
    for (uint64_t seed = 0; seed < seeds; seed++) {
        for (size_t i = 0; i < session->suite.count; i++) {
            if (!is_chosen(arguments, session->suite.items[i]))
                continue;
            session->tasks.items[session->tasks.count++] =
                (struct outcome){.scenario = session->suite.items[i],
                    .backend = arguments->backend->name,
                    .seed = arguments->seed_first + seed};
        }
    }
}

static void list_scenarios(const struct session *session)
{
    for (size_t i = 0; i < session->suite.count; i++) {
        const struct scenario *scenario = session->suite.items[i];
        if (!is_chosen(&session->arguments, scenario))
            continue;
        printf("%s:%d: %s", scenario->file, scenario->line, scenario->name);
        for (size_t k = 0; scenario->covers && scenario->covers[k]; k++)
            printf("%s%s", k ? ", " : " (", scenario->covers[k]);
        printf("%s\n", scenario->covers ? ")" : "");
    }
}

static void write_trace(FILE *stream, const struct outcome *outcome)
{
    json_t *head = json_pack("{ss ss sI}", "scenario", outcome->scenario->name, "backend",
        outcome->backend, "seed", (json_int_t)outcome->seed);
    json_dumpf(head, stream, JSON_COMPACT);
    json_decref(head);
    fputc('\n', stream);
    for (size_t i = 0; outcome->report.trace && outcome->report.trace[i]; i++)
        fprintf(stream, "%s\n", outcome->report.trace[i]);
}

static void session_release(struct session *session)
{
    for (size_t i = 0; i < session->tasks.count; i++)
        outcome_release(&session->tasks.items[i]);
    free(session->tasks.items);
    suite_release(&session->suite);
    run_arguments_release(&session->arguments);
    if (session->output && session->output != stdout)
        fclose(session->output);
    if (session->trace)
        fclose(session->trace);
}

/* In a worker, at its end, all that the parent had made is freed: then only leaks are left. */
static void session_outcome(void *arg, size_t index, const struct outcome *outcome)
{
    struct session *session = arg;
    if (!outcome) {
        session->output = NULL;
        session->trace = NULL;
        session_release(session);
        return;
    }
    totals_add(&session->totals, outcome);
    session->arguments.reporter->outcome(session->output, index, outcome);
    if (session->trace)
        write_trace(session->trace, outcome);
}

static FILE *open_file(const char *path, const char *what)
{
    FILE *file = fopen(path, "we");
    if (!file)
        fprintf(stderr, "seatrial run: cannot write the %s %s (%s)\n", what, path, err_name(errno));
    return file;
}

static bool session_open_files(struct session *session)
{
    const struct run_arguments *arguments = &session->arguments;
    session->output = stdout;
    if (arguments->output) {
        session->output = open_file(arguments->output, "report");
        if (!session->output)
            return false;
    }
    if (arguments->trace)
        session->trace = open_file(arguments->trace, "trace");
    return !arguments->trace || session->trace;
}

/* From the root of the sources, wherever they were built. */
static const char *source_name(const char *file)
{
    static const char *const folders[] = {"/reference/", "/fakes/", "/scenarios/", "/bpf/"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        const char *found = strstr(file, folders[i]);
        if (found)
            return found + 1;
    }
    return file;
}

/* Rare branches (sometimes.h): how often each was reached. */
static void print_marks(FILE *stream)
{
    size_t count;
    const struct sometimes_mark *marks = sometimes_marks(&count);
    size_t reached = 0;
    for (size_t i = 0; i < count; i++)
        reached += marks[i].count > 0;
    fprintf(stream, "%zu of %zu rare branches reached\n", reached, count);
    for (size_t i = 0; i < count; i++) {
        if (marks[i].count)
            fprintf(stream, "  %8llu  %s\n", (unsigned long long)marks[i].count, marks[i].what);
        else
            fprintf(stream, "     never  %s (%s:%d)\n", marks[i].what, source_name(marks[i].file),
                marks[i].line);
    }
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int session_play(struct session *session)
{
    const struct run_arguments *arguments = &session->arguments;
    double start = now_seconds();
    session_make_tasks(session);
    if (session->tasks.count == 0) {
        fprintf(stderr, "seatrial run: no scenario has this name or tag, expected one of those "
                        "that --list shows\n");
        return EXIT_USAGE;
    }
    if (!session_open_files(session))
        return EXIT_USAGE;
    session->totals.seed_first = arguments->seed_first;
    session->totals.seed_last = arguments->seed_last;
    arguments->reporter->begin(session->output, session->tasks.count);
    int result = tasks_play(arguments, &session->tasks, session_outcome, session);
    session->totals.seconds = now_seconds() - start;
    arguments->reporter->end(
        session->output, session->tasks.items, session->tasks.count, &session->totals);
    if (arguments->summary)
        print_marks(stderr);
    if (fflush(session->output) != 0 || ferror(session->output)) {
        fprintf(stderr, "seatrial run: the report could not be written\n");
        return EXIT_FAILED;
    }
    return session->totals.failed || result < 0 ? EXIT_FAILED : EXIT_PASSED;
}

static int print_help(const struct run_arguments *arguments)
{
    if (arguments->help) {
        run_arguments_help();
        return EXIT_PASSED;
    }
    _cleanup_free_ char *text = steps_help();
    fputs(text, stdout);
    return EXIT_PASSED;
}

static int compare_layouts(const struct session *session)
{
    const struct run_arguments *arguments = &session->arguments;
    const struct run_options options = {
        .seed = arguments->seed_first, .cgroups = arguments->cgroups};
    struct layouts_totals totals;
    layouts_compare(&session->suite, arguments->layouts, &options, stdout, &totals);
    printf("%zu same, %zu differ, %zu differ for a known reason, %zu skipped\n", totals.same,
        totals.differ, totals.explained, totals.skipped);
    return totals.differ ? EXIT_FAILED : EXIT_PASSED;
}

int run_main(int argc, char **argv)
{
    struct session session = {.output = NULL};
    struct problems problems = {0};
    int status = EXIT_USAGE;
    if (run_arguments_parse(argc, argv, &session.arguments) < 0) {
        session_release(&session);
        return EXIT_USAGE;
    }
    if (session.arguments.help || session.arguments.help_steps) {
        status = print_help(&session.arguments);
    } else if (suite_load(session.arguments.paths, &session.suite, &problems) < 0) {
        problems_print(&problems, stderr);
    } else if (session.arguments.layouts) {
        status = compare_layouts(&session);
    } else if (session.arguments.list) {
        list_scenarios(&session);
        status = EXIT_PASSED;
    } else {
        status = session_play(&session);
    }
    problems_release(&problems);
    session_release(&session);
    return status;
}
