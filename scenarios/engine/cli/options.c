/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/json.h"
#include "reference/base/mem.h"

#define JOBS_MAX 256
#define SEEDS_MAX 100000

struct option_row {
    const char *name;     /* without the dashes */
    const char *argument; /* NULL: takes none */
    const char *help;
    /* value is NULL for options without argument; false: not a valid one */
    bool (*take)(struct run_arguments *arguments, const char *value);
    const char *expected;
};

static bool number_parse(const char *text, uint64_t *ret_number)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool take_backend(struct run_arguments *arguments, const char *value)
{
    arguments->backend = backend_find(value);
    return arguments->backend != NULL;
}

static bool take_seed(struct run_arguments *arguments, const char *value)
{
    const char *dots = strstr(value, "..");
    _cleanup_free_ char *first = str_ndup(value, dots ? (size_t)(dots - value) : strlen(value));
    if (!number_parse(first, &arguments->seed_first))
        return false;
    arguments->seed_last = arguments->seed_first;
    if (dots && !number_parse(dots + 2, &arguments->seed_last))
        return false;
    return arguments->seed_last >= arguments->seed_first &&
           arguments->seed_last - arguments->seed_first < SEEDS_MAX;
}

static bool take_jobs(struct run_arguments *arguments, const char *value)
{
    uint64_t jobs;
    if (!number_parse(value, &jobs) || jobs > JOBS_MAX)
        return false;
    arguments->jobs = (unsigned)jobs;
    return true;
}

static bool take_tag(struct run_arguments *arguments, const char *value)
{
    strv_add(&arguments->tags, value);
    return value[0] != '\0';
}

static bool take_only(struct run_arguments *arguments, const char *value)
{
    strv_add(&arguments->only, value);
    return value[0] != '\0';
}

static bool take_format(struct run_arguments *arguments, const char *value)
{
    arguments->reporter = reporter_find(value);
    return arguments->reporter != NULL;
}

static bool take_layouts(struct run_arguments *arguments, const char *value)
{
    static const char *const known[] = {"v1", "v2", "hybrid", NULL};
    strv_free(arguments->layouts);
    arguments->layouts = strv_split(value, ",");
    for (size_t i = 0; arguments->layouts && arguments->layouts[i]; i++) {
        if (!strv_contains((char *const *)known, arguments->layouts[i]))
            return false;
    }
    return strv_length(arguments->layouts) >= 2;
}

static bool take_output(struct run_arguments *arguments, const char *value)
{
    arguments->output = value;
    return value[0] != '\0';
}

static bool take_trace(struct run_arguments *arguments, const char *value)
{
    arguments->trace = value;
    return value[0] != '\0';
}

static bool take_point(struct run_arguments *arguments, const char *value)
{
    arguments->point = value;
    arguments->torture = true;
    return strchr(value, ':') != NULL;
}

static bool take_cgroups(struct run_arguments *arguments, const char *value)
{
    arguments->cgroups = value;
    return strcmp(value, "direct") == 0 || strcmp(value, "fuse") == 0;
}

static bool take_wall(struct run_arguments *arguments, const char *value)
{
    uint64_t seconds;
    if (!number_parse(value, &seconds) || seconds == 0 || seconds > 86400)
        return false;
    arguments->wall_seconds = (unsigned)seconds;
    return true;
}

static bool take_list(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->list = true;
}

static bool take_check(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->check_determinism = true;
}

static bool take_torture(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->torture = true;
}

static bool take_summary(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->summary = true;
}

static bool take_help_steps(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->help_steps = true;
}

static bool take_help(struct run_arguments *arguments, const char *value)
{
    (void)value;
    return arguments->help = true;
}

static const struct option_row options[] = {
    {"backend", "B",
        "where they run: sim (default), kernel, agent (as a process), or oci:RUNTIME", take_backend,
        "sim, kernel, agent, or oci:RUNTIME such as oci:crun that is installed"},
    {"seed", "N|A..B", "root of all chance (default 1), or each of a range", take_seed,
        "a number such as 7, or a range such as 1..20"},
    {"jobs", "N", "so many workers (default 1); 0: in this process, for a debugger", take_jobs,
        "a number up to 256"},
    {"tag", "T", "only scenarios with this tag (may be given several times)", take_tag, "a word"},
    {"only", "NAME", "only the scenario of this name (may be given several times)", take_only,
        "a name"},
    {"list", NULL, "lists the scenarios, runs nothing", take_list, NULL},
    {"format", "F", "pretty (default), tap, junit, json or jsonl", take_format,
        "pretty, tap, junit, json or jsonl"},
    {"output", "FILE", "writes the report there instead of stdout", take_output, "a file"},
    {"trace", "FILE", "writes the traces there, as JSON Lines", take_trace, "a file"},
    {"check-determinism", NULL, "plays each twice and compares event by event", take_check, NULL},
    {"torture", NULL, "plays each once per effect and fault of the atlas", take_torture, NULL},
    {"point", "N:FAULT", "only that point of the torture", take_point,
        "an effect and a fault such as 12:EBUSY"},
    {"summary", NULL, "tells at the end which rare branches were reached, and which never",
        take_summary, NULL},
    {"layouts", "LIST",
        "compare what is observed on these layouts of cgroups, such as v1,v2,hybrid", take_layouts,
        "two or three of v1, v2 and hybrid, by commas"},
    {"cgroups", "HOW", "how the simulated agent reaches its cgroups: direct (default) or fuse",
        take_cgroups, "direct or fuse"},
    {"wall", "SECONDS", "real time that one scenario may take (default 300)", take_wall,
        "seconds up to 86400"},
    {"help-steps", NULL, "prints the reference of scenarios and steps, as Markdown",
        take_help_steps, NULL},
    {"help", NULL, "prints this", take_help, NULL},
};

void run_arguments_help(void)
{
    printf("Usage: seatrial run [OPTION...] PATH...\n\n"
           "Plays the scenarios of the files, and of the *.yaml below the directories.\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        _cleanup_free_ char *form =
            options[i].argument ? str_printf("--%s %s", options[i].name, options[i].argument)
                                : str_printf("--%s", options[i].name);
        printf("  %-22s %s\n", form, options[i].help);
    }
    printf("\nExit: 0 all passed, 1 a failure, 2 bad usage or bad input.\n");
}

static const struct option_row *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    return NULL;
}

static int unknown_option(const char *argument, size_t length)
{
    const char *names[ARRAY_SIZE(options) + 1];
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        names[i] = options[i].name;
    names[ARRAY_SIZE(options)] = NULL;
    _cleanup_free_ char *name = str_ndup(argument, length);
    const char *near = json_suggest(name, names);
    fprintf(stderr, "seatrial run: unknown option --%s, expected %s%s\n", name,
        near ? "--" : "one of those that --help lists", near ? near : "");
    return -EINVAL;
}

/* `--name=value` or `--name value`; *at moves on. */
static int take_option(int argc, char **argv, int *at, struct run_arguments *arguments)
{
    const char *name = argv[*at] + 2;
    size_t length = strcspn(name, "=");
    const struct option_row *row = option_find(name, length);
    if (!row)
        return unknown_option(name, length);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (!row->argument && value) {
        fprintf(stderr, "seatrial run: --%s takes no value, expected none\n", row->name);
        return -EINVAL;
    }
    if (row->argument && !value) {
        if (*at + 1 >= argc) {
            fprintf(
                stderr, "seatrial run: --%s has no value, expected %s\n", row->name, row->expected);
            return -EINVAL;
        }
        value = argv[++*at];
    }
    if (row->take(arguments, value))
        return 0;
    fprintf(stderr, "seatrial run: --%s is \"%s\", expected %s\n", row->name, value, row->expected);
    return -EINVAL;
}

int run_arguments_parse(int argc, char **argv, struct run_arguments *ret_arguments)
{
    *ret_arguments = (struct run_arguments){.backend = &backend_sim,
        .reporter = &reporter_pretty,
        .seed_first = 1,
        .seed_last = 1,
        .jobs = 1,
        .cgroups = "direct",
        .wall_seconds = 300};
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && strncmp(argv[i], "--", 2) == 0) {
            int result = take_option(argc, argv, &i, ret_arguments);
            if (result < 0)
                return result;
        } else {
            strv_add(&ret_arguments->paths, argv[i]);
        }
    }
    bool about = ret_arguments->help || ret_arguments->help_steps;
    if (!ret_arguments->paths && !about) {
        fprintf(stderr, "seatrial run: no path is given, expected scenario files or directories\n");
        return -EINVAL;
    }
    return 0;
}

void run_arguments_release(struct run_arguments *arguments)
{
    strv_free(arguments->layouts);
    strv_free(arguments->tags);
    strv_free(arguments->only);
    strv_free(arguments->paths);
}
