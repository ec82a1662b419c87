/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `docker run` as a command line: one table, in the order of docker.md 7. */
#include "reference/docker/run_options.h"

#include <string.h>

#include "reference/base/mem.h"

/* What an option's value looks like, and so how it stands on the command line. */
enum option_form {
    FORM_SWITCH, /* --name */
    FORM_U64,    /* --name N */
    FORM_I64,
    FORM_TEXT,        /* --name VALUE */
    FORM_TEXT_JOINED, /* --name=VALUE */
    FORM_TEXTS,       /* --name VALUE, once for each */
    FORM_TEXTS_JOINED,
    FORM_VARIABLES,
    FORM_DEVICES,
    FORM_PARAMETERS,
};
struct option_row {
    const char *name;
    enum option_form form;
    size_t offset;
};
#define ROW(name_, form_, member)                                                                  \
    {                                                                                              \
        (name_), FORM_##form_, offsetof(struct docker_run_options, member)                         \
    }
static const struct option_row option_rows[] = {
    ROW("--privileged", SWITCH, privileged),
    ROW("--cpu-shares", U64, cpu_shares),
    ROW("--cpu-quota", U64, cpu_quota),
    ROW("--memory-reservation", U64, memory_reservation),
    ROW("--memory", U64, memory),
    ROW("--oom-score-adj", I64, oom_score_adj),
    ROW("-e", VARIABLES, environment),
    ROW("-v", TEXTS, volumes),
    ROW("--volume-driver", TEXT_JOINED, volume_driver),
    ROW("--net", TEXT, network),
    ROW("--dns", TEXTS_JOINED, dns),
    ROW("--dns-search", TEXTS_JOINED, dns_search),
    ROW("--dns-opt", TEXTS_JOINED, dns_options),
    ROW("--hostname", TEXT, hostname),
    ROW("-p", TEXTS, ports),
    ROW("--device", DEVICES, devices),
    ROW("--entrypoint", TEXT, entrypoint),
    ROW("--name", TEXT, name),
    ROW("", PARAMETERS, parameters),
};

static void add_pair(char ***arguments, const char *name, char *value)
{
    strv_add(arguments, name);
    strv_add_owned(arguments, value);
}

static void add_texts(char ***arguments, const struct option_row *row, char *const *texts)
{
    for (size_t i = 0; texts && texts[i]; i++) {
        if (row->form == FORM_TEXTS)
            add_pair(arguments, row->name, str_dup(texts[i]));
        else
            strv_add_owned(arguments, str_printf("%s=%s", row->name, texts[i]));
    }
}

static void add_lists(
    char ***arguments, const struct option_row *row, const struct docker_run_options *options)
{
    if (row->form == FORM_VARIABLES)
        for (size_t i = 0; i < options->environment_count; i++)
            add_pair(arguments, row->name,
                str_printf("%s=%s", options->environment[i].name, options->environment[i].value));
    if (row->form == FORM_DEVICES)
        for (size_t i = 0; i < options->devices_count; i++)
            strv_add_owned(arguments,
                str_printf("%s=%s:%s:%s", row->name, options->devices[i].host_path,
                    options->devices[i].container_path, options->devices[i].permissions));
    if (row->form == FORM_PARAMETERS)
        for (size_t i = 0; i < options->parameters_count; i++)
            strv_add_owned(arguments,
                str_printf(
                    "--%s=%s", options->parameters[i].key, options->parameters[i].value));
}

static void add_row(
    char ***arguments, const struct option_row *row, const struct docker_run_options *options)
{
    const void *member = (const char *)options + row->offset;
    const struct opt_u64 *u64 = member;
    const struct opt_i64 *i64 = member;
    char *const *text = member;
    switch (row->form) {
    case FORM_SWITCH:
        if (*(const bool *)member)
            strv_add(arguments, row->name);
        break;
    case FORM_U64:
        if (u64->set)
            add_pair(arguments, row->name, str_printf("%lu", (unsigned long)u64->value));
        break;
    case FORM_I64:
        if (i64->set)
            add_pair(arguments, row->name, str_printf("%ld", (long)i64->value));
        break;
    case FORM_TEXT:
        if (*text)
            add_pair(arguments, row->name, str_dup(*text));
        break;
    case FORM_TEXT_JOINED:
        if (*text)
            strv_add_owned(arguments, str_printf("%s=%s", row->name, *text));
        break;
    case FORM_TEXTS:
    case FORM_TEXTS_JOINED:
        add_texts(arguments, row, *(char *const *const *)member);
        break;
    case FORM_VARIABLES:
    case FORM_DEVICES:
    case FORM_PARAMETERS:
        add_lists(arguments, row, options);
        break;
    }
}

void docker_run_options_arguments(const struct docker_run_options *options, char ***arguments)
{
    for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++)
        add_row(arguments, &option_rows[i], options);
    strv_add(arguments, options->image);
    for (size_t i = 0; options->arguments && options->arguments[i]; i++)
        strv_add(arguments, options->arguments[i]);
}
