/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "reference/agent/executor_registry.h"
#include "reference/agent/line_peer.h"
#include "reference/agent/request.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"

#define QUERY_TIMEOUT_MS 30000

struct remote {
    struct host *host; /* borrowed; gone with the agent */
    struct containerizer base;
    struct line_peer *peer;   /* NULL: the agent is gone */
    struct u64map *pending;   /* n -> struct pending * */
    struct strmap *launching; /* ids whose launch was sent and not answered */
    int64_t last_n;
    int query; /* a second connection, for calls that answer at once; blocking, -1 when gone */
    struct strbuf input; /* of the query connection */
    int64_t updates;     /* status updates that came */
};

struct pending {
    enum agent_call call;
    char *id;
    struct done done;
};

static struct remote *remote_of(struct containerizer *containerizer)
{
    return container_of(containerizer, struct remote, base);
}

static bool is_launch(enum agent_call call)
{
    return call == AGENT_CALL_LAUNCH || call == AGENT_CALL_LAUNCH_ONLY;
}

static void pending_end(struct remote *remote, uint64_t n, struct pending *pending, int result,
    const void *value, const struct err *err)
{
    const struct done done = pending->done;

    if (is_launch(pending->call))
        strmap_remove(remote->launching, pending->id);
    u64map_remove(remote->pending, n);
    free(pending->id);
    free(pending);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
}

static void all_gone(struct remote *remote)
{
    _cleanup_err_ struct err err = ERR_INIT;
    uint64_t n;
    void *pending;
    size_t cursor = 0;

    err_set(&err, -ESHUTDOWN, "agent gone");
    line_peer_free(remote->peer);
    remote->peer = NULL;
    while (u64map_next(remote->pending, &cursor, &n, &pending))
        pending_end(remote, n, pending, -ESHUTDOWN, NULL, &err);
}

/* --- answers --- */

static int code_of(const json_t *reply)
{
    const char *name = json_string_value(json_object_get(reply, "code"));

    for (int code = 1; name && code < 200; code++) {
        if (str_equal(err_name(-code), name))
            return -code;
    }
    return -EIO;
}

/* The value decoded into the structure that the operation promises, for the length of the call. */
union reply_value {
    enum launch_result launch;
    bool kill;
    struct statistics statistics;
    struct container_status status;
    struct termination termination;
};

static const struct json_type *value_type(enum agent_call call)
{
    switch (call) {
    case AGENT_CALL_USAGE:
        return &statistics_json;
    case AGENT_CALL_STATUS:
        return &container_status_json;
    case AGENT_CALL_WAIT:
    case AGENT_CALL_DESTROY:
        return &termination_json;
    default:
        return NULL;
    }
}

static int launch_decode(const json_t *value, enum launch_result *ret_launch, struct err *err)
{
    const char *name = json_string_value(value);

    for (int i = 0; i <= LAUNCH_NOT_SUPPORTED; i++) {
        if (str_equal(launch_result_names[i], name)) {
            *ret_launch = (enum launch_result)i;
            return 0;
        }
    }
    return err_set(err, -EPROTO, "reply.value: expected a launch result");
}

/* Those that cannot be read are the agent's mistake, and passed over. */
static void updates_take(struct remote *remote, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        struct task_update update = {0};

        remote->updates++;
        json_type_init(&task_update_json, &update);
        if (json_type_decode(
                &task_update_json, json_object_get(item, "update"), &update, "update", NULL) == 0)
            task_update_trace(
                remote->host->trace, json_string_value(json_object_get(item, "id")), &update);
        json_type_release(&task_update_json, &update);
    }
}

static void updates_follow(struct remote *remote);

static void updates_came(void *arg, int result, const void *value, const struct err *err)
{
    (void)value, (void)err;
    if (result == 0)
        updates_follow(arg);
}

static void pending_answer(
    struct remote *remote, uint64_t n, struct pending *pending, const json_t *value)
{
    const struct json_type *type = value_type(pending->call);
    _cleanup_err_ struct err err = ERR_INIT;
    union reply_value decoded = {0};
    const bool none = json_is_null(value);
    int r = 0;

    if (type && !none) {
        json_type_init(type, &decoded);
        r = json_type_decode(type, value, &decoded, "reply.value", &err);
    } else if (is_launch(pending->call)) {
        r = launch_decode(value, &decoded.launch, &err);
    } else if (pending->call == AGENT_CALL_KILL) {
        decoded.kill = json_is_true(value);
    } else if (pending->call == AGENT_CALL_UPDATES) {
        updates_take(remote, value);
    }
    pending_end(remote, n, pending, r,
        none                                   ? NULL
        : pending->call == AGENT_CALL_ATTACH ? (const void *)json_string_value(value)
                                               : &decoded,
        &err);
    if (type && !none)
        json_type_release(type, &decoded);
}

static void remote_line(void *arg, const char *line, size_t length)
{
    struct remote *remote = arg;
    json_t *reply = json_loadb(line, length, 0, NULL);
    const uint64_t n = (uint64_t)json_integer_value(json_object_get(reply, "n"));
    struct pending *pending = u64map_get(remote->pending, n);
    const char *message = json_string_value(json_object_get(reply, "error"));

    if (pending && message) {
        _cleanup_err_ struct err err = ERR_INIT;

        err_set(&err, code_of(reply), "%s", message);
        pending_end(remote, n, pending, err.code, NULL, &err);
    } else if (pending) {
        pending_answer(remote, n, pending, json_object_get(reply, "value"));
    }
    json_decref(reply);
}

static void remote_closed(void *arg)
{
    struct remote *remote = arg;

    host_crash(remote->host); /* first: who hears of it looks there */
    all_gone(remote);
}

static const struct line_peer_calls remote_calls = {remote_line, remote_closed};

/* --- requests --- */

static void request_send(
    struct remote *remote, const struct agent_request *request, struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = NULL;
    struct pending *pending;

    if (!remote->peer) {
        err_set(&err, -ESHUTDOWN, "agent gone");
        done_fail(done, -ESHUTDOWN, &err);
        return;
    }
    pending = mem_alloc(sizeof(*pending));
    *pending = (struct pending){(enum agent_call)request->call, str_dup(request->id), done};
    u64map_set(remote->pending, (uint64_t)request->n, pending);
    if (is_launch(pending->call))
        strmap_set(remote->launching, request->id, remote);
    text = json_type_encode_text(&agent_request_json, request);
    line_peer_send(remote->peer, text, strlen(text));
}

static struct agent_request request_of(struct remote *remote, enum agent_call call, const char *id)
{
    /* Borrowed for the length of one encoding. */
    return (struct agent_request){
        .n = ++remote->last_n, .call = (int)call, .id = (char *)(uintptr_t)id, .signal = 9};
}

static void updates_follow(struct remote *remote)
{
    struct agent_request request = request_of(remote, AGENT_CALL_UPDATES, NULL);

    request.after = remote->updates;
    request_send(remote, &request, DONE(updates_came, remote));
}

static void plain_send(
    struct containerizer *containerizer, enum agent_call call, const char *id, struct done done)
{
    struct remote *remote = remote_of(containerizer);
    const struct agent_request request = request_of(remote, call, id);

    request_send(remote, &request, done);
}

static void remote_recover(
    struct containerizer *containerizer, const struct agent_state *state, struct done done)
{
    (void)state; /* the agent reads its own */
    plain_send(containerizer, AGENT_CALL_RECOVERED, NULL, done);
}

static void remote_launch(struct containerizer *containerizer, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    struct remote *remote = remote_of(containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_LAUNCH_ONLY, id);

    request.config = (struct container_config *)(uintptr_t)config;
    request.environment = (struct environment_variable *)(uintptr_t)environment;
    request.environment_count = environment_count;
    request.pid_path = (char *)(uintptr_t)pid_checkpoint_path;
    request_send(remote, &request, done);
}

static void remote_attach(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_ATTACH, id, done);
}

static void remote_update(struct containerizer *containerizer, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct remote *remote = remote_of(containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_UPDATE, id);

    request.resources = *requests;
    request.limits = *limits;
    request_send(remote, &request, done);
}

static void remote_usage(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_USAGE, id, done);
}

static void remote_status(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_STATUS, id, done);
}

static void remote_wait(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_WAIT, id, done);
}

/* Only here: the agent goes on waiting, and its answer then has nobody to go to. */
static void remote_wait_cancel(struct containerizer *containerizer, const char *id, const void *arg)
{
    struct remote *remote = remote_of(containerizer);
    size_t cursor = 0;
    uint64_t n;
    void *value;

    while (u64map_next(remote->pending, &cursor, &n, &value)) {
        struct pending *pending = value;
        const bool waits = pending->call == AGENT_CALL_WAIT || pending->call == AGENT_CALL_DESTROY;

        if (waits && pending->done.arg == arg && str_equal(pending->id, id)) {
            pending_end(remote, n, pending, -ECANCELED, NULL, NULL);
            return;
        }
    }
}

static void remote_destroy(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_DESTROY, id, done);
}

static void remote_kill(
    struct containerizer *containerizer, const char *id, int signal, struct done done)
{
    struct remote *remote = remote_of(containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_KILL, id);

    request.signal = signal;
    request_send(remote, &request, done);
}

static void remote_remove(struct containerizer *containerizer, const char *id, struct done done)
{
    plain_send(containerizer, AGENT_CALL_REMOVE, id, done);
}

static void remote_prune(struct containerizer *containerizer, char *const *keep, struct done done)
{
    struct remote *remote = remote_of(containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_PRUNE, NULL);

    request.keep = (char **)(uintptr_t)keep;
    request_send(remote, &request, done);
}

/* --- what must be answered at once --- */

static int query_read(struct remote *remote, char **ret_line)
{
    strbuf_reset(&remote->input);
    while (!remote->input.length || !strchr(remote->input.text, '\n')) {
        struct pollfd ready = {.fd = remote->query, .events = POLLIN};
        char bytes[4096];
        ssize_t count;

        if (poll(&ready, 1, QUERY_TIMEOUT_MS) <= 0)
            return -ETIMEDOUT;
        count = recv(remote->query, bytes, sizeof(bytes), 0);
        if (count <= 0)
            return -ESHUTDOWN;
        strbuf_add_bytes(&remote->input, bytes, (size_t)count);
    }
    *ret_line = remote->input.text;
    return 0;
}

static int ask(struct remote *remote, const struct agent_request *request, json_t **ret_value,
    struct err *err)
{
    _cleanup_free_ char *text = json_type_encode_text(&agent_request_json, request);
    _cleanup_free_ char *line = str_printf("%s\n", text);
    const char *message;
    char *answer = NULL;
    json_t *reply;
    int r = 0;

    if (remote->query < 0)
        return err_set(err, -ESHUTDOWN, "agent gone");
    if (send(remote->query, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line) ||
        query_read(remote, &answer) < 0) {
        close(remote->query);
        remote->query = -1;
        return err_set(err, -ESHUTDOWN, "agent gone");
    }
    reply = json_loads(answer, 0, NULL);
    message = json_string_value(json_object_get(reply, "error"));
    if (message)
        r = err_set(err, code_of(reply), "%s", message);
    else if (ret_value)
        *ret_value = json_incref(json_object_get(reply, "value"));
    json_decref(reply);
    return r;
}

/* The value of the reply, or NULL: a failure, or the agent is gone. */
static json_t *query(struct remote *remote, enum agent_call call, const char *id)
{
    const struct agent_request request = request_of(remote, call, id);
    json_t *value = NULL;

    return ask(remote, &request, &value, NULL) < 0 ? NULL : value;
}

static char **remote_containers(struct containerizer *containerizer)
{
    json_t *list = query(remote_of(containerizer), AGENT_CALL_CONTAINERS, NULL);
    char **ids = NULL;
    const json_t *id;
    size_t i;

    json_array_foreach(list, i, id)
    {
        strv_add(&ids, json_string_value(id));
    }
    json_decref(list);
    return ids;
}

static int remote_phase(
    struct containerizer *containerizer, const char *id, enum container_phase *ret_phase)
{
    json_t *state;
    int r = -ENOENT;

    /* A launch on its way is not asked about: a wait that follows it must not come late. */
    if (strmap_get(remote_of(containerizer)->launching, id)) {
        *ret_phase = CONTAINER_PROVISIONING;
        return 0;
    }
    state = query(remote_of(containerizer), AGENT_CALL_STATE, id);
    for (int phase = 0; state && phase <= CONTAINER_MOUNTING; phase++) {
        if (str_equal(container_phase_names[phase], json_string_value(state))) {
            *ret_phase = (enum container_phase)phase;
            r = 0;
        }
    }
    json_decref(state);
    return r;
}

static const json_t *remote_metrics(struct containerizer *containerizer)
{
    json_t *metrics = query(remote_of(containerizer), AGENT_CALL_METRICS, NULL);

    if (metrics) {
        json_decref(containerizer->metrics);
        containerizer->metrics = metrics;
    }
    return containerizer->metrics;
}

static void remote_free(struct containerizer *containerizer)
{
    struct remote *remote = remote_of(containerizer);

    all_gone(remote);
    u64map_free(remote->pending);
    strmap_free(remote->launching);
    if (remote->query >= 0)
        close(remote->query);
    strbuf_release(&remote->input);
    json_decref(containerizer->metrics);
    free(remote);
}

static const struct containerizer_ops remote_ops = {
    .name = "remote",
    .recover = remote_recover,
    .launch = remote_launch,
    .attach = remote_attach,
    .update = remote_update,
    .usage = remote_usage,
    .status = remote_status,
    .wait = remote_wait,
    .wait_cancel = remote_wait_cancel,
    .destroy = remote_destroy,
    .kill = remote_kill,
    .containers = remote_containers,
    .remove = remote_remove,
    .prune_images = remote_prune,
    .phase = remote_phase,
    .metrics = remote_metrics,
    .free = remote_free,
};

/* --- the agent around it --- */

static void remote_agent_launch(
    struct agent *agent, const char *id, const struct container_config *config, struct done done)
{
    struct remote *remote = remote_of(agent->containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_LAUNCH, id);

    request.config = (struct container_config *)(uintptr_t)config;
    request_send(remote, &request, done);
}

static void remote_agent_recover(struct agent *agent, struct done done)
{
    containerizer_recover(agent->containerizer, NULL, done);
}

static int remote_kill_task(
    struct agent *agent, const char *id, struct opt_u64 grace_ns, struct err *err)
{
    struct remote *remote = remote_of(agent->containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_KILL_TASK, id);

    request.grace = grace_ns;
    return ask(remote, &request, NULL, err);
}

static int remote_shutdown_executor(struct agent *agent, const char *id, struct err *err)
{
    struct remote *remote = remote_of(agent->containerizer);
    const struct agent_request request = request_of(remote, AGENT_CALL_SHUTDOWN, id);

    return ask(remote, &request, NULL, err);
}

static void remote_hold_acknowledgements(struct agent *agent, bool hold)
{
    struct remote *remote = remote_of(agent->containerizer);
    struct agent_request request = request_of(remote, AGENT_CALL_ACKNOWLEDGEMENTS, NULL);

    request.hold = hold;
    (void)ask(remote, &request, NULL, NULL); /* an agent that is gone sends none */
}

static const struct agent_ops remote_agent_ops = {
    .recover = remote_agent_recover,
    .launch = remote_agent_launch,
    .kill_task = remote_kill_task,
    .shutdown_executor = remote_shutdown_executor,
    .hold_acknowledgements = remote_hold_acknowledgements,
};

static int socket_connect(const char *path, uint64_t timeout_ns, int *ret_fd, struct err *err)
{
    const struct timespec pause = {.tv_nsec = 2 * (long)NS_PER_MS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG, "socket %s: the path is too long", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    for (uint64_t waited = 0;; waited += (uint64_t)pause.tv_nsec) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
            *ret_fd = TAKE_FD(fd);
            return 0;
        }
        if (waited >= timeout_ns)
            return err_errno(err, -errno, "connect to the agent at %s", path);
        nanosleep(&pause, NULL);
    }
}

int agent_connect(struct loop *loop, struct host *host, const char *path, uint64_t timeout_ns,
    struct agent **ret_agent, struct err *err)
{
    _cleanup_close_ int main_fd = -1;
    _cleanup_close_ int query_fd = -1;
    struct remote *remote;
    struct agent *agent;
    int r = socket_connect(path, timeout_ns, &main_fd, err);

    if (r == 0)
        r = socket_connect(path, timeout_ns, &query_fd, err);
    if (r < 0)
        return r;
    fcntl(main_fd, F_SETFL, O_NONBLOCK);
    remote = mem_alloc(sizeof(*remote));
    remote->base.ops = &remote_ops;
    remote->base.metrics = json_object();
    remote->host = host;
    remote->pending = u64map_new();
    remote->launching = strmap_new();
    remote->query = TAKE_FD(query_fd);
    remote->peer = line_peer_new(loop, TAKE_FD(main_fd), &remote_calls, remote);
    agent = mem_alloc(sizeof(*agent));
    agent->ops = &remote_agent_ops;
    agent->host = host;
    agent->containerizer = &remote->base;
    flags_init(&agent->flags);
    updates_follow(remote);
    *ret_agent = agent;
    return 0;
}
