/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/reporter.h"

#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"

#define REASON_CHECK "REASON_TASK_CHECK_STATUS_UPDATED"
#define REASON_HEALTH "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"

void reporter_init(struct reporter *reporter, struct host *host, struct executor_client *client,
    const char *task_id)
{
    *reporter = (struct reporter){.host = host, .client = client, .task_id = str_dup(task_id)};
}

void reporter_release(struct reporter *reporter)
{
    reporter_stop_checks(reporter);
    json_type_release(&task_update_json, &reporter->last);
    json_decref(reporter->check_status);
    free(reporter->task_id);
    *reporter = (struct reporter){0};
}

/* --- statuses --- */

static void send(struct reporter *reporter, const struct task_update *update)
{
    struct task_update copy = {0};
    json_type_copy(&task_update_json, &copy, update);
    json_type_release(&task_update_json, &reporter->last);
    reporter->last = copy;
    executor_client_update(reporter->client, &reporter->last);
}

static void send_fresh(struct reporter *reporter, struct task_update *update)
{
    update->check_status = reporter->check_status;
    send(reporter, update);
}

/* The texts are only read. */
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

void reporter_state(struct reporter *reporter, const char *state, const char *reason,
    const char *message, int healthy)
{
    struct task_update update = {
        .task_id = reporter->task_id,
        .state = borrowed(state),
        .reason = borrowed(reason),
        .message = borrowed(message),
    };
    if (healthy >= 0)
        update.healthy = (struct opt_bool){true, healthy > 0};
    send_fresh(reporter, &update);
}

void reporter_refuse(struct reporter *reporter, const char *other_task_id, const char *message)
{
    struct task_update update = {
        .task_id = borrowed(other_task_id),
        .state = borrowed("TASK_FAILED"),
        .message = borrowed(message),
    };
    send_fresh(reporter, &update);
}

void reporter_running(struct reporter *reporter, const char *data, const json_t *container_status)
{
    struct task_update update = {
        .task_id = reporter->task_id,
        .state = borrowed("TASK_RUNNING"),
        .data = borrowed(data),
        .container_status = (json_t *)(uintptr_t)container_status,
    };
    send_fresh(reporter, &update);
}

/* --- the check: every change of its result is told --- */

static void checked(void *arg, const struct check_result *result)
{
    struct reporter *reporter = arg;
    json_t *status = task_check_status(checker_check(reporter->checker), result);
    if (json_equal(status, reporter->check_status)) {
        json_decref(status);
        return;
    }
    json_decref(reporter->check_status);
    reporter->check_status = status;
    struct task_update update = reporter->last; /* borrowed */
    update.check_status = status;
    update.reason = borrowed(REASON_CHECK);
    send(reporter, &update);
}

void reporter_announce_check(struct reporter *reporter, const struct task_info *task)
{
    struct task_check check = {0};
    if (!task->check || task_check_parse(task->check, false, &check, NULL) < 0)
        return;
    reporter->check_status = task_check_status(&check, &(struct check_result){0});
    task_check_release(&check);
}

/* --- the health check (executors.md 4.3) --- */

static void send_health(struct reporter *reporter, bool healthy)
{
    struct task_update update = reporter->last; /* borrowed */
    update.healthy = (struct opt_bool){true, healthy};
    update.reason = borrowed(REASON_HEALTH);
    send(reporter, &update);
}

static void health_failed(struct reporter *reporter, const struct task_check *check)
{
    if (!reporter->succeeded && check->grace_period_seconds > 0 &&
        host_now_ns(reporter->host) < reporter->grace_end_ns)
        return;
    reporter->failures++;
    bool enough = reporter->failures >= check->consecutive_failures;
    send_health(reporter, false);
    if (enough)
        reporter->unhealthy(reporter->arg);
}

static void health_checked(void *arg, const struct check_result *result)
{
    struct reporter *reporter = arg;
    const struct task_check *check = checker_check(reporter->health);
    if (!task_check_is_healthy(check, result)) {
        health_failed(reporter, check);
        return;
    }
    bool news = !reporter->succeeded || reporter->failures > 0;
    reporter->succeeded = true;
    reporter->failures = 0;
    if (news)
        send_health(reporter, true);
}

/* --- starting and stopping --- */

static struct checker *start(struct reporter *reporter, const json_t *json, bool health,
    const struct check_place *place)
{
    struct task_check check = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    if (!json)
        return NULL;
    if (task_check_parse(json, health, &check, &err) < 0) {
        log_warning("the task runs unchecked: %s", err_text(&err));
        return NULL;
    }
    if (health)
        reporter->grace_end_ns = host_now_ns(reporter->host) +
            (uint64_t)(check.grace_period_seconds * (double)NS_PER_SEC);
    return checker_new(
        reporter->host, &check, place, health ? health_checked : checked, reporter);
}

void reporter_start_checks(struct reporter *reporter, const struct task_info *task,
    const struct check_place *place, bool only_health)
{
    if (!only_health)
        reporter->checker = start(reporter, task->check, false, place);
    reporter->health = start(reporter, task->health_check, true, place);
}

void reporter_stop_checks(struct reporter *reporter)
{
    checker_free(TAKE_PTR(reporter->checker));
    checker_free(TAKE_PTR(reporter->health));
}
