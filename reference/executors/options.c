/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/options.h"

#include <errno.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/flags.h"

#define DEFAULT_SHUTDOWN_GRACE_NS (5 * NS_PER_SEC)
#define DEFAULT_RECOVERY_TIMEOUT_NS (15 * 60 * NS_PER_SEC)
#define DEFAULT_BACKOFF_MAX_NS (2 * NS_PER_SEC)

struct executor_flag {
    const char *name;
    int (*set)(void *field, const char *value, struct err *err);
    size_t offset;
    bool required;
    const char *help;
};
struct executor_program {
    const char *name;
    const struct executor_flag *flags;
    size_t count;
};

/* --- kinds of values --- */

static int set_text(void *field, const char *value, struct err *err)
{
    (void)err;
    str_set(field, value);
    return 0;
}

static int set_bool(void *field, const char *value, struct err *err)
{
    bool *flag = field;
    *flag = str_equal(value, "true") || str_equal(value, "1");
    if (*flag || str_equal(value, "false") || str_equal(value, "0"))
        return 0;
    return err_set(err, -EINVAL, "expected true or false, got \"%s\"", value);
}

static int set_duration(void *field, const char *value, struct err *err)
{
    return duration_parse(value, field, err);
}

static int set_groups(void *field, const char *value, struct err *err)
{
    char ***groups = field;
    strv_free(*groups);
    *groups = strv_split(value, ",");
    for (size_t i = 0; *groups && (*groups)[i]; i++)
        if (strspn((*groups)[i], "0123456789") != strlen((*groups)[i]))
            return err_set(err, -EINVAL, "expected numbers of groups, got \"%s\"", value);
    return 0;
}

static json_t *parse_object(const char *value, struct err *err)
{
    json_error_t error;
    json_t *json = json_loads(value, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        err_set(err, -EINVAL, "%d:%d: %s", error.line, error.column, error.text);
    else if (!json_is_object(json))
        err_set(err, -EINVAL, "expected a JSON object, got %s", value);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static int set_json(void *field, const char *value, struct err *err)
{
    json_t **json = field;
    json_decref(*json);
    *json = parse_object(value, err);
    return *json ? 0 : -EINVAL;
}

/* A pointer to an object of the type, made anew. */
static int set_object(
    const struct json_type *type, void **field, const char *value, struct err *err)
{
    if (*field)
        json_type_release(type, *field);
    free(*field);
    *field = mem_alloc(type->size);
    int r = json_type_decode_text(type, value, strlen(value), *field, type->name, err);
    if (r < 0)
        free(TAKE_PTR(*field));
    return r;
}

static int set_capabilities(void *field, const char *value, struct err *err)
{
    return set_object(&capability_info_json, field, value, err);
}

static int set_launch_info(void *field, const char *value, struct err *err)
{
    return set_object(&launch_info_json, field, value, err);
}

/* A list of variables with its count behind it, as both options have them. */
struct variables {
    struct environment_variable *list;
    size_t count;
};

static void variables_release(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++)
        json_type_release(&environment_variable_json, &variables->list[i]);
    free(variables->list);
    *variables = (struct variables){0};
}

static void variables_add(struct variables *variables, const char *name, const char *value)
{
    variables->list =
        mem_realloc(variables->list, (variables->count + 1) * sizeof(*variables->list));
    variables->list[variables->count++] =
        (struct environment_variable){.name = str_dup(name), .value = str_dup(value)};
}

/* An Environment: {"variables": [{"name": …, "value": …}]}. */
static const struct json_field environment_fields[] = {
    {.name = "variables", .kind = JSON_KIND_OBJECTS, .offset = offsetof(struct variables, list),
        .count_offset = offsetof(struct variables, count), .type = &environment_variable_json},
};
static const struct json_type environment_json = {"environment", sizeof(struct variables),
    environment_fields, ARRAY_SIZE(environment_fields), NULL};

static int set_environment(void *field, const char *value, struct err *err)
{
    variables_release(field);
    return json_type_decode_text(
        &environment_json, value, strlen(value), field, "environment", err);
}

/* An object of texts. */
static int set_environment_map(void *field, const char *value, struct err *err)
{
    json_t *json = parse_object(value, err);
    const char *name;
    json_t *text;
    int r = json ? 0 : -EINVAL;
    variables_release(field);
    json_object_foreach(json, name, text) {
        if (!json_is_string(text)) {
            r = err_set(err, -EINVAL, "expected a text for %s", name);
            break;
        }
        variables_add(field, name, json_string_value(text));
    }
    json_decref(json);
    return r;
}

/* --- the tables --- */

#define COMMAND_FLAG(member, set_, help_)                                                          \
    {#member, (set_), offsetof(struct command_executor_options, member), false, (help_)}
static const struct executor_flag command_flags[] = {
    COMMAND_FLAG(launcher_dir, set_text, "directory of helper programs"),
    COMMAND_FLAG(sandbox_directory, set_text, "the sandbox as the task sees it"),
    COMMAND_FLAG(user, set_text, "user of the task"),
    COMMAND_FLAG(rootfs, set_text, "root of the task"),
    COMMAND_FLAG(working_directory, set_text, "working directory of the task, in its root"),
    COMMAND_FLAG(task_command, set_text, "CommandInfo in place of that of the task (JSON)"),
    COMMAND_FLAG(task_environment, set_environment, "further environment of the task (JSON)"),
    COMMAND_FLAG(effective_capabilities, set_capabilities, "of the task (JSON)"),
    COMMAND_FLAG(bounding_capabilities, set_capabilities, "of the task (JSON)"),
    COMMAND_FLAG(task_launch_info, set_launch_info, "ContainerLaunchInfo of the task (JSON)"),
    COMMAND_FLAG(tty_slave_path, set_text, "terminal of the task"),
    COMMAND_FLAG(task_supplementary_groups, set_groups, "numbers of groups, by commas"),
};
static const struct executor_program command_program = {
    "mesos-executor", command_flags, ARRAY_SIZE(command_flags)};

#define DOCKER_FLAG(member, set_, required_, help_)                                                \
    {#member, (set_), offsetof(struct docker_executor_options, member), (required_), (help_)}
static const struct executor_flag docker_flags[] = {
    DOCKER_FLAG(container, set_text, true, "name of the docker container"),
    DOCKER_FLAG(docker, set_text, true, "the docker program"),
    DOCKER_FLAG(docker_socket, set_text, true, "socket of the docker engine"),
    DOCKER_FLAG(sandbox_directory, set_text, true, "the sandbox on the host"),
    DOCKER_FLAG(mapped_directory, set_text, true, "the sandbox in the container"),
    DOCKER_FLAG(launcher_dir, set_text, false, "directory of helper programs"),
    DOCKER_FLAG(
        task_environment, set_environment_map, false, "variables of the task (JSON object)"),
    DOCKER_FLAG(default_container_dns, set_json, false, "DNS of containers (JSON)"),
    DOCKER_FLAG(cgroups_enable_cfs, set_bool, false, "limit CPU by the request"),
    {"stop_timeout", set_duration, offsetof(struct docker_executor_options, stop_timeout_ns),
        false, "grace of a shutdown, when it is longer"},
};
static const struct executor_program docker_program = {
    "mesos-docker-executor", docker_flags, ARRAY_SIZE(docker_flags)};

static char *usage(const struct executor_program *program)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_addf(&text, "Usage: %s [options]\n\n", program->name);
    for (size_t i = 0; i < program->count; i++)
        strbuf_addf(&text, "  --%s=VALUE%s  %s\n", program->flags[i].name,
            program->flags[i].required ? " (required)" : "", program->flags[i].help);
    strbuf_add(&text, "  --help  prints this\n");
    return strbuf_take(&text);
}

char *command_executor_usage(void)
{
    return usage(&command_program);
}

char *docker_executor_usage(void)
{
    return usage(&docker_program);
}

/* --- parsing --- */

static int unknown_flag(
    const struct executor_program *program, const char *name, struct err *err)
{
    const char **known = mem_alloc((program->count + 1) * sizeof(*known));
    for (size_t i = 0; i < program->count; i++)
        known[i] = program->flags[i].name;
    const char *near = json_suggest(name, known);
    free(known);
    return err_set(err, -EINVAL, "unknown flag '%s'%s%s%s", name, near ? ", did you mean '" : "",
        near ? near : "", near ? "'?" : "");
}

/* Logging flags are common to all programs, and mean nothing here. */
static bool is_logging_flag(const char *name)
{
    static const char *const logging[] = {"quiet", "logging_level", "log_dir", "logbufsecs",
        "initialize_driver_logging", "external_log_file", NULL};
    return strv_contains((char *const *)(uintptr_t)logging, name);
}

static int parse_argument(const struct executor_program *program, const char *argument,
    void *options, bool *seen, struct err *err)
{
    if (!str_starts(argument, "--"))
        return err_set(err, -EINVAL, "unexpected argument '%s'", argument);
    const char *equals = strchr(argument, '=');
    _cleanup_free_ char *name =
        str_ndup(argument + 2, (equals ? (size_t)(equals - argument) : strlen(argument)) - 2);
    if (is_logging_flag(name))
        return 0;
    for (size_t i = 0; i < program->count; i++) {
        const struct executor_flag *flag = &program->flags[i];
        if (!str_equal(flag->name, name))
            continue;
        if (!equals)
            return err_set(err, -EINVAL, "flag '%s' has no value", name);
        seen[i] = true;
        int r = flag->set((char *)options + flag->offset, equals + 1, err);
        return r < 0 ? err_wrap(err, r, "flag '%s'", name) : 0;
    }
    return unknown_flag(program, name, err);
}

static int parse(const struct executor_program *program, char *const *arguments, void *options,
    bool *ret_help, struct err *err)
{
    _cleanup_free_ bool *seen = mem_alloc(program->count * sizeof(*seen));
    for (size_t i = 0; arguments && arguments[i]; i++) {
        if (str_equal(arguments[i], "--help")) {
            *ret_help = true;
            return 0;
        }
        int r = parse_argument(program, arguments[i], options, seen, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < program->count; i++)
        if (program->flags[i].required && !seen[i])
            return err_set(err, -EINVAL, "flag '%s' is required, but it was not provided",
                program->flags[i].name);
    return 0;
}

/* --- the environment --- */

static const char *variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++)
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    return NULL;
}

static int read_duration(
    char *const *environment, const char *name, uint64_t otherwise, uint64_t *ret_ns,
    struct err *err)
{
    const char *text = variable(environment, name);
    *ret_ns = otherwise;
    int r = text ? duration_parse(text, ret_ns, err) : 0;
    return r < 0 ? err_wrap(err, r, "cannot parse '%s'", name) : 0;
}

static int read_name(
    char *const *environment, const char *name, char **ret_text, struct err *err)
{
    *ret_text = str_dup(variable(environment, name));
    return *ret_text ? 0
                     : err_set(err, -EINVAL, "expecting '%s' to be set in the environment", name);
}

static void read_variables(char *const *environment, struct executor_environment *into)
{
    struct variables all = {0};
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *equals = strchr(environment[i], '=');
        if (!equals)
            continue;
        _cleanup_free_ char *name =
            str_ndup(environment[i], (size_t)(equals - environment[i]));
        variables_add(&all, name, equals + 1);
    }
    into->variables = all.list;
    into->variables_count = all.count;
}

static int read_environment(
    char *const *environment, struct executor_environment *into, struct err *err)
{
    read_variables(environment, into);
    int r = read_name(environment, "MESOS_FRAMEWORK_ID", &into->framework_id, err);
    if (r == 0)
        r = read_name(environment, "MESOS_EXECUTOR_ID", &into->executor_id, err);
    if (r == 0)
        r = read_name(environment, "MESOS_DOMAIN_SOCKET", &into->socket, err);
    if (r == 0)
        r = read_duration(environment, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
            DEFAULT_SHUTDOWN_GRACE_NS, &into->shutdown_grace_ns, err);
    if (r == 0)
        r = read_duration(environment, "MESOS_RECOVERY_TIMEOUT", DEFAULT_RECOVERY_TIMEOUT_NS,
            &into->recovery_timeout_ns, err);
    if (r == 0)
        r = read_duration(environment, "MESOS_SUBSCRIPTION_BACKOFF_MAX", DEFAULT_BACKOFF_MAX_NS,
            &into->backoff_max_ns, err);
    into->checkpoint = str_equal(variable(environment, "MESOS_CHECKPOINT"), "1");
    into->http = str_equal(variable(environment, "MESOS_HTTP_COMMAND_EXECUTOR"), "1");
    into->directory = str_dup(variable(environment, "MESOS_DIRECTORY"));
    return r;
}

static void environment_release(struct executor_environment *environment)
{
    struct variables all = {environment->variables, environment->variables_count};
    variables_release(&all);
    free(environment->framework_id);
    free(environment->executor_id);
    free(environment->socket);
    free(environment->directory);
}

/* --- both programs --- */

int command_executor_options_parse(char *const *arguments, char *const *environment,
    struct command_executor_options *ret_options, struct err *err)
{
    struct command_executor_options options = {.launcher_dir = str_dup(SEATRIAL_LIBEXEC_DIR)};
    int r = parse(&command_program, arguments, &options, &options.help, err);
    if (r == 0 && !options.help)
        r = read_environment(environment, &options.environment, err);
    if (r < 0)
        command_executor_options_release(&options);
    else
        *ret_options = options;
    return r;
}

static void object_free(const struct json_type *type, void *object)
{
    if (object)
        json_type_release(type, object);
    free(object);
}

void command_executor_options_release(struct command_executor_options *options)
{
    struct variables task = {options->task_environment, options->task_environment_count};
    environment_release(&options->environment);
    variables_release(&task);
    free(options->launcher_dir);
    free(options->sandbox_directory);
    free(options->user);
    free(options->rootfs);
    free(options->working_directory);
    free(options->task_command);
    object_free(&capability_info_json, options->effective_capabilities);
    object_free(&capability_info_json, options->bounding_capabilities);
    object_free(&launch_info_json, options->task_launch_info);
    free(options->tty_slave_path);
    strv_free(options->task_supplementary_groups);
    *options = (struct command_executor_options){0};
}

int docker_executor_options_parse(char *const *arguments, char *const *environment,
    struct docker_executor_options *ret_options, struct err *err)
{
    struct docker_executor_options options = {.launcher_dir = str_dup(SEATRIAL_LIBEXEC_DIR)};
    int r = parse(&docker_program, arguments, &options, &options.help, err);
    if (r == 0 && !options.help)
        r = read_environment(environment, &options.environment, err);
    if (r < 0)
        docker_executor_options_release(&options);
    else
        *ret_options = options;
    return r;
}

void docker_executor_options_release(struct docker_executor_options *options)
{
    struct variables task = {options->task_environment, options->task_environment_count};
    environment_release(&options->environment);
    variables_release(&task);
    free(options->container);
    free(options->docker);
    free(options->docker_socket);
    free(options->sandbox_directory);
    free(options->mapped_directory);
    free(options->launcher_dir);
    json_decref(options->default_container_dns);
    *options = (struct docker_executor_options){0};
}
