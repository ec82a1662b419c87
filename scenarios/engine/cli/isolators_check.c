/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial isolators --check`: scenarios by isolator and world. A scenario counts for every
 * isolator that its agent (or an agent that it restarts) names, in the world it was played in.
 */
#include <errno.h>
#include <linux/magic.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/cli/isolators.h"
#include "scenarios/engine/cli/tasks.h"
#include "scenarios/engine/steps/step.h"

extern char **environ;

enum column { SIMULATED_V1, SIMULATED_V2, REAL_V1, REAL_V2, COLUMNS };
static const char *const column_names[COLUMNS] = {
    "simulated v1", "simulated v2", "real v1", "real v2"};

struct cell {
    size_t passed, failed, skipped;
    char *reason; /* of the first skip */
};
struct row {
    const char *name;
    struct cell cells[COLUMNS];
};
struct table {
    struct row *rows;
    size_t count;
    const char *elsewhere[COLUMNS]; /* why a world was not played at all; NULL: it was */
    struct strmap *failures;        /* names of scenarios, so that each is told once */
    const json_t *lab;
};

/* What no world can fill. */
static const struct {
    const char *name;
    bool v2;
    const char *reason;
} impossible[] = {
    {"cgroups/blkio", true, "v2 has no such controller, io is its heir (isolators.md 4)"},
    {"cgroups/net_cls", true, "v2 has no such controller (isolators.md 4)"},
    {"cgroups/net_prio", true, "v2 has no such controller (isolators.md 4)"},
    {"cgroups/io", false, "v1 has no such controller, blkio is its name there"},
    {"network/ports", true, "looks into the v1 freezer (isolators.md 2)"},
};

static const char *impossible_reason(const char *name, enum column column)
{
    for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
        if (str_equal(impossible[i].name, name) &&
            impossible[i].v2 == (column == SIMULATED_V2 || column == REAL_V2))
            return impossible[i].reason;
    }
    return NULL;
}

static bool list_names(const struct node *map, const char *name)
{
    size_t count = 0;
    struct node *const *items = node_list(map, "isolation", &count);

    for (size_t i = 0; i < count; i++) {
        if (str_equal(items[i]->text, name))
            return true;
    }
    return false;
}

/* Those that are there without being named: who uses one says so in its steps, in words of which
 * one of each group must be there. `with`: the isolator that brings it along; NULL: all have it. */
static const struct {
    const char *name;
    const char *with;
    const char *words[2][3];
} unnamed[] = {
    {"volume/host_path", "filesystem/linux", {{"HOST_PATH", "\"host_path\""}}},
    {"volume/sandbox_path", "filesystem/linux", {{"SANDBOX_PATH"}}},
    {"volume/image", "filesystem/linux", {{"\"volumes\""}, {"\"image\""}}},
    {"environment_secret", NULL, {{"\"environment\""}, {"\"SECRET\""}}},
    {"io/switchboard", NULL, {{"\"attach\"", "\"tty_info\"", "\"switchboard\""}}},
};

static bool says_one_of(const char *text, const char *const words[3])
{
    bool found = !words[0];

    for (size_t i = 0; i < 3 && words[i]; i++)
        found = found || strstr(text, words[i]);
    return found;
}

static bool uses_unnamed(const struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(unnamed); i++) {
        if (!str_equal(unnamed[i].name, name))
            continue;
        if (unnamed[i].with && !list_names(scenario->agent, unnamed[i].with))
            return false;
        json_t *json = node_json(scenario->root);
        _cleanup_free_ char *text = json_dumps(json, 0);
        json_decref(json);
        return says_one_of(text, unnamed[i].words[0]) && says_one_of(text, unnamed[i].words[1]);
    }
    return false;
}

/* Named by its agent, by a restart, or used without a word. */
static bool scenario_has(const struct scenario *scenario, const char *name)
{
    if (uses_unnamed(scenario, name) || list_names(scenario->agent, name))
        return true;
    if (!node_get(scenario->agent, "isolation") && str_starts(name, "posix/") &&
        !str_equal(name, "posix/rlimits"))
        return true;
    for (size_t i = 0; i < scenario->steps_count; i++) {
        if (str_equal(scenario->steps[i].spec->name, "restart") &&
            list_names(scenario->steps[i].args, name))
            return true;
    }
    return false;
}

static void count(struct table *table, const struct scenario *scenario, enum column column,
    enum verdict verdict, const char *reason)
{
    for (size_t i = 0; i < table->count; i++) {
        struct cell *cell = &table->rows[i].cells[column];

        if (!scenario_has(scenario, table->rows[i].name))
            continue;
        cell->passed += verdict == RUN_PASSED;
        cell->failed += verdict == RUN_FAILED;
        cell->skipped += verdict == RUN_SKIPPED;
        if (verdict == RUN_SKIPPED && !cell->reason)
            cell->reason = str_dup(reason);
    }
    if (verdict == RUN_FAILED && !strmap_get(table->failures, scenario->name)) {
        strmap_set(table->failures, scenario->name, table);
        fprintf(stderr, "FAIL (%s) %s: %s\n  %s\n", column_names[column], scenario->file,
            scenario->name, reason ? reason : "");
    }
}

/* --- the worlds --- */

static enum column simulated_column(const struct scenario *scenario)
{
    const char *layout = node_text(scenario->agent, "cgroups");

    return layout && (str_equal(layout, "v1") || str_equal(layout, "hybrid")) ? SIMULATED_V1
                                                                               : SIMULATED_V2;
}

static void simulate(
    struct table *table, const struct scenario *scenario, const char *layout, enum column column)
{
    const struct run_options options = {.seed = 1, .cgroups = "direct", .layout = layout};
    struct run_report report = {0};

    scenario_run(scenario, backend_find("sim"), &options, &report);
    count(table, scenario, column, report.result, report.reason);
    run_report_release(&report);
}

/* One that does not fix its cgroups is played on both. */
static void simulate_all(struct table *table, const struct suite *suite)
{
    for (size_t i = 0; i < suite->count; i++) {
        const struct scenario *scenario = suite->items[i];
        const bool free_choice = !node_text(scenario->agent, "cgroups");

        if (free_choice)
            simulate(table, scenario, "v1", SIMULATED_V1);
        simulate(table, scenario, NULL, simulated_column(scenario));
    }
}

struct real_run {
    struct table *table;
    enum column column;
};

static void real_outcome(void *arg, size_t index, const struct outcome *outcome)
{
    struct real_run *real = arg;

    (void)index;
    if (outcome) /* NULL: a worker's end */
        count(real->table, outcome->scenario, real->column, outcome->report.result,
            outcome->report.reason);
}

static void play_real(struct table *table, const struct isolators_check *check,
    const struct suite *suite, enum column column)
{
    _cleanup_strv_ char **argv = strv_split("run --backend kernel --jobs", " ");
    struct run_arguments arguments;
    struct task_list tasks = {.items = mem_alloc((suite->count + 1) * sizeof(*tasks.items))};
    struct real_run real = {table, column};

    strv_add(&argv, check->jobs);
    strv_add(&argv, check->paths[0]);
    if (run_arguments_parse((int)strv_length(argv), argv, &arguments) == 0) {
        for (size_t i = 0; i < suite->count; i++)
            tasks.items[tasks.count++] = (struct outcome){
                .scenario = suite->items[i], .backend = "kernel", .seed = arguments.seed_first};
        tasks_play(&arguments, &tasks, real_outcome, &real);
        for (size_t i = 0; i < tasks.count; i++)
            outcome_release(&tasks.items[i]);
        run_arguments_release(&arguments);
    }
    free(tasks.items);
}

/* Plays the paths in the lab, with v2; its report goes to the file. Negative errno: there is none.
 */
static int lab_play(const struct isolators_check *check, const char *file)
{
    _cleanup_strv_ char **argv =
        strv_split("/proc/self/exe lab run --cgroups v2 --format json", " ");
    pid_t pid;
    int status;

    strv_add(&argv, "--kernels");
    strv_add(&argv, check->lab_kernels);
    strv_add(&argv, "--output");
    strv_add(&argv, file);
    for (size_t i = 0; check->paths[i]; i++)
        strv_add(&argv, check->paths[i]);
    int r = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
    if (r != 0)
        return -r;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    /* 1: some scenario has failed there, which the table tells. */
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? 0 : -EPROTO;
}

/* The report of the lab that was given, or of one that is played now; NULL, having said why. */
static json_t *lab_load(const struct isolators_check *check)
{
    char played[] = "/tmp/seatrial-lab-XXXXXX";
    const char *file = check->lab;
    json_error_t error = {.text = "the lab gave no report"};
    json_t *lab = NULL;
    int fd = file ? -1 : mkstemp(played);

    if (fd >= 0 && lab_play(check, played) == 0)
        file = played;
    if (file)
        lab = json_load_file(file, 0, &error);
    if (!lab)
        fprintf(stderr, "seatrial isolators: %s: %s\n", file ? file : "--lab-kernels", error.text);
    if (fd >= 0) {
        close(fd);
        unlink(played);
    }
    return lab;
}

/* The best of the lab's cells with v2: passed in one is passed. */
static void count_lab(struct table *table, const struct suite *suite)
{
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(table->lab, "scenarios"), i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *reason = NULL, *cell;
        enum verdict verdict = RUN_SKIPPED;
        json_t *result;

        json_object_foreach(json_object_get(row, "results"), cell, result) {
            const char *word = json_string_value(result);

            if (!strstr(cell, "v2"))
                continue;
            if (str_equal(word, "passed") || (str_equal(word, "failed") && verdict != RUN_PASSED))
                verdict = str_equal(word, "passed") ? RUN_PASSED : RUN_FAILED;
            reason = json_string_value(
                json_object_get(json_object_get(row, "reasons"), cell));
        }
        for (size_t k = 0; k < suite->count; k++) {
            if (str_equal(suite->items[k]->name, name))
                count(table, suite->items[k], REAL_V2, verdict,
                    reason ? reason : "no cell of the lab with v2 has played it");
        }
    }
}

/* --- what is printed --- */

/* Owned; NULL: an empty cell for no reason. */
static char *cell_reason(const struct table *table, const struct row *row, enum column column)
{
    const struct cell *cell = &row->cells[column];
    const char *impossibly = impossible_reason(row->name, column);

    if (impossibly)
        return str_dup(impossibly);
    if (table->elsewhere[column])
        return str_dup(table->elsewhere[column]);
    if (cell->reason)
        return str_printf("%zu skipped, the first: %s", cell->skipped, cell->reason);
    if (column == REAL_V2 && table->lab)
        return str_dup("no scenario of it was played in a cell of the lab with v2");
    return NULL;
}

static int print_row(const struct table *table, const struct row *row, json_t *into, char ***notes)
{
    json_t *object = json_pack("{ss}", "name", row->name);
    int status = 0;

    if (!into)
        printf("%-22s", row->name);
    for (enum column column = 0; column < COLUMNS; column++) {
        const struct cell *cell = &row->cells[column];
        _cleanup_free_ char *reason = NULL;

        if (cell->passed + cell->failed == 0)
            reason = cell_reason(table, row, column);
        if (cell->failed || (cell->passed == 0 && !reason))
            status = 1;
        json_object_set_new(object, column_names[column],
            json_pack("{sI sI sI ss*}", "passed", (json_int_t)cell->passed, "failed",
                (json_int_t)cell->failed, "skipped", (json_int_t)cell->skipped, "reason",
                reason));
        if (into)
            continue;
        if (cell->failed)
            printf(" %5zu (%zu FAILED)", cell->passed, cell->failed);
        else if (cell->passed)
            printf(" %14zu", cell->passed);
        else
            printf(" %14s", "-");
        if (!cell->passed && !cell->failed)
            strv_add_owned(notes, str_printf("%s, %s: %s", row->name, column_names[column],
                                      reason ? reason : "NO SCENARIO"));
    }
    if (into)
        json_array_append(into, object);
    else
        printf("\n");
    json_decref(object);
    return status;
}

static int table_print(const struct table *table, bool json)
{
    json_t *list = json ? json_array() : NULL;
    _cleanup_strv_ char **notes = NULL;
    int status = 0;

    if (!json) {
        printf("%-22s", "isolator");
        for (enum column column = 0; column < COLUMNS; column++)
            printf(" %14s", column_names[column]);
        printf("\n");
    }
    for (size_t i = 0; i < table->count; i++)
        status |= print_row(table, &table->rows[i], list, &notes);
    for (size_t i = 0; notes && notes[i]; i++)
        printf("%s- %s\n", i ? "" : "\nEmpty cells:\n", notes[i]);
    if (list) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        printf("\n");
    }
    json_decref(list);
    return status;
}

static void table_release(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        for (enum column column = 0; column < COLUMNS; column++)
            free(table->rows[i].cells[column].reason);
    }
    free(table->rows);
    strmap_free(table->failures);
}

static bool machine_has_v2(void)
{
    struct statfs info;

    return statfs("/sys/fs/cgroup", &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

int isolators_check(const struct isolators_check *check)
{
    const enum column here = machine_has_v2() ? REAL_V2 : REAL_V1;
    _cleanup_strv_ char **names = isolator_rows();
    struct table table = {.count = strv_length(names), .failures = strmap_new()};
    struct problems problems = {0};
    struct suite suite = {0};
    const bool wants_lab = check->lab || check->lab_kernels;
    json_t *lab = NULL;
    int status = 2;

    table.rows = mem_alloc((table.count + 1) * sizeof(*table.rows));
    for (size_t i = 0; i < table.count; i++)
        table.rows[i].name = names[i];
    if (suite_load(check->paths, &suite, &problems) < 0)
        problems_print(&problems, stderr);
    else if (!wants_lab || (lab = lab_load(check))) {
        table.lab = lab;
        table.elsewhere[REAL_V1] = "this machine has cgroups v2";
        table.elsewhere[REAL_V2] =
            "not asked for: --lab-kernels KERNEL,..., or --lab FILE of `seatrial lab run`";
        table.elsewhere[here] = check->simulated_only ? "not asked for: --simulated" : NULL;
        simulate_all(&table, &suite);
        if (!check->simulated_only)
            play_real(&table, check, &suite, here);
        if (lab && here != REAL_V2) {
            table.elsewhere[REAL_V2] = NULL;
            count_lab(&table, &suite);
        }
        status = table_print(&table, check->json);
    }
    json_decref(lab);
    suite_release(&suite);
    problems_release(&problems);
    table_release(&table);
    return status;
}
