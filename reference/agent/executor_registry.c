/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/executor_registry.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"

#define SOCKET_MODE 0666 /* executors run as the users of their tasks */

struct executor_registry {
    struct agent *agent;
    struct host_listener *listener; /* NULL: does not listen */
    struct strmap *entries;         /* container id -> struct entry * */
    struct list strangers;          /* struct connection: did not say who they are */
    bool holds_acknowledgements;
};

/* An executor, and its task. */
struct entry {
    struct executor_registry *registry;
    char *id;
    char *framework;
    char *executor;
    struct task_info task; /* empty when it was recovered */
    bool queued;           /* not delivered */
    bool terminal;         /* its last update came */
    struct connection *connection; /* NULL: not registered, or lost */
    struct host_request *registration; /* timer */
    struct host_request *shutdown;     /* timer */
    uint64_t shutdown_grace_ns;
    const char *reason; /* why we destroy it; NULL: we do not */
    const char *message;
    char **seen;           /* uuids of updates */
    char **unacknowledged; /* those that are held */
};

struct connection {
    struct list node; /* in strangers, or alone */
    struct executor_registry *registry;
    struct host_channel *channel;
    struct entry *entry; /* NULL: a stranger */
};

char *executor_socket_path(const struct flags *flags)
{
    const char *given = flags_other(flags, "domain_socket_location");
    return given ? str_dup(given) : str_printf("%s/executors.sock", flags->runtime_dir);
}

static struct host *host_of(const struct executor_registry *registry)
{
    return registry->agent->host;
}

static const char *task_id_of(const struct entry *entry)
{
    return entry->task.task_id ? entry->task.task_id : entry->executor;
}

static struct entry *entry_find(
    const struct executor_registry *registry, const char *framework, const char *executor)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    struct entry *found = NULL;
    while (strmap_next(registry->entries, &cursor, &id, &value)) {
        struct entry *entry = value;
        if (str_equal(entry->framework, framework) && str_equal(entry->executor, executor))
            found = entry; /* the latest run */
    }
    return found;
}

static void connection_free(struct connection *connection)
{
    if (!connection)
        return;
    if (connection->entry)
        connection->entry->connection = NULL;
    list_remove(&connection->node);
    host_channel_close(connection->channel);
    free(connection);
}

static void entry_free(struct entry *entry)
{
    strmap_remove(entry->registry->entries, entry->id);
    connection_free(entry->connection);
    host_cancel(entry->registration);
    host_cancel(entry->shutdown);
    json_type_release(&task_info_json, &entry->task);
    strv_free(entry->seen);
    strv_free(entry->unacknowledged);
    free(entry->id);
    free(entry->framework);
    free(entry->executor);
    free(entry);
}

/* --- updates --- */

void task_update_trace(struct trace *trace, const char *id, const struct task_update *update)
{
    const char *healthy = update->healthy.set ? update->healthy.value ? "true" : "false" : NULL;
    _cleanup_free_ char *check =
        update->check_status ? json_dumps(update->check_status, JSON_COMPACT | JSON_SORT_KEYS)
                             : NULL;
    trace_event(trace, "agent", "task.update", 0,
        "id=%s task=%s state=%s reason=%s message=%s healthy=%s check=%s source=%s", id,
        update->task_id, update->state, update->reason, update->message, healthy, check,
        update->source);
}

static void tell_update(const struct entry *entry, const struct task_update *update)
{
    const struct task_watcher *watcher = &entry->registry->agent->watcher;
    task_update_trace(host_of(entry->registry)->trace, entry->id, update);
    if (watcher->updated)
        watcher->updated(watcher->arg, entry->id, update);
}

/* An update of the agent's own. */
static void agent_update(
    struct entry *entry, const char *state, const char *reason, const char *message)
{
    const struct task_update update = {
        .task_id = (char *)(uintptr_t)task_id_of(entry),
        .state = (char *)(uintptr_t)state,
        .source = (char *)(uintptr_t)"SOURCE_AGENT",
        .reason = (char *)(uintptr_t)reason,
        .message = (char *)(uintptr_t)message,
    };
    entry->terminal = true;
    tell_update(entry, &update);
}

static void send(struct entry *entry, const struct executor_command *command)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = json_type_encode_text(&executor_command_json, command);
    if (!entry->connection)
        return;
    if (host_channel_send(entry->connection->channel, text, &err) < 0)
        log_warning("executor of %s: %s", entry->id, err_text(&err));
}

static void acknowledge(struct entry *entry, const char *uuid)
{
    if (entry->registry->holds_acknowledgements)
        strv_add(&entry->unacknowledged, uuid);
    else
        send(entry, &(struct executor_command){
                        .command = EXECUTOR_ACK, .uuid = (char *)(uintptr_t)uuid});
}

static void take_update(struct entry *entry, const struct task_update *update)
{
    if (!strv_contains(entry->seen, update->uuid)) {
        strv_add(&entry->seen, update->uuid);
        if (str_equal(update->task_id, task_id_of(entry)) &&
            task_state_is_terminal(update->state))
            entry->terminal = true;
        tell_update(entry, update);
    }
    acknowledge(entry, update->uuid);
}

void agent_hold_acknowledgements(struct agent *agent, bool hold)
{
    if (agent->ops) {
        agent->ops->hold_acknowledgements(agent, hold);
        return;
    }
    struct executor_registry *registry = agent->executors;
    size_t cursor = 0;
    const char *id;
    void *value;
    registry->holds_acknowledgements = hold;
    while (!hold && strmap_next(registry->entries, &cursor, &id, &value)) {
        struct entry *entry = value;
        _cleanup_strv_ char **held = TAKE_PTR(entry->unacknowledged);
        for (size_t i = 0; held && held[i]; i++)
            acknowledge(entry, held[i]);
    }
}

/* --- ends that the agent brings about --- */

static void destroyed(void *arg, int result, const void *value, const struct err *err)
{
    (void)arg, (void)value;
    if (result < 0 && result != -ESHUTDOWN)
        log_warning("destroy of an executor: %s", err_text(err));
}

static void destroy(struct entry *entry, const char *reason, const char *message)
{
    entry->reason = reason;
    entry->message = message;
    containerizer_destroy(
        entry->registry->agent->containerizer, entry->id, DONE(destroyed, NULL));
}

static void registration_due(void *arg, int result)
{
    struct entry *entry = arg;
    entry->registration = NULL;
    if (result == 0)
        destroy(entry, "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
            "Executor did not register within --executor_registration_timeout");
}

static void reregistration_due(void *arg, int result)
{
    struct entry *entry = arg;
    entry->registration = NULL;
    if (result == 0)
        destroy(entry, "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
            "Executor did not reregister within --executor_reregistration_timeout");
}

static void shutdown_due(void *arg, int result)
{
    struct entry *entry = arg;
    entry->shutdown = NULL;
    if (result == 0)
        destroy(entry, NULL, NULL);
}

static uint64_t flag_duration(const struct executor_registry *registry, const char *name)
{
    uint64_t ns = 0;
    int r = duration_parse(flags_other(&registry->agent->flags, name), &ns, NULL);
    assert(r == 0); /* flags are checked when they are set */
    return ns;
}

static struct entry *entry_get(
    struct agent *agent, const char *id, const char *what, struct err *err)
{
    struct entry *entry = strmap_get(agent->executors->entries, id);
    if (!entry)
        err_set(err, -ENOENT, "%s %s: it is no command task", what, id);
    return entry;
}

static void shut_down(struct entry *entry)
{
    send(entry, &(struct executor_command){.command = EXECUTOR_SHUTDOWN});
    if (!entry->shutdown)
        entry->shutdown = host_timer(
            host_of(entry->registry), entry->shutdown_grace_ns, shutdown_due, entry);
}

int agent_shutdown_executor(struct agent *agent, const char *id, struct err *err)
{
    if (agent->ops)
        return agent->ops->shutdown_executor(agent, id, err);
    struct entry *entry = entry_get(agent, id, "shut down", err);
    if (!entry)
        return -ENOENT;
    trace_event(agent->host->trace, "agent", "executor.shutdown", 0, "id=%s", id);
    shut_down(entry);
    return 0;
}

int agent_kill_task(struct agent *agent, const char *id, struct opt_u64 grace_ns, struct err *err)
{
    if (agent->ops)
        return agent->ops->kill_task(agent, id, grace_ns, err);
    struct entry *entry = entry_get(agent, id, "kill task of", err);
    if (!entry)
        return -ENOENT;
    trace_event(agent->host->trace, "agent", "task.kill", 0, "id=%s task=%s", id,
        task_id_of(entry));
    if (entry->terminal)
        return 0;
    if (entry->queued) {
        entry->queued = false;
        agent_update(entry, "TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH",
            "Killed before delivery to the executor");
        if (entry->connection)
            shut_down(entry);
        return 0;
    }
    send(entry, &(struct executor_command){.command = EXECUTOR_KILL,
                    .task_id = (char *)(uintptr_t)task_id_of(entry),
                    .grace = grace_ns});
    return 0;
}

/* --- what executors say --- */

static void subscribed(struct entry *entry, const struct executor_event *event)
{
    host_cancel(entry->registration);
    entry->registration = NULL;
    trace_event(host_of(entry->registry)->trace, "agent", "executor.registered", 0,
        "id=%s updates=%zu", entry->id, event->updates_count);
    send(entry, &(struct executor_command){.command = EXECUTOR_SUBSCRIBED,
                    .capabilities = entry->registry->agent->capabilities});
    for (size_t i = 0; i < event->updates_count; i++)
        take_update(entry, &event->updates[i]);
    if (entry->queued) {
        entry->queued = false;
        send(entry,
            &(struct executor_command){.command = EXECUTOR_LAUNCH, .task = &entry->task});
    } else if (entry->terminal && event->updates_count == 0 && !event->tasks) {
        /* Its task was killed before it came: there is nothing for it to do. */
        shut_down(entry);
    }
}

static void take_subscribe(struct connection *connection, const struct executor_event *event)
{
    struct entry *entry = connection->entry;
    if (!entry) {
        entry = entry_find(connection->registry, event->framework_id, event->executor_id);
        if (!entry) {
            log_warning("an unknown executor %s wants to register", event->executor_id);
            connection_free(connection);
            return;
        }
        connection_free(entry->connection);
        list_remove(&connection->node);
        connection->entry = entry;
        entry->connection = connection;
    }
    subscribed(entry, event);
}

static void connection_line(void *arg, const char *line)
{
    struct connection *connection = arg;
    struct executor_event event = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = json_type_decode_text(
        &executor_event_json, line, strlen(line), &event, "event", &err);
    if (r < 0) {
        log_warning("an executor says what nobody understands: %s", err_text(&err));
        connection_free(connection);
        return;
    }
    if (event.event == EXECUTOR_SUBSCRIBE)
        take_subscribe(connection, &event);
    else if (connection->entry)
        take_update(connection->entry, event.update);
    json_type_release(&executor_event_json, &event);
}

static void connection_closed(void *arg, int result)
{
    struct connection *connection = arg;
    (void)result;
    connection->channel = NULL; /* the host frees it */
    connection_free(connection);
}

static void accepted(void *arg, struct host_channel *channel)
{
    static const struct host_channel_events events = {
        .line = connection_line, .closed = connection_closed};
    struct executor_registry *registry = arg;
    if (!channel) {
        registry->listener = NULL;
        return;
    }
    struct connection *connection = mem_alloc(sizeof(*connection));
    connection->registry = registry;
    connection->channel = channel;
    list_append(&registry->strangers, &connection->node);
    host_channel_start(channel, &events, connection);
}

/* --- the registry --- */

static int listen_for_executors(struct executor_registry *registry, struct err *err)
{
    const struct flags *flags = &registry->agent->flags;
    if (registry->listener)
        return 0;
    _cleanup_free_ char *path = executor_socket_path(flags);
    int r = host_mkdir(host_of(registry), flags->runtime_dir, 0755, true, err);
    return r < 0 ? r
                 : host_listen(host_of(registry), path, SOCKET_MODE, accepted, registry,
                       &registry->listener, err);
}

static struct entry *entry_new(
    struct executor_registry *registry, const struct executor_identity *identity)
{
    struct entry *entry = mem_alloc(sizeof(*entry));
    entry->registry = registry;
    entry->id = str_dup(identity->id);
    entry->framework = str_dup(identity->framework);
    entry->executor = str_dup(identity->executor);
    strmap_set(registry->entries, identity->id, entry);
    return entry;
}

int executor_registry_add(struct executor_registry *registry,
    const struct executor_identity *identity, const struct task_info *task,
    const struct command_info *command, uint64_t shutdown_grace_ns, struct err *err)
{
    int r = listen_for_executors(registry, err);
    if (r < 0)
        return r;
    struct entry *entry = entry_new(registry, identity);
    json_type_copy(&task_info_json, &entry->task, task);
    if (!entry->task.command) {
        entry->task.command = mem_alloc(sizeof(*command));
        json_type_copy(&command_info_json, entry->task.command, command);
    }
    entry->queued = true;
    entry->shutdown_grace_ns = shutdown_grace_ns;
    entry->registration = host_timer(host_of(registry),
        flag_duration(registry, "executor_registration_timeout"), registration_due, entry);
    return 0;
}

int executor_registry_recover(struct executor_registry *registry,
    const struct executor_identity *identity, struct err *err)
{
    int r = listen_for_executors(registry, err);
    if (r < 0)
        return r;
    struct entry *entry = entry_new(registry, identity);
    entry->shutdown_grace_ns = flag_duration(registry, "executor_shutdown_grace_period");
    entry->registration = host_timer(host_of(registry),
        flag_duration(registry, "executor_reregistration_timeout"), reregistration_due, entry);
    return 0;
}

bool executor_registry_cause(const struct executor_registry *registry, const char *id,
    const char **ret_reason, const char **ret_message)
{
    const struct entry *entry = strmap_get(registry->entries, id);
    if (!entry || !entry->reason)
        return false;
    *ret_reason = entry->reason;
    *ret_message = entry->message;
    return true;
}

void executor_registry_end(struct executor_registry *registry, const char *id, const char *state,
    const char *reason, const char *message)
{
    struct entry *entry = strmap_get(registry->entries, id);
    if (!entry)
        return;
    if (!entry->terminal)
        agent_update(entry, state, reason, message);
    entry_free(entry);
}

struct executor_registry *executor_registry_new(struct agent *agent)
{
    struct executor_registry *registry = mem_alloc(sizeof(*registry));
    registry->agent = agent;
    registry->entries = strmap_new();
    list_init(&registry->strangers);
    return registry;
}

void executor_registry_free(struct executor_registry *registry)
{
    if (!registry)
        return;
    size_t cursor = 0;
    const char *id;
    void *entry;
    while (strmap_next(registry->entries, &cursor, &id, &entry))
        entry_free(entry);
    while (!list_empty(&registry->strangers))
        connection_free(list_entry(registry->strangers.next, struct connection, node));
    strmap_free(registry->entries);
    host_listener_close(registry->listener);
    free(registry);
}
