/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment_secret: resolves SECRET variables of the command's environment into the launch info
 * (isolators.md 10). Without a resolver module only secrets given by VALUE can be resolved
 * (flags.md 3).
 */
#include <errno.h>
#include <string.h>

#include "reference/isolators/isolator.h"

static bool is_secret(const struct environment_variable *variable)
{
    return str_equal(variable->type, "SECRET");
}

static int variable_check(const struct environment_variable *variable, struct err *err)
{
    if (!variable->name || !*variable->name)
        return err_set(err, -EINVAL, "environment variable without a name");
    if (is_secret(variable) && (variable->value || !variable->secret))
        return err_set(err, -EINVAL,
            "environment variable '%s' of type 'SECRET' must have a secret set"
            " and no value",
            variable->name);
    if (!is_secret(variable) && (variable->secret || !variable->value))
        return err_set(err, -EINVAL,
            "environment variable '%s' of type 'VALUE' must have a value set"
            " and no secret",
            variable->name);
    return 0;
}

static int secret_resolve(
    const struct environment_variable *variable, const char **ret_text, struct err *err)
{
    const json_t *value = json_object_get(variable->secret, "value");
    const char *data = json_string_value(json_object_get(value, "data"));

    if (!data)
        return err_set(err, -ENOTSUP,
            "secret of environment variable '%s': only VALUE secrets can be"
            " resolved without a resolver module",
            variable->name);
    *ret_text = data;
    return 0;
}

static int secrets_collect(const struct command_info *command,
    struct environment_variable **ret_list, size_t *ret_count, struct err *err)
{
    struct environment_variable *list = mem_alloc((command->environment_count + 1) * sizeof(*list));
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < command->environment_count; i++) {
        const struct environment_variable *variable = &command->environment[i];
        const char *text = NULL;

        r = variable_check(variable, err);
        if (r < 0 || !is_secret(variable))
            continue;
        r = secret_resolve(variable, &text, err);
        /* Borrowed strings: the list only lives for the completion. */
        if (r == 0)
            list[count++] = (struct environment_variable){
                .name = variable->name, .value = (char *)(uintptr_t)text};
    }
    if (r < 0) {
        free(list);
        return r;
    }
    *ret_list = list;
    *ret_count = count;
    return 0;
}

static void secret_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    const bool task = container_config_is_command_task(config) && config->task_info->command;
    const struct command_info *command = task ? config->task_info->command : &config->command_info;
    _cleanup_free_ struct environment_variable *list = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    size_t count = 0;
    int r = secrets_collect(command, &list, &count, &err);

    (void)isolator;
    (void)id;
    if (r < 0) {
        done_fail(done, r, &err);
    } else if (count == 0) {
        done_ok(done, NULL);
    } else {
        if (task) {
            info.task_environment = list;
            info.task_environment_count = count;
        } else {
            info.environment = list;
            info.environment_count = count;
        }
        done_ok(done, &info);
    }
}

static void secret_free(struct isolator *isolator)
{
    free(isolator);
}

static const struct isolator_ops environment_secret_ops = {
    .prepare = secret_prepare, .free = secret_free};

int isolator_environment_secret_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct isolator *isolator = mem_alloc(sizeof(*isolator));

    (void)err;
    *isolator = (struct isolator){
        .ops = &environment_secret_ops, .name = "environment_secret", .host = context->host};
    *ret_isolator = isolator;
    return 0;
}
