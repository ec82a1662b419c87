/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/protocol.h"

#include <errno.h>

#include "reference/base/mem.h"

static const struct json_field task_update_fields[] = {
    JSON_FIELD(struct task_update, uuid, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct task_update, task_id, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct task_update, state, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct task_update, source, JSON_KIND_STRING),
    JSON_FIELD(struct task_update, reason, JSON_KIND_STRING),
    JSON_FIELD(struct task_update, message, JSON_KIND_STRING),
    JSON_FIELD(struct task_update, healthy, JSON_KIND_OPT_BOOL),
    JSON_FIELD(struct task_update, check_status, JSON_KIND_RAW),
    JSON_FIELD(struct task_update, data, JSON_KIND_STRING),
    JSON_FIELD(struct task_update, container_status, JSON_KIND_RAW),
    JSON_FIELD(struct task_update, timestamp, JSON_KIND_OPT_DOUBLE),
};
const struct json_type task_update_json = {"update", sizeof(struct task_update),
    task_update_fields, ARRAY_SIZE(task_update_fields), NULL};

bool task_state_is_terminal(const char *state)
{
    static const char *const terminal[] = {
        "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_GONE"};
    for (size_t i = 0; i < ARRAY_SIZE(terminal); i++)
        if (str_equal(terminal[i], state))
            return true;
    return false;
}

static int event_validate(const void *object, const char *path, struct err *err)
{
    const struct executor_event *event = object;
    if (event->event == EXECUTOR_UPDATE && !event->update)
        return err_set(err, -EINVAL, "%s.update: expected an update, got none", path);
    if (event->event == EXECUTOR_SUBSCRIBE && (!event->framework_id || !event->executor_id))
        return err_set(
            err, -EINVAL, "%s: expected framework_id and executor_id to subscribe", path);
    return 0;
}

static const char *const event_names[] = {"subscribe", "update", NULL};
static const struct json_field event_fields[] = {
    JSON_FIELD(struct executor_event, event, JSON_KIND_ENUM, .enum_names = event_names,
        .required = true),
    JSON_FIELD(struct executor_event, framework_id, JSON_KIND_STRING),
    JSON_FIELD(struct executor_event, executor_id, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct executor_event, updates, updates_count, &task_update_json),
    JSON_FIELD(struct executor_event, tasks, JSON_KIND_STRINGS),
    JSON_FIELD(
        struct executor_event, update, JSON_KIND_OBJECT_PTR, .type = &task_update_json),
};
const struct json_type executor_event_json = {"event", sizeof(struct executor_event),
    event_fields, ARRAY_SIZE(event_fields), event_validate};

static int command_validate(const void *object, const char *path, struct err *err)
{
    const struct executor_command *command = object;
    if (command->command == EXECUTOR_LAUNCH && (!command->task || !command->task->task_id))
        return err_set(err, -EINVAL, "%s.task: expected a task with a task_id", path);
    if (command->command == EXECUTOR_ACK && !command->uuid)
        return err_set(err, -EINVAL, "%s.uuid: expected that of an update, got none", path);
    return 0;
}

static const char *const command_names[] = {
    "subscribed", "launch", "kill", "shutdown", "ack", NULL};
static const struct json_field command_fields[] = {
    JSON_FIELD(struct executor_command, command, JSON_KIND_ENUM, .enum_names = command_names,
        .required = true),
    JSON_FIELD(struct executor_command, capabilities, JSON_KIND_STRINGS),
    JSON_FIELD(struct executor_command, task, JSON_KIND_OBJECT_PTR, .type = &task_info_json),
    JSON_FIELD(struct executor_command, task_id, JSON_KIND_STRING),
    JSON_FIELD(struct executor_command, grace, JSON_KIND_OPT_U64),
    JSON_FIELD(struct executor_command, uuid, JSON_KIND_STRING),
};
const struct json_type executor_command_json = {"command", sizeof(struct executor_command),
    command_fields, ARRAY_SIZE(command_fields), command_validate};

struct duration_info {
    struct opt_i64 nanoseconds;
};
struct kill_policy {
    struct duration_info *grace_period;
};
static const struct json_field duration_fields[] = {
    JSON_FIELD(struct duration_info, nanoseconds, JSON_KIND_OPT_I64, .required = true),
};
static const struct json_type duration_json = {
    "duration", sizeof(struct duration_info), duration_fields, ARRAY_SIZE(duration_fields), NULL};
static const struct json_field policy_fields[] = {
    JSON_FIELD(
        struct kill_policy, grace_period, JSON_KIND_OBJECT_PTR, .type = &duration_json),
};
static const struct json_type policy_json = {
    "kill_policy", sizeof(struct kill_policy), policy_fields, ARRAY_SIZE(policy_fields), NULL};

int task_kill_grace(const struct task_info *task, struct opt_u64 *ret_grace_ns, struct err *err)
{
    *ret_grace_ns = (struct opt_u64){0};
    if (!task->kill_policy)
        return 0;
    struct kill_policy policy = {0};
    int r = json_type_decode(&policy_json, task->kill_policy, &policy, "kill_policy", err);
    if (r == 0 && policy.grace_period) {
        int64_t grace = policy.grace_period->nanoseconds.value;
        if (grace < 0)
            r = err_set(err, -EINVAL,
                "kill_policy.grace_period: expected a duration that is not negative, got %ld ns",
                (long)grace);
        else
            *ret_grace_ns = (struct opt_u64){true, (uint64_t)grace};
    }
    json_type_release(&policy_json, &policy);
    return r;
}
