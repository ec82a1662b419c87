/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/command_executor.h"

#include <errno.h>
#include <math.h>

#include "reference/base/mem.h"
#include "reference/executors/task_check.h"
#include "reference/executors/protocol.h"

#define PROGRAM "mesos-executor"
#define OVERHEAD_CPUS 0.1
#define OVERHEAD_MEM_MB 32.0
/* Until the end of a task is noticed, and for the executor to end (executors.md 1). */
#define GRACE_RESERVE_NS (2 * NS_PER_SEC)

static void add_flag(struct command_info *command, const char *name, const char *value)
{
    strv_add_owned(&command->arguments, str_printf("--%s=%s", name, value));
}

/* The executor cannot be found: the task fails, and its stdout says why. */
static void make_refusal(struct command_info *command, const struct err *err)
{
    command->shell = true;
    command->value = str_printf("echo '%s'; exit 1", err_text(err));
}

static void make_command(
    const struct agent *agent, const struct container_config *config, struct command_info *command)
{
    const struct flags *flags = &agent->flags;
    const struct container_info *container = config->container_info;
    _cleanup_free_ char *path = str_printf("%s/" PROGRAM, flags->launcher_dir);
    _cleanup_err_ struct err err = ERR_INIT;
    if (host_real_path(agent->host, path, &command->value, &err) < 0) {
        make_refusal(command, &err);
        return;
    }
    strv_add(&command->arguments, PROGRAM);
    add_flag(command, "launcher_dir", flags->launcher_dir);
    if (!container || container->type != CONTAINER_TYPE_MESOS || !container->mesos ||
        !container->mesos->image)
        return;
    add_flag(command, "sandbox_directory", flags->sandbox_directory);
    const char *user = config->command_info.user ? config->command_info.user : config->user;
    if (flags->switch_user && user)
        add_flag(command, "user", user);
}

/* What fetcher and launch need of the task's command. */
static void copy_extras(struct command_info *to, const struct command_info *from)
{
    const struct command_info extras = {
        .uris = from->uris,
        .uris_count = from->uris_count,
        .environment = from->environment,
        .environment_count = from->environment_count,
        .user = from->user,
    };
    json_type_copy(&command_info_json, to, &extras);
}

struct executor_info *command_executor_make(
    const struct agent *agent, const struct container_config *config)
{
    const struct task_info *task = config->task_info;
    struct executor_info *info = mem_alloc(sizeof(*info));
    info->executor_id = str_dup(task->task_id);
    info->framework_id = str_dup(DEFAULT_FRAMEWORK);
    info->name = str_printf("Command Executor (Task: %s)", task->task_id);
    info->command = mem_alloc(sizeof(*info->command));
    copy_extras(info->command, &config->command_info);
    make_command(agent, config, info->command);
    if (config->container_info) {
        info->container = mem_alloc(sizeof(*info->container));
        json_type_copy(&container_info_json, info->container, config->container_info);
    }
    info->labels = json_incref(task->labels);
    command_executor_overhead(&info->resources, NULL);
    return info;
}

void command_executor_overhead(struct resources *resources, struct resource_limits *limits)
{
    resources_add_scalar(resources, "cpus", OVERHEAD_CPUS);
    resources_add_scalar(resources, "mem", OVERHEAD_MEM_MB);
    if (limits && limits->cpus.set && isfinite(limits->cpus.value))
        limits->cpus.value += OVERHEAD_CPUS;
    if (limits && limits->mem.set && isfinite(limits->mem.value))
        limits->mem.value += OVERHEAD_MEM_MB;
}

int command_executor_grace(const struct agent *agent, const struct task_info *task,
    uint64_t *ret_grace_ns, struct err *err)
{
    struct opt_u64 own;
    int r = task_kill_grace(task, &own, err);
    if (r == 0 && own.set)
        *ret_grace_ns = own.value + GRACE_RESERVE_NS;
    else if (r == 0)
        r = duration_parse(
            flags_other(&agent->flags, "executor_shutdown_grace_period"), ret_grace_ns, err);
    return r;
}

char *executor_duration_text(uint64_t ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"secs", NS_PER_SEC}, {"ms", NS_PER_MS}, {"us", NS_PER_US}, {"ns", 1}};
    size_t i = 0;
    while (ns % units[i].ns != 0)
        i++;
    return str_printf("%lu%s", (unsigned long)(ns / units[i].ns), units[i].unit);
}

int command_task_validate(const struct task_info *task, struct err *err)
{
    struct task_check check = {0};
    int r = 0;
    if (!task->task_id)
        r = err_set(err, -EINVAL, "task_id: expected one, got none");
    if (r == 0 && task->check)
        r = task_check_parse(task->check, false, &check, err);
    task_check_release(&check);
    if (r == 0 && task->health_check)
        r = task_check_parse(task->health_check, true, &check, err);
    task_check_release(&check);
    if (r == 0 && task->max_completion_time.set && !(task->max_completion_time.value >= 0))
        r = err_set(err, -EINVAL, "max_completion_time: expected seconds that are not negative");
    struct opt_u64 grace;
    return r < 0 ? r : task_kill_grace(task, &grace, err);
}
