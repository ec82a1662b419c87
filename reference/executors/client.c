/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"

#define SUBSCRIBE_INTERVAL_NS NS_PER_SEC /* executors.md 2.2 */

struct kept_update {
    struct list node;
    struct task_update update;
};

struct executor_client {
    struct host *host;
    char *socket;
    char *framework_id;
    char *executor_id;
    bool checkpoint;
    uint64_t recovery_timeout_ns;
    uint64_t backoff_max_ns;
    uint64_t shutdown_grace_ns;
    const struct executor_client_events *events;
    void *arg;

    struct host_channel *channel;    /* NULL: disconnected */
    struct host_request *attempt;    /* timer of the next attempt to connect or to subscribe */
    struct host_request *recovery;   /* timer since the agent was lost */
    struct host_request *expiry;     /* timer of the shutdown */
    bool subscribed;                 /* on this channel */
    bool was_subscribed;             /* ever */
    bool shut_down;
    char **capabilities;
    struct list updates;             /* struct kept_update, not acknowledged, in order */
    char *task_id;                   /* the task that was launched; NULL: none */
    bool task_acknowledged;          /* some update of it was */
};

static void attempt_due(void *arg, int result);

static void attempt_after(struct executor_client *client, uint64_t delay_ns)
{
    host_cancel(client->attempt);
    client->attempt = host_timer(client->host, delay_ns, attempt_due, client);
}

static void shutdown_expired(void *arg, int result)
{
    struct executor_client *client = arg;
    client->expiry = NULL;
    if (result == 0)
        client->events->expired(client->arg);
}

void executor_client_shutdown(struct executor_client *client)
{
    if (client->shut_down)
        return;
    client->shut_down = true;
    client->expiry =
        host_timer(client->host, client->shutdown_grace_ns, shutdown_expired, client);
    client->events->shutdown(client->arg);
}

static void recovery_due(void *arg, int result)
{
    struct executor_client *client = arg;
    client->recovery = NULL;
    if (result < 0)
        return;
    log_warning("the agent did not come back in time, shutting down");
    executor_client_shutdown(client);
}

/* --- what is sent --- */

static void send_event(struct executor_client *client, const struct executor_event *event)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = json_type_encode_text(&executor_event_json, event);
    if (host_channel_send(client->channel, text, &err) < 0)
        log_warning("%s", err_text(&err));
}

static void subscribe(struct executor_client *client)
{
    struct executor_event event = {
        .event = EXECUTOR_SUBSCRIBE,
        .framework_id = client->framework_id,
        .executor_id = client->executor_id,
    };
    list_for_each(node, &client->updates)
        event.updates_count++;
    event.updates = mem_alloc((event.updates_count + 1) * sizeof(*event.updates));
    size_t i = 0;
    list_for_each(node, &client->updates)
        event.updates[i++] = list_entry(node, struct kept_update, node)->update; /* borrowed */
    char *tasks[] = {client->task_id, NULL};
    if (client->task_id && !client->task_acknowledged)
        event.tasks = tasks;
    send_event(client, &event);
    free(event.updates);
}

void executor_client_update(struct executor_client *client, const struct task_update *update)
{
    struct kept_update *kept = mem_alloc(sizeof(*kept));
    json_type_copy(&task_update_json, &kept->update, update);
    _cleanup_free_ char *stream = str_printf("executor/%s", client->executor_id);
    free(kept->update.uuid);
    kept->update.uuid = host_uuid(client->host, stream);
    str_set(&kept->update.source, "SOURCE_EXECUTOR");
    kept->update.timestamp = (struct opt_double)OPT(host_wall_time(client->host));
    list_append(&client->updates, &kept->node);
    if (client->channel && client->subscribed)
        send_event(client,
            &(struct executor_event){.event = EXECUTOR_UPDATE, .update = &kept->update});
}

/* --- what comes --- */

static void take_subscribed(struct executor_client *client, struct executor_command *command)
{
    client->subscribed = client->was_subscribed = true;
    strv_free(client->capabilities);
    client->capabilities = TAKE_PTR(command->capabilities);
    host_cancel(client->attempt);
    client->attempt = NULL;
    host_cancel(client->recovery);
    client->recovery = NULL;
}

static void take_launch(struct executor_client *client, struct executor_command *command)
{
    if (!client->task_id)
        client->task_id = str_dup(command->task->task_id);
    client->events->launch(client->arg, command->task);
}

static void take_kill(struct executor_client *client, struct executor_command *command)
{
    client->events->kill(client->arg, command->task_id, command->grace);
}

static void take_shutdown(struct executor_client *client, struct executor_command *command)
{
    (void)command;
    executor_client_shutdown(client);
}

static void take_ack(struct executor_client *client, struct executor_command *command)
{
    list_for_each(node, &client->updates) {
        struct kept_update *kept = list_entry(node, struct kept_update, node);
        if (!str_equal(kept->update.uuid, command->uuid))
            continue;
        list_remove(&kept->node);
        if (str_equal(kept->update.task_id, client->task_id))
            client->task_acknowledged = true;
        struct task_update update = kept->update;
        free(kept);
        client->events->acknowledged(client->arg, &update);
        json_type_release(&task_update_json, &update);
        return;
    }
    log_warning("acknowledgement of an unknown update %s", command->uuid);
}

static void (*const takers[])(struct executor_client *client, struct executor_command *command) = {
    [EXECUTOR_SUBSCRIBED] = take_subscribed,
    [EXECUTOR_LAUNCH] = take_launch,
    [EXECUTOR_KILL] = take_kill,
    [EXECUTOR_SHUTDOWN] = take_shutdown,
    [EXECUTOR_ACK] = take_ack,
};

static void channel_line(void *arg, const char *line)
{
    struct executor_client *client = arg;
    struct executor_command command = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = json_type_decode_text(
        &executor_command_json, line, strlen(line), &command, "command", &err);
    if (r < 0) {
        log_warning("the agent says what nobody understands: %s", err_text(&err));
        return;
    }
    takers[command.command](client, &command);
    json_type_release(&executor_command_json, &command);
}

/* executors.md 2.9 */
static void channel_closed(void *arg, int result)
{
    struct executor_client *client = arg;
    client->channel = NULL;
    client->subscribed = false;
    if (result == -ESHUTDOWN)
        return;
    if (!client->was_subscribed || !client->checkpoint) {
        executor_client_shutdown(client);
        return;
    }
    if (!client->recovery && !client->shut_down)
        client->recovery =
            host_timer(client->host, client->recovery_timeout_ns, recovery_due, client);
    attempt_after(client, 0);
}

/* --- connecting --- */

static uint64_t backoff(struct executor_client *client)
{
    uint32_t chance = 0;
    _cleanup_free_ char *stream = str_printf("backoff/%s", client->executor_id);
    host_random(client->host, stream, &chance, sizeof(chance));
    return (uint64_t)((double)client->backoff_max_ns * ((double)chance / 4294967296.0));
}

static void connect_to_agent(struct executor_client *client)
{
    static const struct host_channel_events events = {
        .line = channel_line, .closed = channel_closed};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_connect(client->host, client->socket, &client->channel, &err);
    if (r < 0 && r != -ESHUTDOWN && !client->was_subscribed) {
        log_error("%s", err_text(&err));
        executor_client_shutdown(client);
    } else if (r < 0 && r != -ESHUTDOWN) {
        attempt_after(client, backoff(client));
    }
    if (r < 0)
        return;
    host_channel_start(client->channel, &events, client);
    subscribe(client);
    attempt_after(client, SUBSCRIBE_INTERVAL_NS);
}

static void attempt_due(void *arg, int result)
{
    struct executor_client *client = arg;
    client->attempt = NULL;
    if (result < 0)
        return;
    if (!client->channel) {
        connect_to_agent(client);
        return;
    }
    subscribe(client);
    attempt_after(client, SUBSCRIBE_INTERVAL_NS);
}

struct executor_client *executor_client_new(struct host *host,
    const struct executor_environment *environment, const struct executor_client_events *events,
    void *arg)
{
    struct executor_client *client = mem_alloc(sizeof(*client));
    client->host = host;
    client->socket = str_dup(environment->socket);
    client->framework_id = str_dup(environment->framework_id);
    client->executor_id = str_dup(environment->executor_id);
    client->checkpoint = environment->checkpoint;
    client->recovery_timeout_ns = environment->recovery_timeout_ns;
    client->backoff_max_ns = environment->backoff_max_ns;
    client->shutdown_grace_ns = environment->shutdown_grace_ns;
    client->events = events;
    client->arg = arg;
    list_init(&client->updates);
    attempt_after(client, 0);
    return client;
}

void executor_client_free(struct executor_client *client)
{
    if (!client)
        return;
    host_channel_close(client->channel);
    host_cancel(client->attempt);
    host_cancel(client->recovery);
    host_cancel(client->expiry);
    list_for_each_safe(node, following, &client->updates) {
        struct kept_update *kept = list_entry(node, struct kept_update, node);
        json_type_release(&task_update_json, &kept->update);
        free(kept);
    }
    strv_free(client->capabilities);
    free(client->task_id);
    free(client->socket);
    free(client->framework_id);
    free(client->executor_id);
    free(client);
}

bool executor_client_has_capability(const struct executor_client *client, const char *name)
{
    return strv_contains(client->capabilities, name);
}
