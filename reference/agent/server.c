/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "reference/agent/executor_registry.h"
#include "reference/agent/line_peer.h"
#include "reference/agent/request.h"
#include "reference/base/list.h"

#define UPDATES_KEPT_MAX 1024 /* of those that nobody asks for */

struct agent_server {
    struct agent *agent;
    struct loop *loop;
    char *path;
    int fd;
    struct loop_watch *watch;
    struct list connections;
    struct list waiting; /* calls that wait for the recovery to end */
    struct list followers; /* calls that wait for status updates */
    json_t *updates;       /* those that nobody has yet */
    int64_t updates_gone;  /* how many there were before them */
    bool recovered;
    int result; /* of the recovery */
    struct err err;
};

struct connection {
    struct list node;
    struct agent_server *server;
    struct line_peer *peer; /* NULL once it is gone */
    unsigned calls;         /* pending */
};

/* One request that is being answered. */
struct call {
    struct list node; /* in waiting or followers, or alone */
    struct connection *connection;
    struct agent_request request;
};

static void connection_release(struct connection *connection)
{
    if (connection->peer || connection->calls > 0)
        return;
    list_remove(&connection->node);
    free(connection);
}

static void reply_send(struct connection *connection, json_t *reply)
{
    char *text = json_dumps(reply, JSON_COMPACT);

    if (connection->peer)
        line_peer_send(connection->peer, text, strlen(text));
    free(text);
    json_decref(reply);
}

static void call_free(struct call *call)
{
    struct connection *connection = call->connection;

    json_type_release(&agent_request_json, &call->request);
    free(call);
    connection->calls--;
    connection_release(connection);
}

static void call_fail(struct call *call, int code, const char *message)
{
    reply_send(call->connection,
        json_pack("{s:I,s:s,s:s}", "n", (json_int_t)call->request.n, "error", message, "code",
            err_name(code)));
    call_free(call);
}

static void call_answer(struct call *call, json_t *value)
{
    reply_send(call->connection,
        json_pack("{s:I,s:o}", "n", (json_int_t)call->request.n, "value", value));
    call_free(call);
}

static void call_done(void *arg, int result, const void *value, const struct err *err)
{
    struct call *call = arg;

    if (result < 0)
        call_fail(call, result, err ? err_text(err) : err_name(result));
    else
        call_answer(call, agent_value_encode((enum agent_call)call->request.call, value));
}

static json_t *containers_encode(struct containerizer *containerizer)
{
    _cleanup_strv_ char **ids = containerizer_containers(containerizer);
    json_t *array = json_array();

    for (size_t i = 0; ids && ids[i]; i++)
        json_array_append_new(array, json_string(ids[i]));
    return array;
}

static void state_answer(struct call *call, struct containerizer *containerizer)
{
    enum container_phase phase;
    int r = containerizer_phase(containerizer, call->request.id, &phase);

    if (r < 0)
        call_fail(call, r, "unknown container");
    else
        call_answer(call, json_string(container_phase_names[phase]));
}

/* --- status updates of command tasks --- */

static void updates_drop(struct agent_server *server, int64_t before)
{
    while (server->updates_gone < before && json_array_size(server->updates)) {
        json_array_remove(server->updates, 0);
        server->updates_gone++;
    }
}

/* Answers who has seen less than there is; others wait. */
static void updates_serve(struct agent_server *server)
{
    list_for_each_safe(node, following, &server->followers)
    {
        struct call *call = list_entry(node, struct call, node);

        updates_drop(server, call->request.after);
        if (!json_array_size(server->updates))
            continue;
        list_remove(node);
        call_answer(call, json_copy(server->updates));
    }
}

static void task_updated(void *arg, const char *id, const struct task_update *update)
{
    struct agent_server *server = arg;

    if (json_array_size(server->updates) == UPDATES_KEPT_MAX)
        updates_drop(server, server->updates_gone + 1);
    json_array_append_new(server->updates,
        json_pack("{s:s,s:o}", "id", id, "update", json_type_encode(&task_update_json, update)));
    updates_serve(server);
}

static void updates_follow(struct call *call)
{
    struct agent_server *server = call->connection->server;

    list_append(&server->followers, &call->node);
    updates_serve(server);
}

static void task_answer(struct call *call, int result, const struct err *err)
{
    if (result < 0)
        call_fail(call, result, err_text(err));
    else
        call_answer(call, json_null());
}

static void call_make(struct call *call)
{
    struct agent *agent = call->connection->server->agent;
    struct containerizer *containerizer = agent->containerizer;
    const struct agent_request *request = &call->request;
    const struct done done = DONE(call_done, call);
    _cleanup_err_ struct err err = ERR_INIT;

    switch ((enum agent_call)request->call) {
    case AGENT_CALL_LAUNCH:
        agent_launch(agent, request->id, request->config, done);
        break;
    case AGENT_CALL_LAUNCH_ONLY:
        containerizer_launch(containerizer, request->id, request->config, request->environment,
            request->environment_count, request->pid_path, done);
        break;
    case AGENT_CALL_ATTACH:
        containerizer_attach(containerizer, request->id, done);
        break;
    case AGENT_CALL_UPDATE:
        containerizer_update(
            containerizer, request->id, &request->resources, &request->limits, done);
        break;
    case AGENT_CALL_USAGE:
        containerizer_usage(containerizer, request->id, done);
        break;
    case AGENT_CALL_STATUS:
        containerizer_status(containerizer, request->id, done);
        break;
    case AGENT_CALL_WAIT:
        containerizer_wait(containerizer, request->id, done);
        break;
    case AGENT_CALL_DESTROY:
        containerizer_destroy(containerizer, request->id, done);
        break;
    case AGENT_CALL_KILL:
        containerizer_kill(containerizer, request->id, (int)request->signal, done);
        break;
    case AGENT_CALL_CONTAINERS:
        call_answer(call, containers_encode(containerizer));
        break;
    case AGENT_CALL_REMOVE:
        containerizer_remove(containerizer, request->id, done);
        break;
    case AGENT_CALL_PRUNE:
        agent_prune_images(agent, request->keep, done);
        break;
    case AGENT_CALL_STATE:
        state_answer(call, containerizer);
        break;
    case AGENT_CALL_METRICS:
        call_answer(call, containerizer_metrics(containerizer)
                ? json_deep_copy(containerizer_metrics(containerizer)) : json_object());
        break;
    case AGENT_CALL_KILL_TASK:
        task_answer(call, agent_kill_task(agent, request->id, request->grace, &err), &err);
        break;
    case AGENT_CALL_SHUTDOWN:
        task_answer(call, agent_shutdown_executor(agent, request->id, &err), &err);
        break;
    case AGENT_CALL_ACKNOWLEDGEMENTS:
        agent_hold_acknowledgements(agent, request->hold);
        call_answer(call, json_null());
        break;
    case AGENT_CALL_UPDATES:
    case AGENT_CALL_RECOVERED:
    case AGENT_CALL_COUNT:
        assert(!"answered before");
    }
}

static void recovered_answer(struct call *call)
{
    const struct agent_server *server = call->connection->server;

    if (server->result < 0)
        call_fail(call, server->result, err_text(&server->err));
    else
        call_answer(call, json_null());
}

/* Before the recovery has ended nothing is known of the containers (AP-16). */
static void call_begin(struct call *call)
{
    struct agent_server *server = call->connection->server;

    if (call->request.call == AGENT_CALL_RECOVERED) {
        if (server->recovered)
            recovered_answer(call);
        else
            list_append(&server->waiting, &call->node);
    } else if (call->request.call == AGENT_CALL_UPDATES) {
        updates_follow(call);
    } else if (!server->recovered || server->result < 0) {
        call_fail(call, -EAGAIN, "the agent has not recovered yet");
    } else {
        call_make(call);
    }
}

static void connection_line(void *arg, const char *line, size_t length)
{
    struct connection *connection = arg;
    struct call *call = mem_alloc(sizeof(*call));
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    call->connection = connection;
    connection->calls++;
    json_type_init(&agent_request_json, &call->request);
    r = json_type_decode_text(&agent_request_json, line, length, &call->request, "request", &err);
    if (r == 0)
        r = agent_request_check(&call->request, &err);
    if (r < 0)
        call_fail(call, r, err_text(&err));
    else
        call_begin(call);
}

static void connection_closed(void *arg)
{
    struct connection *connection = arg;
    struct agent_server *server = connection->server;

    line_peer_free(connection->peer);
    connection->peer = NULL;
    connection->calls++; /* keeps it, whatever call is its last */
    list_for_each_safe(node, following, &server->followers)
    {
        struct call *call = list_entry(node, struct call, node);

        if (call->connection != connection)
            continue;
        list_remove(node);
        call_free(call);
    }
    connection->calls--;
    connection_release(connection);
}

static const struct line_peer_calls connection_calls = {connection_line, connection_closed};

static void server_accept(void *arg, unsigned events)
{
    struct agent_server *server = arg;
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *connection;

    (void)events;
    if (fd < 0)
        return; /* the peer went away again, or there are too many: it may try again */
    connection = mem_alloc(sizeof(*connection));
    connection->server = server;
    list_append(&server->connections, &connection->node);
    connection->peer = line_peer_new(server->loop, fd, &connection_calls, connection);
}

/* Is somebody listening there? */
static bool is_alive(const struct sockaddr_un *address)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static int socket_listen(const char *path, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -1;

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "socket %s: the path has more than %zu characters", path,
            sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (is_alive(&address))
        return err_set(err, -EADDRINUSE, "socket %s: another agent answers there", path);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0600) < 0 || listen(fd, SOMAXCONN) < 0)
        return err_errno(err, -errno, "socket %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int agent_server_new(struct agent *agent, struct loop *loop, const char *path,
    struct agent_server **ret_server, struct err *err)
{
    struct agent_server *server;
    int fd = -1;
    int r = socket_listen(path, &fd, err);

    if (r < 0)
        return r;
    server = mem_alloc(sizeof(*server));
    server->agent = agent;
    server->loop = loop;
    server->path = str_dup(path);
    server->fd = fd;
    list_init(&server->connections);
    list_init(&server->waiting);
    list_init(&server->followers);
    server->updates = json_array();
    agent->watcher = (struct task_watcher){task_updated, server};
    server->watch = loop_fd_start(loop, fd, LOOP_READABLE, server_accept, server);
    *ret_server = server;
    return 0;
}

void agent_server_recovered(struct agent_server *server, int result, const struct err *err)
{
    server->recovered = true;
    server->result = result;
    if (result < 0)
        err_copy(&server->err, err);
    list_for_each_safe(node, following, &server->waiting)
    {
        list_remove(node);
        recovered_answer(list_entry(node, struct call, node));
    }
}

void agent_server_free(struct agent_server *server)
{
    if (!server)
        return;
    list_for_each_safe(node, following, &server->waiting)
    {
        list_remove(node);
        call_free(list_entry(node, struct call, node));
    }
    list_for_each_safe(connection_node, next, &server->connections)
    {
        connection_closed(list_entry(connection_node, struct connection, node));
    }
    json_decref(server->updates);
    loop_fd_stop(server->loop, server->watch);
    close(server->fd);
    unlink(server->path);
    err_clear(&server->err);
    free(server->path);
    free(server);
}
