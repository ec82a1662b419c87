/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/task_plan.h"

#include <errno.h>

#include "reference/base/mem.h"

/* Of what isolators ask for, only these are taken. */
static void take_launch_info(struct launch_info *into, const struct launch_info *from)
{
    const struct launch_info taken = {
        .mounts = from->mounts,
        .mounts_count = from->mounts_count,
        .file_operations = from->file_operations,
        .file_operations_count = from->file_operations_count,
        .pre_exec_commands = from->pre_exec_commands,
        .pre_exec_commands_count = from->pre_exec_commands_count,
        .clone_namespaces = from->clone_namespaces,
    };
    json_type_copy(&launch_info_json, into, &taken);
}

static unsigned namespaces_of(char *const *names)
{
    unsigned mask = 0;
    for (unsigned kind = 0; kind < NS_COUNT; kind++)
        if (strv_contains(names, namespace_names[kind]))
            mask |= NS_BIT(kind);
    return mask;
}

static struct capability_info *copy_capabilities(const struct capability_info *from)
{
    if (!from)
        return NULL;
    struct capability_info *copy = mem_alloc(sizeof(*copy));
    json_type_copy(&capability_info_json, copy, from);
    return copy;
}

/* The task switches to its root and its user; fetched files may stay root's (quirk). */
static int enter_root(struct host *host, const struct command_executor_options *options,
    struct plan *plan, struct err *err)
{
    struct launch_info *info = &plan->info;
    if (!host->facts.root)
        return err_set(err, -EPERM, "the root file system requires the executor to be root");
    /* From its birth: who checks the task enters the namespace as soon as there is a pid. */
    plan->clone_namespaces |= NS_BIT(NS_MNT);
    info->rootfs = str_dup(options->rootfs);
    info->user = str_dup(options->user);
    info->working_directory = str_dup(
        options->working_directory ? options->working_directory : options->sandbox_directory);
    info->effective_capabilities = copy_capabilities(options->effective_capabilities);
    info->bounding_capabilities = copy_capabilities(options->bounding_capabilities);
    if (!options->user || !options->environment.directory)
        return 0;
    struct user_info user = {0};
    int r = host_user_lookup(host, options->user, &user, err);
    if (r == 0)
        r = host_chown(
            host, options->environment.directory, user.uid, user.gid, false, err);
    user_info_release(&user);
    return r;
}

int task_plan(struct host *host, const struct command_executor_options *options,
    const struct command_info *command, const struct environment_variable *environment,
    size_t environment_count, struct plan *ret_plan, struct err *err)
{
    struct plan plan;
    plan_init(&plan);
    plan.container_id = str_dup(options->environment.executor_id);
    plan.stdio_fds[1] = 1;
    plan.stdio_fds[2] = 2;
    if (options->task_launch_info)
        take_launch_info(&plan.info, options->task_launch_info);
    plan.clone_namespaces = namespaces_of(plan.info.clone_namespaces);
    plan.info.command = mem_alloc(sizeof(*plan.info.command));
    json_type_copy(&command_info_json, plan.info.command, command);
    plan.info.environment = mem_alloc((environment_count + 1) * sizeof(*environment));
    plan.info.environment_count = environment_count;
    for (size_t i = 0; i < environment_count; i++)
        json_type_copy(
            &environment_variable_json, &plan.info.environment[i], &environment[i]);
    plan.info.supplementary_groups = options->task_supplementary_groups
        ? strv_copy(options->task_supplementary_groups)
        : NULL;
    plan.info.tty_slave_path = str_dup(options->tty_slave_path);
    int r = options->rootfs ? enter_root(host, options, &plan, err) : 0;
    if (r == 0 && !options->rootfs)
        plan.info.working_directory = str_dup(options->environment.directory);
    if (r < 0)
        plan_release(&plan);
    else
        *ret_plan = plan;
    return r;
}
