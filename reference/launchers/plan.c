/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"

void plan_init(struct plan *plan)
{
    *plan = (struct plan){
        .stdio_fds = {-1, -1, -1}, .stdio_uid = (uid_t)-1, .stdio_gid = (gid_t)-1};
}

void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < ARRAY_SIZE(plan->stdio); i++)
        free(plan->stdio[i]);
    free(plan->stdio_below);
    free(plan->runtime_directory);
    free(plan->container_id);
    json_type_release(&launch_info_json, &plan->info);
    plan_init(plan);
}

static bool variable_is_secret(const struct environment_variable *variable)
{
    return str_equal(variable->type, "SECRET");
}

char **plan_environment(const struct launch_info *info)
{
    if (info->environment_count == 0)
        return NULL;
    /* Backwards: the first mention seen is the last one. */
    struct strmap *seen = strmap_new();
    char **reversed = NULL;
    for (size_t i = info->environment_count; i > 0; i--) {
        const struct environment_variable *variable = &info->environment[i - 1];
        if (variable_is_secret(variable) || strmap_get(seen, variable->name))
            continue;
        strmap_set(seen, variable->name, variable->name);
        strv_add_owned(&reversed,
            str_printf("%s=%s", variable->name, variable->value ? variable->value : ""));
    }
    bool has_path = strmap_get(seen, "PATH") != NULL;
    strmap_free(seen);

    char **environment = NULL;
    for (size_t i = strv_length(reversed); i > 0; i--)
        strv_add_owned(&environment, reversed[i - 1]);
    free(reversed);
    if (!has_path)
        strv_add(&environment, "PATH=" PLAN_DEFAULT_PATH);
    return environment;
}

int plan_arguments(const struct command_info *command, char ***ret_argv, struct err *err)
{
    if (!command)
        return err_set(err, -EINVAL, "the plan has no command");
    if (!command->value)
        return err_set(err, -EINVAL, "the command has no value");
    char **argv = NULL;
    if (command->shell) {
        strv_add(&argv, "sh");
        strv_add(&argv, "-c");
        strv_add(&argv, command->value);
    } else {
        for (char **argument = command->arguments; argument && *argument; argument++)
            strv_add(&argv, *argument);
        if (!argv)
            strv_add(&argv, command->value);
    }
    *ret_argv = argv;
    return 0;
}
