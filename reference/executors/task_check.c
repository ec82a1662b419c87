/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/task_check.h"

#include <errno.h>

#include "reference/base/mem.h"

const char *const task_check_type_names[] = {"UNKNOWN", "COMMAND", "HTTP", "TCP", NULL};

static const struct json_field http_fields[] = {
    JSON_FIELD(struct check_http, port, JSON_KIND_OPT_I64, .required = true),
    JSON_FIELD(struct check_http, path, JSON_KIND_STRING),
};
static const struct json_type http_json = {
    "http", sizeof(struct check_http), http_fields, ARRAY_SIZE(http_fields), NULL};
static const char *const protocols[] = {"IPV4", "IPV6", NULL};
static const struct json_field health_http_fields[] = {
    JSON_FIELD(struct check_http, port, JSON_KIND_OPT_I64, .required = true),
    JSON_FIELD(struct check_http, path, JSON_KIND_STRING),
    JSON_FIELD(struct check_http, scheme, JSON_KIND_STRING),
    JSON_FIELD(struct check_http, protocol, JSON_KIND_STRING, .enum_names = protocols),
    JSON_FIELD(struct check_http, statuses, JSON_KIND_RAW),
    JSON_FIELD(struct check_http, types, JSON_KIND_RAW),
};
static const struct json_type health_http_json = {"http", sizeof(struct check_http),
    health_http_fields, ARRAY_SIZE(health_http_fields), NULL};

static const struct json_field tcp_fields[] = {
    JSON_FIELD(struct check_tcp, port, JSON_KIND_OPT_I64, .required = true),
    JSON_FIELD(struct check_tcp, protocol, JSON_KIND_STRING, .enum_names = protocols),
};
static const struct json_type tcp_json = {
    "tcp", sizeof(struct check_tcp), tcp_fields, ARRAY_SIZE(tcp_fields), NULL};

static const struct json_field command_fields[] = {
    JSON_FIELD(
        struct check_command, command, JSON_KIND_OBJECT_PTR, .type = &command_info_json),
};
static const struct json_type command_json = {"command", sizeof(struct check_command),
    command_fields, ARRAY_SIZE(command_fields), NULL};

/* As a check has them; a health check's command is the CommandInfo itself. */
struct check_info {
    int type;
    struct check_command *command;
    struct check_http *http;
    struct check_tcp *tcp;
    double delay_seconds;
    double interval_seconds;
    double timeout_seconds;
};
static const struct json_field check_fields[] = {
    JSON_FIELD(struct check_info, type, JSON_KIND_ENUM, .enum_names = task_check_type_names),
    JSON_FIELD(struct check_info, command, JSON_KIND_OBJECT_PTR, .type = &command_json),
    JSON_FIELD(struct check_info, http, JSON_KIND_OBJECT_PTR, .type = &http_json),
    JSON_FIELD(struct check_info, tcp, JSON_KIND_OBJECT_PTR, .type = &tcp_json),
    JSON_FIELD(struct check_info, delay_seconds, JSON_KIND_DOUBLE, .default_number = 15),
    JSON_FIELD(struct check_info, interval_seconds, JSON_KIND_DOUBLE, .default_number = 10),
    JSON_FIELD(struct check_info, timeout_seconds, JSON_KIND_DOUBLE, .default_number = 20),
};
static const struct json_type check_info_json = {
    "check", sizeof(struct check_info), check_fields, ARRAY_SIZE(check_fields), NULL};

static const struct json_field health_fields[] = {
    JSON_FIELD(struct task_check, type, JSON_KIND_ENUM, .enum_names = task_check_type_names),
    JSON_FIELD(struct task_check, command, JSON_KIND_OBJECT_PTR, .type = &command_info_json),
    JSON_FIELD(struct task_check, http, JSON_KIND_OBJECT_PTR, .type = &health_http_json),
    JSON_FIELD(struct task_check, tcp, JSON_KIND_OBJECT_PTR, .type = &tcp_json),
    JSON_FIELD(struct task_check, delay_seconds, JSON_KIND_DOUBLE, .default_number = 15),
    JSON_FIELD(struct task_check, interval_seconds, JSON_KIND_DOUBLE, .default_number = 10),
    JSON_FIELD(struct task_check, timeout_seconds, JSON_KIND_DOUBLE, .default_number = 20),
    JSON_FIELD(struct task_check, grace_period_seconds, JSON_KIND_DOUBLE, .default_number = 10),
    JSON_FIELD(struct task_check, consecutive_failures, JSON_KIND_INT, .default_number = 3),
};
static const struct json_type health_json = {
    "health_check", sizeof(struct task_check), health_fields, ARRAY_SIZE(health_fields), NULL};

void task_check_release(struct task_check *check)
{
    json_type_release(&health_json, check);
}

/* --- validity --- */

static int validate_command(const struct task_check *check, const char *what, struct err *err)
{
    const struct command_info *command = check->command;
    if (!command)
        return err_set(err, -EINVAL, "%s: expected 'command' to be set for a COMMAND", what);
    if (!command->value)
        return err_set(err, -EINVAL, "%s: the command must contain %s", what,
            command->shell ? "'shell command'" : "'executable path'");
    for (size_t i = 0; i < command->environment_count; i++) {
        const struct environment_variable *variable = &command->environment[i];
        if (!variable->value && !str_equal(variable->type, "SECRET"))
            return err_set(err, -EINVAL,
                "%s: the environment variable '%s' must have a value set", what, variable->name);
    }
    return 0;
}

static int validate_http(const struct task_check *check, const char *what, struct err *err)
{
    const struct check_http *http = check->http;
    if (!http)
        return err_set(err, -EINVAL, "%s: expected 'http' to be set for an HTTP", what);
    if (http->scheme && !str_equal(http->scheme, "http") && !str_equal(http->scheme, "https"))
        return err_set(
            err, -EINVAL, "%s: unsupported HTTP scheme '%s'", what, http->scheme);
    if (http->path && http->path[0] != '/')
        return err_set(
            err, -EINVAL, "%s: the path '%s' must start with '/'", what, http->path);
    return 0;
}

static int validate_tcp(const struct task_check *check, const char *what, struct err *err)
{
    return check->tcp ? 0
                      : err_set(err, -EINVAL, "%s: expected 'tcp' to be set for a TCP", what);
}

static int validate_port(const struct task_check *check, const char *what, struct err *err)
{
    int64_t port = check->type == CHECK_HTTP  ? check->http->port.value
                   : check->type == CHECK_TCP ? check->tcp->port.value
                                              : 1;
    if (port < 1 || port > 65535)
        return err_set(
            err, -EINVAL, "%s: expected a port from 1 to 65535, got %ld", what, (long)port);
    return 0;
}

static int validate_times(const struct task_check *check, const char *what, struct err *err)
{
    const struct {
        const char *name;
        double value;
    } times[] = {
        {"delay_seconds", check->delay_seconds},
        {"interval_seconds", check->interval_seconds},
        {"timeout_seconds", check->timeout_seconds},
        {"grace_period_seconds", check->grace_period_seconds},
        {"consecutive_failures", (double)check->consecutive_failures},
    };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++)
        if (!(times[i].value >= 0))
            return err_set(
                err, -EINVAL, "%s: expected '%s' to be non-negative", what, times[i].name);
    return 0;
}

static int validate(const struct task_check *check, const char *what, struct err *err)
{
    static int (*const by_type[])(
        const struct task_check *check, const char *what, struct err *err) = {
        [CHECK_COMMAND] = validate_command,
        [CHECK_HTTP] = validate_http,
        [CHECK_TCP] = validate_tcp,
    };
    if (check->type == CHECK_UNKNOWN)
        return err_set(
            err, -EINVAL, "%s: expected a type of COMMAND, HTTP or TCP, got UNKNOWN", what);
    int r = by_type[check->type](check, what, err);
    if (r == 0)
        r = validate_port(check, what, err);
    return r < 0 ? r : validate_times(check, what, err);
}

/* --- reading --- */

static int parse_check(const json_t *json, struct task_check *check, struct err *err)
{
    struct check_info info = {0};
    int r = json_type_decode(&check_info_json, json, &info, "check", err);
    if (r < 0)
        return r;
    *check = (struct task_check){
        .type = info.type,
        .command = info.command ? TAKE_PTR(info.command->command) : NULL,
        .http = TAKE_PTR(info.http),
        .tcp = TAKE_PTR(info.tcp),
        .delay_seconds = info.delay_seconds,
        .interval_seconds = info.interval_seconds,
        .timeout_seconds = info.timeout_seconds,
    };
    json_type_release(&check_info_json, &info);
    return 0;
}

/* The master fills in what older frameworks leave out. */
static void complete_health_type(struct task_check *check)
{
    if (check->type == CHECK_UNKNOWN && check->command)
        check->type = CHECK_COMMAND;
    else if (check->type == CHECK_UNKNOWN && check->http)
        check->type = CHECK_HTTP;
}

int task_check_parse(const json_t *json, bool health, struct task_check *ret_check, struct err *err)
{
    struct task_check check = {0};
    int r = health ? json_type_decode(&health_json, json, &check, "health_check", err)
                   : parse_check(json, &check, err);
    if (r < 0)
        return r;
    if (health && !json_object_get(json, "type"))
        complete_health_type(&check);
    r = validate(&check, health ? "health_check" : "check", err);
    if (r < 0) {
        task_check_release(&check);
        return r;
    }
    *ret_check = check;
    return 0;
}

/* --- results --- */

bool task_check_is_healthy(const struct task_check *check, const struct check_result *result)
{
    if (!result->known)
        return false;
    if (check->type == CHECK_HTTP)
        return result->value >= 200 && result->value < 400;
    return check->type == CHECK_TCP ? result->value != 0 : result->value == 0;
}

json_t *task_check_status(const struct task_check *check, const struct check_result *result)
{
    static const struct {
        const char *object;
        const char *field;
    } names[] = {
        [CHECK_COMMAND] = {"command", "exit_code"},
        [CHECK_HTTP] = {"http", "status_code"},
        [CHECK_TCP] = {"tcp", "succeeded"},
    };
    json_t *inner = json_object();
    if (result->known)
        json_object_set_new(inner, names[check->type].field,
            check->type == CHECK_TCP ? json_boolean(result->value) : json_integer(result->value));
    json_t *status = json_object();
    json_object_set_new(status, "type", json_string(task_check_type_names[check->type]));
    json_object_set_new(status, names[check->type].object, inner);
    return status;
}
