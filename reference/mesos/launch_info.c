/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the child is to do: the answers of the isolators merged, then completed from the config, the
 * environment given to the launch and, for DEBUG containers, the parent (containerizer.md 1.2).
 */
#include "reference/mesos/container.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/strbuf.h"

/* --- merging --- */

/* What only one isolator may set. */
static const char *set_twice(const struct launch_info *into, const struct launch_info *from)
{
    if (into->working_directory && from->working_directory)
        return "working_directory";
    if (into->effective_capabilities && from->effective_capabilities)
        return "effective_capabilities";
    if (into->rlimits && from->rlimits)
        return "rlimits";
    if (into->tty_slave_path && from->tty_slave_path)
        return "tty_slave_path";
    return NULL;
}

static bool only_arguments(const struct command_info *command)
{
    return !command->value && command->uris_count == 0 && command->environment_count == 0 &&
           !command->user;
}

int launch_info_add(struct launch_info *into, struct launch_info *from,
    const struct isolator *isolator, bool command_task, struct err *err)
{
    if (from->rootfs || from->user)
        return err_set(err, -EINVAL, "isolator %s: may not set %s", isolator->name,
            from->rootfs ? "rootfs" : "user");
    const char *twice = set_twice(into, from);
    if (twice)
        return err_set(err, -EINVAL, "isolator %s: %s was set by another isolator before",
            isolator->name, twice);
    if (command_task && from->command && !only_arguments(from->command))
        return err_set(err, -EINVAL,
            "isolator %s: may only add arguments to the command of a command task",
            isolator->name);
    if (into->command && from->command)
        log_info("isolator %s: command merged with that of another isolator", isolator->name);
    if (from->given)
        json_type_take(&launch_info_json, into, from);
    else
        json_type_merge(&launch_info_json, into, from);
    return 0;
}

/* Sorts and drops repetitions. */
static void make_set(char **strings)
{
    if (!strings)
        return;
    strv_sort(strings);
    size_t kept = 0;
    for (size_t i = 0; strings[i]; i++) {
        if (kept > 0 && str_equal(strings[kept - 1], strings[i]))
            free(strings[i]);
        else
            strings[kept++] = strings[i];
    }
    strings[kept] = NULL;
}

/* --- the command --- */

static struct command_info *bare_command(const struct command_info *from)
{
    struct command_info bare = *from;
    bare.uris = NULL;
    bare.uris_count = 0;
    bare.environment = NULL;
    bare.environment_count = 0;
    bare.user = NULL;
    struct command_info *command = mem_alloc(sizeof(*command));
    json_type_copy(&command_info_json, command, &bare);
    return command;
}

static void command_clear_extras(struct command_info *command)
{
    struct command_info extras = {
        .uris = TAKE_PTR(command->uris),
        .uris_count = command->uris_count,
        .environment = TAKE_PTR(command->environment),
        .environment_count = command->environment_count,
        .user = TAKE_PTR(command->user),
    };
    command->uris_count = 0;
    command->environment_count = 0;
    json_type_release(&command_info_json, &extras);
}

static void add_arguments(struct command_info *command, char *const *arguments)
{
    for (size_t i = 0; arguments && arguments[i]; i++)
        strv_add(&command->arguments, arguments[i]);
}

/* The place of a variable that a later one of the same name replaces: SIZE_MAX when it is last. */
static bool is_last_of_its_name(const struct environment_variable *variables, size_t count,
    size_t i)
{
    for (size_t k = i + 1; k < count; k++)
        if (str_equal(variables[k].name, variables[i].name))
            return false;
    return true;
}

/* --task_environment=…: an Environment, {"variables": [{"name": …, "value": …}]}. */
static void add_task_environment(struct command_info *command, const struct launch_info *info)
{
    if (info->task_environment_count == 0)
        return;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, "--task_environment={\"variables\":[");
    const char *separator = "";
    for (size_t i = 0; i < info->task_environment_count; i++) {
        if (!is_last_of_its_name(info->task_environment, info->task_environment_count, i))
            continue;
        _cleanup_free_ char *variable =
            json_type_encode_text(&environment_variable_json, &info->task_environment[i]);
        strbuf_addf(&text, "%s%s", separator, variable);
        separator = ",";
    }
    strbuf_add(&text, "]}");
    strv_add(&command->arguments, strbuf_text(&text));
}

static void add_task_groups(struct command_info *command, const struct launch_info *info)
{
    if (!info->task_supplementary_groups || !info->task_supplementary_groups[0])
        return;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, "--task_supplementary_groups=");
    for (size_t i = 0; info->task_supplementary_groups[i]; i++)
        strbuf_addf(&text, "%s%s", i ? "," : "", info->task_supplementary_groups[i]);
    strv_add(&command->arguments, strbuf_text(&text));
}

/* An isolator's command replaces the config's; to that of a command task it only adds. */
static void complete_command(const struct container_config *config, struct launch_info *info)
{
    bool command_task = container_config_is_command_task(config);
    struct command_info *asked = info->command;
    if (asked && !command_task) {
        command_clear_extras(asked);
        return;
    }
    info->command = bare_command(&config->command_info);
    if (asked) {
        add_arguments(info->command, asked->arguments);
        json_type_release(&command_info_json, asked);
        free(asked);
    }
    if (!command_task)
        return;
    add_task_environment(info->command, info);
    add_task_groups(info->command, info);
    if (config->rootfs)
        strv_add_owned(&info->command->arguments, str_printf("--rootfs=%s", config->rootfs));
}

/* --- the environment: later entries win when it is flattened --- */

struct environment {
    struct environment_variable *variables;
    size_t count;
};

static void environment_copy(
    struct environment *to, const struct environment_variable *from, size_t count, bool secrets)
{
    for (size_t i = 0; i < count; i++) {
        if (!secrets && str_equal(from[i].type, "SECRET"))
            continue;
        json_type_copy(&environment_variable_json, &to->variables[to->count++], &from[i]);
    }
}

static void complete_environment(struct container *container, struct launch_info *info,
    const struct launch *launch)
{
    const struct container_config *config = container->config;
    const struct launch_info *inherited = NULL;
    bool debug = config->container_class == CONTAINER_CLASS_DEBUG;
    if (debug && container->parent)
        inherited = container->parent->launch_info;
    size_t count = (inherited ? inherited->environment_count : 0) + launch->environment_count + 1 +
                   info->environment_count + config->command_info.environment_count;
    struct environment all = {mem_alloc(count * sizeof(struct environment_variable)), 0};
    if (inherited)
        environment_copy(&all, inherited->environment, inherited->environment_count, true);
    environment_copy(&all, launch->environment, launch->environment_count, true);
    if (!debug && container->directory) {
        const char *sandbox = config->rootfs ? container->mesos->flags.sandbox_directory
                                             : container->directory;
        all.variables[all.count].name = str_dup("MESOS_SANDBOX");
        all.variables[all.count++].value = str_dup(sandbox);
    }
    if (info->environment_count > 0)
        memcpy(all.variables + all.count, info->environment,
            info->environment_count * sizeof(*info->environment));
    all.count += info->environment_count;
    environment_copy(&all, config->command_info.environment,
        config->command_info.environment_count, false);
    assert(all.count <= count);
    free(info->environment);
    info->environment = all.variables;
    info->environment_count = all.count;
}

/* --- the working directory --- */

/* The value of the last --working_directory= argument of a command executor; NULL without one. */
static const char *argument_working_directory(const struct command_info *command)
{
    static const char option[] = "--working_directory=";
    const char *value = NULL;
    for (size_t i = 0; command && command->arguments && command->arguments[i]; i++)
        if (str_starts(command->arguments[i], option))
            value = command->arguments[i] + sizeof(option) - 1;
    return value;
}

/* A DEBUG container works where its parent does; NULL: not known. */
static const char *debug_working_directory(const struct container *container)
{
    const struct container *parent = container->parent;
    if (!parent || !parent->launch_info)
        return NULL;
    const struct container_config *config = parent->config;
    if (!config || !container_config_is_command_task(config) || !config->rootfs)
        return parent->launch_info->working_directory;
    const char *value = argument_working_directory(parent->launch_info->command);
    return value ? value : container->mesos->flags.sandbox_directory;
}

static void complete_working_directory(struct container *container, struct launch_info *info)
{
    if (container->config->container_class == CONTAINER_CLASS_DEBUG) {
        str_set(&info->working_directory, debug_working_directory(container));
    } else if (info->rootfs) {
        if (!info->working_directory)
            info->working_directory = str_dup(container->mesos->flags.sandbox_directory);
    } else {
        if (info->working_directory)
            log_warning("launch %s: working directory %s ignored: there is no root file system",
                container->id, info->working_directory);
        str_set(&info->working_directory, container->directory);
    }
}

/* --- all of it --- */

int launch_info_complete(struct container *container, struct launch_info *info,
    const struct launch *launch, struct err *err)
{
    const struct container_config *config = container->config;
    bool command_task = container_config_is_command_task(config);
    make_set(info->enter_namespaces);
    make_set(info->clone_namespaces);
    make_set(info->supplementary_groups);
    make_set(info->task_supplementary_groups);
    complete_command(config, info);
    if (!info->command->value)
        return err_set(err, -EINVAL, "the command has no value");
    complete_environment(container, info, launch);
    if (config->rootfs && !command_task)
        str_set(&info->rootfs, config->rootfs);
    complete_working_directory(container, info);
    str_set(&info->user, command_task && config->rootfs ? "root" : config->user);
    return 0;
}
