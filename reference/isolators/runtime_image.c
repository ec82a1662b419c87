/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker/runtime and appc/runtime: environment, working directory and command from an image's
 * manifest (isolators.md 7). Both follow one table; they differ in where a manifest keeps its
 * parts.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"

/* What a manifest says; borrowed from it. */
struct image_runtime {
    const json_t *entrypoint; /* arrays of strings or NULL */
    const json_t *command;
    const char *working_directory;
};

typedef const json_t *(*manifest_fn)(const struct container_config *config);
typedef void (*manifest_read_fn)(
    const json_t *manifest, struct image_runtime *ret_runtime, struct launch_info *into);

struct runtime_isolator {
    struct isolator base;
    manifest_fn manifest;
    manifest_read_fn read;
};

static const json_t *docker_manifest(const struct container_config *config)
{
    return config->docker ? config->docker->manifest : NULL;
}

/* --docker_ignore_runtime */
static const json_t *no_manifest(const struct container_config *config)
{
    (void)config;
    return NULL;
}

static const json_t *appc_manifest(const struct container_config *config)
{
    return config->appc ? config->appc->manifest : NULL;
}

static void docker_read(
    const json_t *manifest, struct image_runtime *ret_runtime, struct launch_info *into)
{
    const json_t *config = json_object_get(manifest, "config");
    const json_t *entry;
    size_t i;

    ret_runtime->entrypoint = json_object_get(config, "Entrypoint");
    ret_runtime->command = json_object_get(config, "Cmd");
    ret_runtime->working_directory = json_string_value(json_object_get(config, "WorkingDir"));
    json_array_foreach(json_object_get(config, "Env"), i, entry)
    {
        const char *text = json_string_value(entry);
        const char *equals = text ? strchr(text, '=') : NULL;
        _cleanup_free_ char *name = equals ? str_ndup(text, (size_t)(equals - text)) : NULL;

        if (name)
            launch_add_environment(into, name, equals + 1);
    }
    if (json_string_length(json_object_get(config, "User")) > 0)
        log_warning("the image's user \"%s\" is ignored",
            json_string_value(json_object_get(config, "User")));
}

static void appc_read(
    const json_t *manifest, struct image_runtime *ret_runtime, struct launch_info *into)
{
    const json_t *app = json_object_get(manifest, "app");
    const json_t *entry;
    size_t i;

    ret_runtime->command = json_object_get(app, "exec");
    ret_runtime->working_directory = json_string_value(json_object_get(app, "workingDirectory"));
    json_array_foreach(json_object_get(app, "environment"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const char *value = json_string_value(json_object_get(entry, "value"));

        if (name && value)
            launch_add_environment(into, name, value);
    }
}

static void arguments_add(char ***into, const json_t *list, size_t most)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (i < most && json_is_string(item))
            strv_add(into, json_string_value(item));
    }
}

/*
 * The command of a container that named no executable:
 *     entrypoint: entrypoint + (own arguments, else cmd); without it: cmd, or cmd[0] + own
 * arguments.
 */
static int command_make(const struct command_info *own, const struct image_runtime *runtime,
    struct command_info *ret_command, struct err *err)
{
    const bool has_own = strv_length(own->arguments) > 0;
    char **arguments = NULL;

    if (json_array_size(runtime->entrypoint) > 0) {
        arguments_add(&arguments, runtime->entrypoint, SIZE_MAX);
        if (!has_own)
            arguments_add(&arguments, runtime->command, SIZE_MAX);
    } else if (json_array_size(runtime->command) > 0) {
        arguments_add(&arguments, runtime->command, has_own ? 1 : SIZE_MAX);
    }
    if (!arguments)
        return err_set(err, -ENOEXEC, "no executable: neither the command nor the image names one");
    for (char *const *own_argument = own->arguments; own_argument && *own_argument; own_argument++)
        strv_add(&arguments, *own_argument);
    ret_command->shell = false;
    ret_command->value = str_dup(arguments[0]);
    ret_command->arguments = arguments;
    return 0;
}

/* A command task's own command is started later by its executor, which is told by arguments. */
static void task_pass(
    struct launch_info *info, const struct image_runtime *runtime, const struct command_info *made)
{
    info->task_environment = TAKE_PTR(info->environment);
    info->task_environment_count = info->environment_count;
    info->environment_count = 0;
    if (runtime->working_directory && *runtime->working_directory) {
        _cleanup_free_ char *argument =
            str_printf("--working_directory=%s", runtime->working_directory);

        launch_add_argument(info, argument);
    }
    if (made->value) {
        _cleanup_free_ char *json = json_type_encode_text(&command_info_json, made);
        _cleanup_free_ char *argument = str_printf("--task_command=%s", json);

        launch_add_argument(info, argument);
    }
}

static void container_pass(
    struct launch_info *info, const struct image_runtime *runtime, struct command_info *made)
{
    if (runtime->working_directory && *runtime->working_directory)
        info->working_directory = str_dup(runtime->working_directory);
    if (made->value) {
        info->command = mem_dup(made, sizeof(*made));
        *made = (struct command_info){0};
    }
}

static void runtime_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct runtime_isolator *runtime = container_of(isolator, struct runtime_isolator, base);
    const bool task = container_config_is_command_task(config);
    const struct command_info *own =
        task && config->task_info->command ? config->task_info->command : &config->command_info;
    const json_t *manifest = runtime->manifest(config);
    struct image_runtime image = {0};
    struct launch_info info = {0};
    struct command_info made = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    (void)id;
    if (!manifest) {
        done_ok(done, NULL);
        return;
    }
    runtime->read(manifest, &image, &info);
    if (own->shell && !own->value)
        r = err_set(&err, -EINVAL, "a shell command without a value");
    else if (!own->shell && !own->value)
        r = command_make(own, &image, &made, &err);
    if (r == 0 && task)
        task_pass(&info, &image, &made);
    else if (r == 0)
        container_pass(&info, &image, &made);
    json_type_release(&command_info_json, &made);
    launch_result(done, r, &info, &err);
}

static void runtime_free(struct isolator *isolator)
{
    free(container_of(isolator, struct runtime_isolator, base));
}

static const struct isolator_ops runtime_ops = {.prepare = runtime_prepare, .free = runtime_free};

static struct isolator *runtime_new(const struct isolator_context *context, const char *name,
    manifest_fn manifest, manifest_read_fn read)
{
    struct runtime_isolator *runtime = mem_alloc(sizeof(*runtime));

    runtime->base = (struct isolator){.ops = &runtime_ops, .name = name, .host = context->host};
    runtime->manifest = manifest;
    runtime->read = read;
    return &runtime->base;
}

int isolator_docker_runtime_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    (void)err;
    bool ignored = flags_other_bool(context->flags, "docker_ignore_runtime");
    *ret_isolator = runtime_new(
        context, "docker/runtime", ignored ? no_manifest : docker_manifest, docker_read);
    return 0;
}

int isolator_appc_runtime_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    (void)err;
    *ret_isolator = runtime_new(context, "appc/runtime", appc_manifest, appc_read);
    return 0;
}
