/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/io_switchboard/server.h"

#include <errno.h>
#include <string.h>

#include "reference/base/list.h"
#include "reference/base/mem.h"
#include "reference/io_switchboard/process_io.h"

#define STATUS_OK 200
#define STATUS_BAD_REQUEST 400
#define STATUS_CONFLICT 409
#define STATUS_ERROR 500

/* So long who is attached gets to take its answer, when the output has ended. */
#define FAREWELL_NS NS_PER_SEC

enum connection_mode { MODE_UNKNOWN, MODE_OUTPUT, MODE_INPUT };

struct io_connection {
    struct list node;
    struct io_server *server;
    struct host_channel *channel;
    enum connection_mode mode;
    bool answered; /* it says nothing more that counts */
};

struct io_server {
    struct host *host;
    struct io_options options;
    struct io_ports *ports;
    struct host_listener *listener;
    struct list connections;
    struct io_connection *input; /* the one that may write */
    struct host_request *heartbeat;
    struct host_request *farewell;
    bool started; /* reads the output */
    bool ended;   /* of the output */
    io_server_exit_fn exit;
    void *arg;
};

/* --- the end --- */

static void exit_when_alone(struct io_server *server)
{
    io_server_exit_fn exit = server->exit;

    if (!server->ended || !list_empty(&server->connections) || !exit)
        return;
    server->exit = NULL;
    exit(server->arg, 0);
}

static void farewell_due(void *arg, int result)
{
    struct io_server *server = arg;
    io_server_exit_fn exit = server->exit;

    server->farewell = NULL;
    if (result < 0 || !exit)
        return;
    server->exit = NULL;
    exit(server->arg, 0);
}

static void connection_free(struct io_connection *connection)
{
    struct io_server *server = connection->server;

    if (server->input == connection)
        server->input = NULL;
    list_remove(&connection->node);
    free(connection);
}

/* --- answers --- */

static void line_send(struct io_connection *connection, const char *line)
{
    if (connection->channel)
        host_channel_send(connection->channel, line, NULL); /* who is gone is told by its end */
}

static void answer(struct io_connection *connection, int status, const char *error)
{
    json_t *json = json_pack("{s:i}", "status", status);
    char *text;

    if (error)
        json_object_set_new(json, "error", json_string(error));
    text = json_dumps(json, JSON_COMPACT);
    connection->answered = true;
    if (connection->server->input == connection)
        connection->server->input = NULL;
    line_send(connection, text);
    free(text);
    json_decref(json);
}

/* --- output --- */

static void output_send(struct io_server *server, const struct process_io *record)
{
    char *line = process_io_encode(record);

    list_for_each_safe(node, following, &server->connections) {
        struct io_connection *connection = list_entry(node, struct io_connection, node);

        if (connection->mode == MODE_OUTPUT && !connection->answered)
            line_send(connection, line);
    }
    free(line);
}

static void output_received(void *arg, int stream, const char *bytes, size_t length)
{
    struct process_io record = {
        .type = stream == 2 ? PROCESS_IO_STDERR : PROCESS_IO_STDOUT, .length = length};

    record.bytes = (char *)(uintptr_t)bytes;
    output_send(arg, &record);
}

static void output_ended(void *arg)
{
    struct io_server *server = arg;

    server->ended = true;
    list_for_each_safe(node, following, &server->connections) {
        struct io_connection *connection = list_entry(node, struct io_connection, node);

        if (!connection->answered)
            answer(connection, STATUS_OK, NULL);
    }
    server->farewell = host_timer(server->host, FAREWELL_NS, farewell_due, server);
    exit_when_alone(server);
}

static const struct io_ports_events port_events = {output_received, output_ended};

static void start(struct io_server *server)
{
    if (!server->started)
        server->ports->ops->start(server->ports);
    server->started = true;
}

static void heartbeat_due(void *arg, int result)
{
    struct io_server *server = arg;
    const struct process_io record = {
        .type = PROCESS_IO_HEARTBEAT, .heartbeat_ns = server->options.heartbeat_ns};

    server->heartbeat = NULL;
    if (result < 0)
        return;
    output_send(server, &record);
    server->heartbeat =
        host_timer(server->host, server->options.heartbeat_ns, heartbeat_due, server);
}

/* --- input --- */

static void stdin_take(struct io_connection *connection, const struct process_io *record)
{
    struct io_server *server = connection->server;
    int r;

    /* With a terminal even nothing is written as it is: its end is a character (agent-api.md). */
    if (record->length == 0 && !server->options.tty) {
        server->ports->ops->close_input(server->ports);
        return;
    }
    r = server->ports->ops->write(server->ports, record->bytes, record->length);
    if (r < 0)
        answer(connection, STATUS_ERROR, err_name(r));
}

static void input_take(struct io_connection *connection, const json_t *json)
{
    const struct io_server *server = connection->server;
    _cleanup_err_ struct err err = ERR_INIT;
    struct process_io record = {0};
    int r = 0;

    if (json_is_true(json_object_get(json, "end"))) {
        answer(connection, STATUS_OK, NULL);
        return;
    }
    if (process_io_decode(json, &record, &err) < 0) {
        answer(connection, STATUS_BAD_REQUEST, err_text(&err));
        return;
    }
    if (record.type == PROCESS_IO_STDIN)
        stdin_take(connection, &record);
    else if (record.type == PROCESS_IO_WINDOW)
        r = server->ports->ops->resize(
            server->ports, (unsigned)record.rows, (unsigned)record.columns);
    else if (record.type != PROCESS_IO_HEARTBEAT)
        answer(connection, STATUS_BAD_REQUEST, "data.type: expected STDIN");
    if (r < 0)
        answer(connection, STATUS_BAD_REQUEST, "the window size can't be set: no terminal");
    process_io_release(&record);
}

/* --- connections --- */

static void attach(struct io_connection *connection, const json_t *json)
{
    struct io_server *server = connection->server;
    const char *what = json_string_value(json_object_get(json, "attach"));

    if (str_equal(what, "output")) {
        connection->mode = MODE_OUTPUT;
        if (server->ended)
            answer(connection, STATUS_OK, NULL);
        else
            start(server);
    } else if (!str_equal(what, "input")) {
        answer(connection, STATUS_BAD_REQUEST, "attach: expected output or input");
    } else if (server->input) {
        answer(connection, STATUS_CONFLICT, "another client is attached to the input");
    } else {
        connection->mode = MODE_INPUT;
        server->input = connection;
    }
}

static void connection_line(void *arg, const char *line)
{
    struct io_connection *connection = arg;
    json_t *json;

    if (connection->answered)
        return;
    json = json_loads(line, 0, NULL);
    if (!json_is_object(json))
        answer(connection, STATUS_BAD_REQUEST, "expected a JSON object in each line");
    else if (connection->mode == MODE_UNKNOWN)
        attach(connection, json);
    else if (connection->mode == MODE_INPUT)
        input_take(connection, json);
    json_decref(json);
}

static void connection_closed(void *arg, int result)
{
    struct io_connection *connection = arg;
    struct io_server *server = connection->server;

    (void)result;
    connection_free(connection);
    exit_when_alone(server);
}

static const struct host_channel_events connection_events = {
    .line = connection_line, .closed = connection_closed};

static void accepted(void *arg, struct host_channel *channel)
{
    struct io_server *server = arg;
    struct io_connection *connection;

    if (!channel) {
        server->listener = NULL;
        return;
    }
    connection = mem_alloc(sizeof(*connection));
    connection->server = server;
    connection->channel = channel;
    list_append(&server->connections, &connection->node);
    host_channel_start(channel, &connection_events, connection);
}

/* --- birth and end --- */

int io_server_new(struct host *host, struct io_options *options, struct io_ports *ports,
    io_server_exit_fn fn, void *arg, struct io_server **ret_server, struct err *err)
{
    struct io_server *server = mem_alloc(sizeof(*server));
    int r;

    server->host = host;
    server->options = *options;
    *options = (struct io_options){0};
    server->ports = ports;
    server->exit = fn;
    server->arg = arg;
    list_init(&server->connections);
    r = ports->ops->open(ports, &server->options, &port_events, server, err);
    /* The socket comes last: whoever sees it finds the rest. */
    if (r == 0)
        r = host_listen(
            host, server->options.socket, 0600, accepted, server, &server->listener, err);
    if (r < 0) {
        io_server_free(server);
        return r;
    }
    if (!server->options.wait_for_connection)
        start(server);
    server->heartbeat = host_timer(host, server->options.heartbeat_ns, heartbeat_due, server);
    *ret_server = server;
    return 0;
}

void io_server_free(struct io_server *server)
{
    if (!server)
        return;
    list_for_each_safe(node, following, &server->connections) {
        struct io_connection *connection = list_entry(node, struct io_connection, node);

        host_channel_close(connection->channel);
        connection_free(connection);
    }
    host_listener_close(server->listener);
    host_cancel(server->heartbeat);
    host_cancel(server->farewell);
    server->ports->ops->free(server->ports);
    io_options_release(&server->options);
    free(server);
}
