/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step `attach`: a client of a container's I/O switchboard, as the agent's API would be one. It
 * sends what it is told to the input, and keeps what comes of the output until that ends, or until
 * it has seen what it waits for.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/io_switchboard/process_io.h"
#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/run/operation.h"

struct session {
    struct list node; /* in run->sessions */
    struct run *run;
    struct done done;
    const struct node *args; /* the scenario's */
    struct host_channel *output; /* NULL: not attached, or ended */
    struct host_channel *input;
    struct strbuf texts[2]; /* of stdout and stderr */
    unsigned heartbeats;
    json_t *answer; /* to the input; NULL: none yet */
    bool settled;
};

static bool wants_output(const struct session *session)
{
    return node_bool(session->args, "output", true);
}

static bool wants_answer(const struct session *session)
{
    return node_bool(session->args, "end", true);
}

static bool has_input(const struct session *session)
{
    return node_get(session->args, "input") || node_get(session->args, "raw") ||
           node_get(session->args, "window");
}

static void channels_close(struct session *session)
{
    host_channel_close(session->output);
    host_channel_close(session->input);
    session->output = NULL;
    session->input = NULL;
}

void attach_sessions_free(struct run *run)
{
    while (run->sessions.next && !list_empty(&run->sessions)) {
        struct session *session = list_entry(run->sessions.next, struct session, node);
        list_remove(&session->node);
        channels_close(session);
        strbuf_release(&session->texts[0]);
        strbuf_release(&session->texts[1]);
        json_decref(session->answer);
        free(session);
    }
}

static json_t *text_json(const struct strbuf *text)
{
    return text->length ? json_stringn(text->text, text->length) : json_string("");
}

/* The session stays until the run ends it: it may be on the stack. */
static void session_settle(struct session *session, int result, const struct err *err)
{
    if (session->settled)
        return;
    session->settled = true;
    channels_close(session);
    if (result < 0) {
        done_fail(session->done, result, err);
        return;
    }
    json_t *value = json_pack("{s:o?,s:o?,s:i}", "stdout", text_json(&session->texts[0]), "stderr",
        text_json(&session->texts[1]), "heartbeats", (int)session->heartbeats);
    json_object_update(value, session->answer);
    done_ok(session->done, value);
    json_decref(value);
}

/* All that was asked for has come. */
static void session_look(struct session *session)
{
    const char *until = node_text(session->args, "until");
    const char *seen = session->texts[0].length ? session->texts[0].text : "";
    bool output = !wants_output(session) || !session->output ||
                  (until && match_text(until, seen));
    bool input = !has_input(session) || !wants_answer(session) || session->answer;
    if (output && input)
        session_settle(session, 0, NULL);
}

static void output_line(void *arg, const char *line)
{
    struct session *session = arg;
    struct process_io record = {0};
    json_t *json = json_loads(line, 0, NULL);
    if (session->settled || json_object_get(json, "status")) {
        host_channel_close(session->output);
        session->output = NULL;
    } else if (process_io_decode(json, &record, NULL) == 0) {
        if (record.type == PROCESS_IO_HEARTBEAT)
            session->heartbeats++;
        else if (record.bytes)
            strbuf_add_bytes(&session->texts[record.type == PROCESS_IO_STDERR], record.bytes,
                record.length);
        process_io_release(&record);
    }
    json_decref(json);
    session_look(session);
}

static void output_closed(void *arg, int result)
{
    struct session *session = arg;
    (void)result;
    session->output = NULL;
    session_look(session);
}

static const struct host_channel_events output_events = {
    .line = output_line, .closed = output_closed};

static void input_line(void *arg, const char *line)
{
    struct session *session = arg;
    session->answer = json_loads(line, 0, NULL);
    host_channel_close(session->input);
    session->input = NULL;
    session_look(session);
}

static void input_closed(void *arg, int result)
{
    struct session *session = arg;
    (void)result;
    session->input = NULL;
    if (!session->answer)
        session->answer = json_pack("{s:s}", "error", "closed without an answer");
    session_look(session);
}

static const struct host_channel_events input_events = {.line = input_line, .closed = input_closed};

static int record_send(struct session *session, const struct process_io *record, struct err *err)
{
    _cleanup_free_ char *line = process_io_encode(record);
    return host_channel_send(session->input, line, err);
}

static int window_send(struct session *session, struct err *err)
{
    const struct node *window = node_get(session->args, "window");
    const struct process_io record = {.type = PROCESS_IO_WINDOW,
        .rows = (int64_t)node_number(window, "rows", 24),
        .columns = (int64_t)node_number(window, "columns", 80)};
    return window ? record_send(session, &record, err) : 0;
}

static int input_send(struct session *session, struct err *err)
{
    size_t count;
    struct node *const *texts = node_list(session->args, "input", &count);
    int result = host_channel_send(session->input, "{\"attach\":\"input\"}", err);
    if (result == 0)
        result = window_send(session, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct process_io record = {.type = PROCESS_IO_STDIN, .bytes = texts[i]->text};
        record.length = strlen(record.bytes);
        result = record_send(session, &record, err);
    }
    texts = node_list(session->args, "raw", &count);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = host_channel_send(session->input, texts[i]->text, err);
    if (result == 0 && wants_answer(session))
        result = host_channel_send(session->input, "{\"end\":true}", err);
    return result;
}

static int session_connect(struct session *session, const char *path, struct err *err)
{
    struct host *host = session->run->world->observer;
    int result = 0;
    if (wants_output(session)) {
        result = host_connect(host, path, &session->output, err);
        if (result < 0)
            return result;
        host_channel_start(session->output, &output_events, session);
        result = host_channel_send(session->output, "{\"attach\":\"output\"}", err);
    }
    if (result == 0 && has_input(session)) {
        result = host_connect(host, path, &session->input, err);
        if (result < 0)
            return result;
        host_channel_start(session->input, &input_events, session);
        result = input_send(session, err);
    }
    return result;
}

static void attached(void *arg, int result, const void *value, const struct err *from)
{
    struct session *session = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    if (result == 0) {
        result = session_connect(session, value, &err);
        from = &err;
    }
    if (result < 0)
        session_settle(session, result, from);
    else if (!wants_output(session) && !has_input(session))
        session_settle(session, 0, NULL);
    else
        session_look(session);
}

int attach_start(
    struct run *run, struct operation *operation, const struct node *args, struct err *err)
{
    struct session *session = mem_alloc(sizeof(*session));
    (void)err;
    session->run = run;
    session->args = args;
    session->done = operation_done(operation);
    list_append(&run->sessions, &session->node);
    containerizer_attach(
        run->instance.agent->containerizer, operation->id, DONE(attached, session));
    return 0;
}
