/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/request.h"

#include <errno.h>

#include "reference/base/mem.h"

const char *const agent_call_names[AGENT_CALL_COUNT + 1] = {
    [AGENT_CALL_LAUNCH] = "launch",
    [AGENT_CALL_LAUNCH_ONLY] = "launch_only",
    [AGENT_CALL_ATTACH] = "attach",
    [AGENT_CALL_UPDATE] = "update",
    [AGENT_CALL_USAGE] = "usage",
    [AGENT_CALL_STATUS] = "status",
    [AGENT_CALL_WAIT] = "wait",
    [AGENT_CALL_DESTROY] = "destroy",
    [AGENT_CALL_KILL] = "kill",
    [AGENT_CALL_CONTAINERS] = "containers",
    [AGENT_CALL_REMOVE] = "remove",
    [AGENT_CALL_PRUNE] = "prune",
    [AGENT_CALL_STATE] = "state",
    [AGENT_CALL_METRICS] = "metrics",
    [AGENT_CALL_KILL_TASK] = "kill_task",
    [AGENT_CALL_SHUTDOWN] = "shutdown",
    [AGENT_CALL_ACKNOWLEDGEMENTS] = "acknowledgements",
    [AGENT_CALL_UPDATES] = "updates",
    [AGENT_CALL_RECOVERED] = "recovered",
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct agent_request, n, JSON_KIND_INT, .required = true),
    JSON_FIELD(struct agent_request, call, JSON_KIND_ENUM, .enum_names = agent_call_names,
        .required = true),
    JSON_FIELD(struct agent_request, id, JSON_KIND_STRING),
    JSON_FIELD(struct agent_request, config, JSON_KIND_OBJECT_PTR, .type = &container_config_json),
    JSON_ARRAY_FIELD(
        struct agent_request, environment, environment_count, &environment_variable_json),
    JSON_FIELD(struct agent_request, pid_path, JSON_KIND_STRING),
    RESOURCES_JSON_FIELD(struct agent_request, resources),
    JSON_FIELD(struct agent_request, limits, JSON_KIND_OBJECT, .type = &resource_limits_json),
    JSON_FIELD(struct agent_request, signal, JSON_KIND_INT, .default_number = 9),
    JSON_FIELD(struct agent_request, keep, JSON_KIND_STRINGS),
    JSON_FIELD(struct agent_request, grace, JSON_KIND_OPT_U64),
    JSON_FIELD(struct agent_request, hold, JSON_KIND_BOOL),
    JSON_FIELD(struct agent_request, after, JSON_KIND_INT),
};
const struct json_type agent_request_json = {
    .name = "request",
    .size = sizeof(struct agent_request),
    .fields = request_fields,
    .field_count = ARRAY_SIZE(request_fields),
};

static bool needs_id(enum agent_call call)
{
    return call != AGENT_CALL_CONTAINERS && call != AGENT_CALL_PRUNE &&
        call != AGENT_CALL_METRICS && call != AGENT_CALL_ACKNOWLEDGEMENTS &&
        call != AGENT_CALL_UPDATES && call != AGENT_CALL_RECOVERED;
}

int agent_request_check(const struct agent_request *request, struct err *err)
{
    const enum agent_call call = (enum agent_call)request->call;

    if (needs_id(call) && !request->id)
        return err_set(err, -EINVAL, "request.id: required field is missing");
    if (request->id && container_id_validate(request->id, err) < 0)
        return err_wrap(err, -EINVAL, "request.id");
    if ((call == AGENT_CALL_LAUNCH || call == AGENT_CALL_LAUNCH_ONLY) && !request->config)
        return err_set(err, -EINVAL, "request.config: required field is missing");
    return 0;
}

json_t *agent_value_encode(enum agent_call call, const void *value)
{
    if (!value)
        return json_null();
    switch (call) {
    case AGENT_CALL_LAUNCH:
    case AGENT_CALL_LAUNCH_ONLY:
        return json_string(launch_result_names[*(const enum launch_result *)value]);
    case AGENT_CALL_USAGE:
        return json_type_encode(&statistics_json, value);
    case AGENT_CALL_STATUS:
        return json_type_encode(&container_status_json, value);
    case AGENT_CALL_WAIT:
    case AGENT_CALL_DESTROY:
        return json_type_encode(&termination_json, value);
    case AGENT_CALL_ATTACH:
        return json_string(value);
    case AGENT_CALL_KILL:
        return json_boolean(*(const bool *)value);
    default:
        return json_null();
    }
}
