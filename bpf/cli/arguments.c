/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/cli/cli.h"
#include "reference/base/mem.h"

enum { OPTION_CGROUP = 256, OPTION_EXPLAIN, OPTION_WITHOUT, OPTION_CONTROLLER, OPTION_ROOT,
    OPTION_PROMETHEUS, OPTION_OTEL, OPTION_SLOTS, OPTION_SWITCH_COST, OPTION_SYSCALLS,
    OPTION_WAKEUPS, OPTION_DOCUMENTATION };

struct option_help {
    struct option option;
    const char *argument;
    const char *help;
};
static const struct option_help rows[] = {
    {{"watch", no_argument, NULL, 'w'}, NULL, "show a table again and again, until a signal"},
    {{"interval", required_argument, NULL, 'i'}, "SECONDS",
        "time between two readings, and before the only one (1)"},
    {{"json", no_argument, NULL, 'j'}, NULL, "JSON, a line for each reading"},
    {{"details", no_argument, NULL, 'd'}, NULL, "histograms and launch timeline of each one"},
    {{"cgroup", required_argument, NULL, OPTION_CGROUP}, "PATH",
        "that cgroup, whoever made it; several times"},
    {{"root", required_argument, NULL, OPTION_ROOT}, "NAME",
        "cgroup below which containers are looked for (mesos)"},
    {{"explain", no_argument, NULL, OPTION_EXPLAIN}, NULL,
        "say what is attached, what fell back and why"},
    {{"without", required_argument, NULL, OPTION_WITHOUT}, "SOURCE",
        "do not use it: tp_btf, raw_tp, tracepoint, iter, cgroup, sched_info, btf, file, a hook, "
        "or tp_btf:HOOK, …; without sched_switch a switch costs nothing"},
    {{"controller", required_argument, NULL, OPTION_CONTROLLER}, "NAME",
        "know containers by their cgroups of this v1 controller, or \"unified\""},
    {{"slots", required_argument, NULL, OPTION_SLOTS}, "N", "containers at most (1024)"},
    {{"switch-cost", required_argument, NULL, OPTION_SWITCH_COST}, "PERCENT",
        "of a CPU that its switches' histogram may take before it rests (1); 0: whatever it takes"},
    {{"syscalls", no_argument, NULL, OPTION_SYSCALLS}, NULL,
        "count system calls, which costs at each of them"},
    {{"wakeups", no_argument, NULL, OPTION_WAKEUPS}, NULL, "count wakeups, likewise"},
    {{"prometheus", required_argument, NULL, OPTION_PROMETHEUS}, "ADDRESS",
        "serve /metrics at PORT, IP:PORT or [IP6]:PORT"},
    {{"otel", no_argument, NULL, OPTION_OTEL}, NULL, "there, names of OpenTelemetry"},
    {{"documentation", no_argument, NULL, OPTION_DOCUMENTATION}, NULL,
        "list all figures, as Markdown"},
    {{"help", no_argument, NULL, 'h'}, NULL, "this text"},
};

void stats_arguments_help(void)
{
    printf("Usage: seatrial stats [OPTION...] [CONTAINER...]\n\n"
           "Figures of containers, or of any cgroup, from the kernel. Counting starts now.\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *left = str_printf("--%s%s%s", rows[i].option.name,
            rows[i].argument ? " " : "", rows[i].argument ? rows[i].argument : "");
        printf("  %-22s %s\n", left, rows[i].help);
    }
}

static int number(const char *option, const char *text, double least, double *ret_number)
{
    char *end = NULL;
    *ret_number = strtod(text, &end);
    if (end == text || *end || !(*ret_number >= least)) {
        fprintf(stderr, "seatrial stats: --%s \"%s\": expected a number, at least %g\n", option,
            text, least);
        return -EINVAL;
    }
    return 0;
}

static int take_number(int option, struct stats_arguments *arguments)
{
    double value = 0;
    if (option == 'i')
        return number("interval", optarg, 0.001, &arguments->interval_seconds);
    if (option == OPTION_SWITCH_COST) {
        int result = number("switch-cost", optarg, 0, &value);
        arguments->options.switch_percent = value < 100 ? (unsigned)value : 0;
        return result;
    }
    int result = number("slots", optarg, 1, &value);
    arguments->options.slots = value < (double)UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    return result;
}

static int take(int option, struct stats_arguments *arguments)
{
    switch (option) {
    case 'w':
        arguments->watch = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 'd':
        arguments->details = true;
        return 0;
    case 'h':
        arguments->help = true;
        return 0;
    case OPTION_WAKEUPS:
        arguments->options.wakeups = true;
        return 0;
    case OPTION_EXPLAIN:
        arguments->explain = true;
        return 0;
    case OPTION_SYSCALLS:
        arguments->options.syscalls = true;
        return 0;
    case OPTION_OTEL:
        arguments->otel = true;
        return 0;
    case OPTION_DOCUMENTATION:
        arguments->documentation = true;
        return 0;
    case OPTION_CGROUP:
        strv_add(&arguments->cgroups, optarg);
        return 0;
    case OPTION_WITHOUT:
        strv_add(&arguments->without, optarg);
        return 0;
    case OPTION_CONTROLLER:
        str_set(&arguments->controller, optarg);
        return 0;
    case OPTION_ROOT:
        str_set(&arguments->root, optarg);
        return 0;
    case OPTION_PROMETHEUS:
        str_set(&arguments->prometheus, optarg);
        return 0;
    case 'i':
    case OPTION_SLOTS:
    case OPTION_SWITCH_COST:
        return take_number(option, arguments);
    default:
        return -EINVAL;
    }
}

int stats_arguments_parse(int argc, char **argv, struct stats_arguments *ret_arguments)
{
    struct option options[ARRAY_SIZE(rows) + 1] = {0};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        options[i] = rows[i].option;
    *ret_arguments = (struct stats_arguments){.interval_seconds = 1, .root = str_dup("mesos"),
        .options.switch_percent = STATS_SWITCH_PERCENT};
    int result = 0;
    optind = 0;
    while (result == 0) {
        int option = getopt_long(argc, argv, "wi:jdh", options, NULL);
        if (option == -1)
            break;
        result = take(option, ret_arguments);
    }
    for (int i = optind; result == 0 && i < argc; i++)
        strv_add(&ret_arguments->containers, argv[i]);
    ret_arguments->options.without = (const char *const *)ret_arguments->without;
    ret_arguments->options.controller = ret_arguments->controller;
    if (result < 0)
        stats_arguments_release(ret_arguments);
    return result;
}

void stats_arguments_release(struct stats_arguments *arguments)
{
    strv_free(arguments->without);
    strv_free(arguments->cgroups);
    strv_free(arguments->containers);
    free(arguments->controller);
    free(arguments->root);
    free(arguments->prometheus);
    *arguments = (struct stats_arguments){0};
}
