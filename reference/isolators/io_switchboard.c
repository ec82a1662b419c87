/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O switchboard: a server beside each container that has a terminal or is for debugging, so
 * that clients can attach to its input and output (isolators.md 14). It is always the last
 * isolator: what it serves is complete then, and it goes first.
 */
#include "reference/isolators/io_switchboard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/map.h"
#include "reference/io_switchboard/ports.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"

#define DIRECTORY "io_switchboard"
#define SOCKET_PREFIX "/tmp/mesos-io-switchboard-"
#define POLL_NS (10 * NS_PER_MS)
#define READY_NS (30 * NS_PER_SEC)
#define KILL_AFTER_NS (60 * NS_PER_SEC) /* MESOS-9502 */

struct io_switchboard {
    struct isolator base;
    char *runtime_dir;
    char *program;
    char *heartbeat;          /* as the flag has it */
    uint64_t grace_ns;        /* before a server that does not end is told to */
    struct strmap *servers;   /* id -> struct io_server_process * */
};

struct io_server_process {
    struct io_switchboard *switchboard;
    char *id;
    char *socket; /* NULL: unknown */
    pid_t pid;
    bool tty;
    bool exited;
    bool status_known;
    int status;
    struct host_request *exit;
    struct host_request *timer;
    uint64_t deadline_ns;     /* of the start */
    bool preparing;
    struct done prepared;
    bool watched;
    struct done watch;
    bool ending; /* is cleaned up */
    struct done ended;
};

/* --- what is on disk --- */

static char *server_file(const char *runtime_dir, const char *id, const char *name)
{
    _cleanup_free_ char *file = str_printf(DIRECTORY "%s%s", name ? "/" : "", name ? name : "");

    return launch_runtime_file(runtime_dir, id, file);
}

static char *text_read(struct host *host, const char *runtime_dir, const char *id, const char *name)
{
    _cleanup_free_ char *path = server_file(runtime_dir, id, name);
    char *text = NULL;
    size_t length;

    return host_file_read(host, path, &text, &length, NULL) == 0 ? text : NULL;
}

static int text_write(struct io_switchboard *switchboard, const char *id, const char *name,
    const char *text, struct err *err)
{
    _cleanup_free_ char *path = server_file(switchboard->runtime_dir, id, name);

    return host_file_write(switchboard->base.host, path, text, strlen(text), 0600, err);
}

char *io_switchboard_pipe(struct host *host, const char *runtime_dir, const char *id, unsigned fd)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    char *path = server_file(runtime_dir, id, names[fd]);

    if (host_file_exists(host, path))
        return path;
    free(path);
    return NULL;
}

int io_switchboard_socket(struct host *host, const char *runtime_dir, const char *id,
    char **ret_path, struct err *err)
{
    _cleanup_free_ char *path = text_read(host, runtime_dir, id, "socket");

    if (!path)
        return err_set(err, -EOPNOTSUPP, "container has no I/O switchboard server");
    if (!host_file_exists(host, path))
        return err_set(err, -ENOENT, "the I/O switchboard server is gone");
    *ret_path = TAKE_PTR(path);
    return 0;
}

/* --- the end of a server --- */

static void server_free(struct io_server_process *server)
{
    struct io_switchboard *switchboard = server->switchboard;

    if (strmap_get(switchboard->servers, server->id) == server)
        strmap_remove(switchboard->servers, server->id);
    host_cancel(server->exit);
    host_cancel(server->timer);
    free(server->socket);
    free(server->id);
    free(server);
}

static void server_bury(struct io_server_process *server, int result)
{
    struct host *host = server->switchboard->base.host;
    struct done ended = server->ended;
    _cleanup_err_ struct err err = ERR_INIT;

    if (result == 0 && server->socket && host_file_exists(host, server->socket))
        result = host_file_remove(host, server->socket, &err);
    server_free(server);
    if (result < 0)
        done_fail(ended, result, &err);
    else
        done_ok(ended, NULL);
}

/* Whoever ends it with a status other than 0, or by a signal, takes the container's I/O along. */
static void limitation_tell(struct io_server_process *server)
{
    const bool abnormal =
        server->status_known && !(WIFEXITED(server->status) && WEXITSTATUS(server->status) == 0);
    struct limitation limitation = {0};

    if (!server->watched || !abnormal)
        return;
    server->watched = false;
    limitation.message =
        WIFSIGNALED(server->status)
            ? str_printf("'IOSwitchboard' terminated with signal %d", WTERMSIG(server->status))
            : str_printf("'IOSwitchboard' exited with status %d", WEXITSTATUS(server->status));
    limitation.reason = str_dup("REASON_IO_SWITCHBOARD_EXITED");
    limitation.ends_init = true; /* by a hang-up or SIGPIPE */
    done_ok(server->watch, &limitation);
    json_type_release(&limitation_json, &limitation);
}

/* From here on its end says nothing of the container. */
static void watch_cancel(struct io_server_process *server)
{
    if (!server->watched)
        return;
    server->watched = false;
    done_fail(server->watch, -ECANCELED, NULL);
}

static void prepare_fail(struct io_server_process *server, int result, const char *why)
{
    struct done prepared = server->prepared;
    _cleanup_err_ struct err err = ERR_INIT;

    server->preparing = false;
    host_cancel(server->timer);
    server->timer = NULL;
    err_set(&err, result, "%s", why);
    done_fail(prepared, result, &err);
}

static void server_exited(void *arg, int result, bool status_known, int wait_status)
{
    struct io_server_process *server = arg;

    server->exit = NULL;
    server->exited = true;
    server->status_known = status_known;
    server->status = wait_status;
    const bool ending = server->ending;
    if (server->preparing)
        prepare_fail(server, result < 0 ? result : -EIO,
            "the I/O switchboard server ended before it was ready");
    else if (result == 0)
        limitation_tell(server); /* which may clean up at once, unless that is under way */
    if (ending) {
        watch_cancel(server);
        server_bury(server, result);
    }
}

static void server_watch(struct io_server_process *server)
{
    server->exit = host_exit_watch(
        server->switchboard->base.host, server->pid, server_exited, server);
}

static void kill_due(void *arg, int result)
{
    struct io_server_process *server = arg;

    server->timer = NULL;
    if (result == 0)
        host_signal(server->switchboard->base.host, server->pid, SIGKILL, NULL);
}

static void term_due(void *arg, int result)
{
    struct io_server_process *server = arg;
    struct host *host = server->switchboard->base.host;

    server->timer = NULL;
    if (result < 0)
        return;
    watch_cancel(server);
    host_signal(host, server->pid, SIGTERM, NULL);
    server->timer = host_timer(host, KILL_AFTER_NS, kill_due, server);
}

/* --- the start --- */

static char **server_arguments(const struct io_switchboard *switchboard,
    const struct io_server_process *server, const struct container_config *config, uid_t uid)
{
    _cleanup_free_ char *directory = server_file(switchboard->runtime_dir, server->id, NULL);
    char **arguments = NULL;

    strv_add(&arguments, switchboard->program);
    strv_add_owned(&arguments, str_printf("--directory=%s", directory));
    strv_add_owned(&arguments, str_printf("--socket=%s", server->socket));
    strv_add_owned(&arguments, str_printf("--heartbeat=%s", switchboard->heartbeat));
    if (config->directory) {
        strv_add_owned(&arguments, str_printf("--stdout=%s/stdout", config->directory));
        strv_add_owned(&arguments, str_printf("--stderr=%s/stderr", config->directory));
    }
    if (server->tty)
        strv_add_owned(&arguments, str_printf("--tty=%u", uid));
    if (config->container_class == CONTAINER_CLASS_DEBUG)
        strv_add(&arguments, "--wait");
    return arguments;
}

static int user_of(
    struct host *host, const struct container_config *config, uid_t *ret_uid, struct err *err)
{
    struct user_info user = {0};
    int r;

    *ret_uid = 0;
    if (!config->user)
        return 0;
    r = host_user_lookup(host, config->user, &user, err);
    if (r == 0)
        *ret_uid = user.uid;
    user_info_release(&user);
    return r;
}

static int server_spawn(
    struct io_server_process *server, const struct container_config *config, struct err *err)
{
    struct io_switchboard *switchboard = server->switchboard;
    struct host *host = switchboard->base.host;
    struct plan plan;
    uid_t uid = 0;
    int gate = -1;
    int r = user_of(host, config, &uid, err);

    if (r < 0)
        return r;
    plan_init(&plan);
    plan.container_id = str_dup(server->id);
    plan.info.command = mem_alloc(sizeof(*plan.info.command));
    plan.info.command->value = str_dup(switchboard->program);
    plan.info.command->arguments = server_arguments(switchboard, server, config, uid);
    r = host_spawn(host, &plan, &server->pid, &gate, err);
    /* Whoever comes after a crash has to find it. */
    if (r == 0) {
        _cleanup_free_ char *pid = str_printf("%d", (int)server->pid);

        r = text_write(switchboard, server->id, "pid", pid, err);
    }
    if (r == 0)
        r = host_gate_release(host, gate, err);
    else
        host_gate_close(host, gate);
    plan_release(&plan);
    return r;
}

static void server_ready(struct io_server_process *server)
{
    struct io_switchboard *switchboard = server->switchboard;
    struct done prepared = server->prepared;
    struct launch_info info = {0};

    server->preparing = false;
    if (server->tty) {
        info.tty_slave_path =
            text_read(switchboard->base.host, switchboard->runtime_dir, server->id, "tty");
        if (!info.tty_slave_path) {
            prepare_fail(server, -EIO, "the I/O switchboard server told no terminal");
            return;
        }
    }
    launch_done(prepared, &info);
}

static void poll_due(void *arg, int result)
{
    struct io_server_process *server = arg;
    struct host *host = server->switchboard->base.host;

    server->timer = NULL;
    if (result < 0)
        prepare_fail(server, result, "agent gone");
    else if (host_file_exists(host, server->socket))
        server_ready(server);
    else if (host_now_ns(host) > server->deadline_ns)
        prepare_fail(server, -ETIMEDOUT, "the I/O switchboard server does not listen");
    else
        server->timer = host_timer(host, POLL_NS, poll_due, server);
}

static struct io_server_process *server_new(struct io_switchboard *switchboard, const char *id)
{
    struct io_server_process *server = mem_alloc(sizeof(*server));

    server->switchboard = switchboard;
    server->id = str_dup(id);
    strmap_set(switchboard->servers, id, server);
    return server;
}

static int server_begin(
    struct io_server_process *server, const struct container_config *config, struct err *err)
{
    struct io_switchboard *switchboard = server->switchboard;
    _cleanup_free_ char *directory = server_file(switchboard->runtime_dir, server->id, NULL);
    _cleanup_free_ char *uuid = host_uuid(switchboard->base.host, "io_switchboard");
    int r = host_mkdir(switchboard->base.host, directory, 0700, true, err);

    server->socket = str_printf(SOCKET_PREFIX "%s", uuid);
    if (r == 0)
        r = text_write(switchboard, server->id, "socket", server->socket, err);
    return r < 0 ? r : server_spawn(server, config, err);
}

/* --- the calls --- */

static void switchboard_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct io_switchboard *switchboard = container_of(isolator, struct io_switchboard, base);
    const bool tty = config->container_info && config->container_info->tty_info;
    struct io_server_process *server;
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (!tty && config->container_class != CONTAINER_CLASS_DEBUG) {
        done_ok(done, NULL);
        return;
    }
    if (strmap_get(switchboard->servers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    server = server_new(switchboard, id);
    server->tty = tty;
    server->exited = true; /* until there is one */
    r = server_begin(server, config, &err);
    if (server->pid > 0) {
        server->exited = false;
        server_watch(server);
    }
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    server->preparing = true;
    server->prepared = done;
    server->deadline_ns = host_now_ns(isolator->host) + READY_NS;
    server->timer = host_timer(isolator->host, POLL_NS, poll_due, server);
}

/* False for a process that only has the number: the server holds a pipe as long as it lives. Where
 * there is no such pipe the number is all that is known. */
static bool is_server(const struct io_switchboard *switchboard, const char *id, pid_t pid)
{
    _cleanup_free_ char *alive = server_file(switchboard->runtime_dir, id, IO_ALIVE);

    return host_process_holds(switchboard->base.host, pid, alive) != 0;
}

static void server_recover(struct io_switchboard *switchboard, const char *id)
{
    struct host *host = switchboard->base.host;
    char *socket = text_read(host, switchboard->runtime_dir, id, "socket");
    _cleanup_free_ char *pid = text_read(host, switchboard->runtime_dir, id, "pid");
    struct io_server_process *server;

    if (!socket)
        return;
    server = server_new(switchboard, id);
    server->socket = socket;
    server->pid = pid ? (pid_t)strtol(pid, NULL, 10) : 0;
    server->exited = server->pid <= 0 || !is_server(switchboard, id, server->pid);
    if (!server->exited)
        server_watch(server);
}

static void switchboard_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct io_switchboard *switchboard = container_of(isolator, struct io_switchboard, base);

    for (size_t i = 0; i < count; i++)
        server_recover(switchboard, states[i].id);
    for (; orphans && *orphans; orphans++) {
        if (!strmap_get(switchboard->servers, *orphans))
            server_recover(switchboard, *orphans);
    }
    done_ok(done, NULL);
}

static void switchboard_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct io_switchboard *switchboard = container_of(isolator, struct io_switchboard, base);
    struct io_server_process *server = strmap_get(switchboard->servers, id);

    if (!server) { /* nothing that could fail; it only holds the watch */
        server = server_new(switchboard, id);
        server->exited = true;
    }
    server->watched = true;
    server->watch = done;
    if (server->exited)
        limitation_tell(server);
}

static void switchboard_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct io_switchboard *switchboard = container_of(isolator, struct io_switchboard, base);
    struct io_server_process *server = strmap_get(switchboard->servers, id);

    if (!server) {
        done_ok(done, NULL);
        return;
    }
    server->ending = true;
    server->ended = done;
    if (server->exited) {
        watch_cancel(server);
        server_bury(server, 0);
    } else { /* its terminal hangs up before its own end is heard */
        server->timer = host_timer(isolator->host, switchboard->grace_ns, term_due, server);
    }
}

static void switchboard_free(struct isolator *isolator)
{
    struct io_switchboard *switchboard = container_of(isolator, struct io_switchboard, base);
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(switchboard->servers, &cursor, &id, &value)) {
        struct io_server_process *server = value;

        if (server->preparing)
            done_fail(server->prepared, -ECANCELED, NULL);
        if (server->watched)
            done_fail(server->watch, -ECANCELED, NULL);
        if (server->ending)
            done_fail(server->ended, -ECANCELED, NULL);
        server_free(server);
    }
    strmap_free(switchboard->servers);
    free(switchboard->runtime_dir);
    free(switchboard->program);
    free(switchboard->heartbeat);
    free(switchboard);
}

static const struct isolator_ops switchboard_ops = {
    .recover = switchboard_recover,
    .prepare = switchboard_prepare,
    .watch = switchboard_watch,
    .cleanup = switchboard_cleanup,
    .free = switchboard_free,
};

int isolator_io_switchboard_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    uint64_t heartbeat_ns;
    uint64_t grace_ns;
    struct io_switchboard *switchboard;
    int r = duration_parse(
        flags_other(context->flags, "http_heartbeat_interval"), &heartbeat_ns, err);

    if (r == 0)
        r = duration_parse(flags_other(context->flags, "io_switchboard_grace"), &grace_ns, err);
    if (r < 0)
        return r;
    switchboard = mem_alloc(sizeof(*switchboard));
    switchboard->base = (struct isolator){
        .ops = &switchboard_ops, .name = "io/switchboard", .host = context->host};
    switchboard->runtime_dir = str_dup(context->flags->runtime_dir);
    switchboard->program =
        str_printf("%s/" IO_SWITCHBOARD_PROGRAM, context->flags->launcher_dir);
    switchboard->heartbeat = str_printf("%llu", (unsigned long long)heartbeat_ns);
    switchboard->grace_ns = grace_ns;
    switchboard->servers = strmap_new();
    *ret_isolator = &switchboard->base;
    return 0;
}
