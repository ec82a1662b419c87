/* SPDX-License-Identifier: Apache-2.0 */
/* The socket, its peers, and how a line becomes a command. */
#include "fakes/cgroupfs/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fakes/cgroupfs/control_internal.h"

#define LINE_MAX_BYTES (1u << 20)
#define SERVER_ENDS_MS 2000
#define ANSWERS_MAX_BYTES (64u << 20) /* unread: whoever does not read is let go */

struct control_peer {
    int fd;
    struct strbuf in;
    struct strbuf out;
    size_t sent;
    bool closing; /* no more commands; what was answered is still sent */
};

/* ---------------------------------------------------------------------- commands */

static const struct control_command *const tables[] = {
    control_process_commands, control_tree_commands, control_state_commands};

static const struct control_command *command_find(const char *op)
{
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (const struct control_command *at = tables[i]; at->op; at++)
            if (!strcmp(at->op, op))
                return at;
    return NULL;
}

static int unknown_command(const char *op, struct err *err)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (const struct control_command *at = tables[i]; at->op; at++)
            names[count++] = at->op;
    assert(count < ARRAY_SIZE(names));
    names[count] = NULL;
    const char *near = json_suggest(op, names);
    return err_set(err, -EINVAL, "op \"%s\": there is no such command%s%s%s", op,
        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static json_t *answer_error(json_t *reply, const struct err *err)
{
    json_object_set_new(reply, "ok", json_false());
    json_object_set_new(reply, "error", json_string(err_name(err->code)));
    json_t *message = json_string(err_text(err));
    json_object_set_new(reply, "message", message ? message : json_string("not a text"));
    return reply;
}

static int run_decoded(struct control *control, const struct control_command *command,
    const json_t *object, json_t *reply, struct err *err)
{
    const struct json_type type = {
        .name = command->op,
        .size = sizeof(struct control_args),
        .fields = command->fields,
        .field_count = command->field_count,
    };
    struct control_args args = {0};
    int result = json_type_decode(&type, object, &args, command->op, err);
    if (result)
        return result;
    result = command->run(control, &args, reply, err);
    json_type_release(&type, &args);
    return result;
}

json_t *control_run(struct control *control, const json_t *object)
{
    _cleanup_err_ struct err err = ERR_INIT;
    json_t *reply = json_object();
    const char *op = json_string_value(json_object_get(object, "op"));
    const struct control_command *command = op ? command_find(op) : NULL;
    json_t *id = json_object_get(object, "id");
    if (id)
        json_object_set(reply, "id", id);
    if (!json_is_object(object))
        err_set(&err, -EINVAL, "expected an object");
    else if (!op)
        err_set(&err, -EINVAL, "op: expected a text");
    else if (!command)
        unknown_command(op, &err);
    else
        run_decoded(control, command, object, reply, &err);
    if (err.code)
        return answer_error(reply, &err);
    json_object_set_new(reply, "ok", json_true());
    return reply;
}

/* Records commands that may have changed something, with the time they came at. */
json_t *control_execute(struct control *control, const char *line, size_t length)
{
    json_error_t error;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!object) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -EINVAL, "column %d: %s", error.column, error.text);
        return answer_error(json_object(), &err);
    }
    const char *op = json_string_value(json_object_get(object, "op"));
    const struct control_command *command = op ? command_find(op) : NULL;
    json_t *recorded = command && command->changes ? json_deep_copy(object) : NULL;
    uint64_t at_ns = loop_now_ns(control->kernel->loop);
    json_t *reply = control_run(control, object);
    if (recorded) {
        json_object_del(recorded, "id");
        json_t *code = json_object_get(reply, "error");
        if (code)
            json_object_set(recorded, "result", code);
        control_record_add(control, recorded, at_ns);
    }
    json_decref(object);
    cgroupfs_let_settle(control->fs);
    return reply;
}

/* ---------------------------------------------------------------------- peers */

static void peer_free(struct control *control, size_t index)
{
    struct control_peer *peer = control->peers[index];
    close(peer->fd);
    strbuf_release(&peer->in);
    strbuf_release(&peer->out);
    free(peer);
    control->peers[index] = control->peers[--control->peers_count];
}

static void peer_answer(struct control_peer *peer, json_t *reply)
{
    char *text = json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER);
    strbuf_add(&peer->out, text ? text : "{\"ok\":false,\"error\":\"EILSEQ\"}");
    strbuf_add(&peer->out, "\n");
    free(text);
    json_decref(reply);
}

static void peer_refuse(struct control_peer *peer, const char *message)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -E2BIG, "%s", message);
    peer_answer(peer, answer_error(json_object(), &err));
    peer->closing = true;
}

/* Whole lines only: what a peer leaves unfinished when it vanishes is no command. */
static void peer_lines(struct control *control, struct control_peer *peer)
{
    size_t start = 0;
    while (!peer->closing && start < peer->in.length) {
        const char *line = peer->in.text + start;
        const char *end = memchr(line, '\n', peer->in.length - start);
        if (!end)
            break;
        size_t length = (size_t)(end - line);
        if (length && strspn(line, " \t\r") < length)
            peer_answer(peer, control_execute(control, line, length));
        start += length + 1;
    }
    if (peer->in.length - start > LINE_MAX_BYTES)
        peer_refuse(peer, "a line of more than 1 MiB");
    if (start) {
        memmove(peer->in.text, peer->in.text + start, peer->in.length - start);
        peer->in.length -= start;
        peer->in.text[peer->in.length] = '\0';
    }
}

/* False: the peer is gone. */
static bool peer_receive(struct control *control, struct control_peer *peer)
{
    char buffer[16384];
    ssize_t got = recv(peer->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
        peer->closing = true;
        return true;
    }
    strbuf_add_bytes(&peer->in, buffer, (size_t)got);
    peer_lines(control, peer);
    return peer->out.length - peer->sent <= ANSWERS_MAX_BYTES;
}

static bool peer_send(struct control_peer *peer)
{
    while (peer->sent < peer->out.length) {
        ssize_t sent = send(peer->fd, peer->out.text + peer->sent,
            peer->out.length - peer->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        peer->sent += (size_t)sent;
    }
    strbuf_reset(&peer->out);
    peer->sent = 0;
    return !peer->closing;
}

static void peer_accept(struct control *control)
{
    int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct control_peer *peer = mem_alloc(sizeof(*peer));
    peer->fd = fd;
    if (control->peers_count == CONTROL_PEERS_MAX) {
        static const char full[] = "{\"ok\":false,\"error\":\"EMFILE\"}\n";
        ssize_t sent = send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)sent;
        close(fd);
        free(peer);
        return;
    }
    control->peers[control->peers_count++] = peer;
}

/* ---------------------------------------------------------------------- the socket */

/*
 * A server whose mount is gone needs a moment to end, and then hangs up on who has just connected;
 * one that serves keeps silent.
 */
static bool hangs_up(int fd)
{
    struct pollfd pending = {.fd = fd, .events = POLLIN};
    return poll(&pending, 1, SERVER_ENDS_MS) > 0;
}

/* A socket that nobody listens at is what a dead server left. */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
        if (hangs_up(fd))
            return 0; /* and has removed its socket before */
        return err_set(err, -EADDRINUSE, "%s: somebody listens there", address->sun_path);
    }
    if (errno != ECONNREFUSED)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "%s", address->sun_path);
    return unlink(address->sun_path) < 0 ? err_errno(err, -errno, "%s", address->sun_path) : 0;
}

static int listen_at(struct control *control, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(control->path);
    if (length >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "%s: longer than a socket's path can be",
            control->path);
    memcpy(address.sun_path, control->path, length + 1);
    int result = remove_stale(&address, err);
    if (result)
        return result;
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(control->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(control->listener, 16) < 0)
        return err_errno(err, -errno, "%s", control->path);
    return 0;
}

int control_new(struct cgroupfs *fs, const struct kernel_config *config, const char *path,
    struct control **ret_control, struct err *err)
{
    struct control *control = mem_alloc(sizeof(*control));
    control->fs = fs;
    control->kernel = fs->kernel;
    control->config = config;
    control->start_ns = loop_now_ns(fs->kernel->loop);
    control->listener = -1;
    control->path = str_dup(path);
    control->snapshots = strmap_new();
    int result = listen_at(control, err);
    if (result) {
        str_set(&control->path, NULL);
        control_free(control);
        return err_wrap(err, result, "--control");
    }
    control_record_start(control);
    *ret_control = control;
    return 0;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    while (control->peers_count)
        peer_free(control, 0);
    if (control->path)
        unlink(control->path); /* while we listen: whoever finds us gone may make it anew */
    if (control->listener >= 0)
        close(control->listener);
    control_record_free(control);
    free(control->path);
    free(control);
}

nfds_t control_poll(struct control *control, struct pollfd *fds, nfds_t capacity)
{
    nfds_t count = 0;
    if (!control || capacity < CONTROL_PEERS_MAX + 1)
        return 0;
    fds[count++] = (struct pollfd){.fd = control->listener, .events = POLLIN};
    for (size_t i = 0; i < control->peers_count; i++) {
        const struct control_peer *peer = control->peers[i];
        short events = (short)((peer->closing ? 0 : POLLIN) | (peer->out.length ? POLLOUT : 0));
        fds[count++] = (struct pollfd){.fd = peer->fd, .events = events};
    }
    return count;
}

void control_serve(struct control *control, const struct pollfd *fds, nfds_t count)
{
    if (!control || !count)
        return;
    /* From the last: one that goes is replaced by the last, which had its turn. */
    for (nfds_t i = count; i-- > 1;) {
        struct control_peer *peer = control->peers[i - 1];
        bool alive = !(fds[i].revents & (POLLERR | POLLNVAL));
        if (alive && fds[i].revents & (POLLIN | POLLHUP) && !peer->closing)
            alive = peer_receive(control, peer);
        if (alive && (peer->out.length || peer->closing))
            alive = peer_send(peer);
        if (!alive)
            peer_free(control, i - 1);
    }
    if (fds[0].revents & POLLIN)
        peer_accept(control);
}
