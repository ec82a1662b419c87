/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/docker/docker_cli.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define MESSAGE_MAX 512u /* of what the CLI printed, in errors */

struct docker_cli {
    struct docker base;
    struct list forgotten; /* calls of `docker run` that nobody waits for, but to reap them */
};

struct cli_call {
    struct host_request request; /* only `cancel` is used */
    struct list node;            /* in forgotten, or alone */
    struct docker *docker;
    enum docker_verb verb;
    char *name;
    struct host_request *inner; /* host_run, or the watch of `docker run` */
    struct done done;
    int failure; /* of a `docker run` that could not be started */
    struct err err;
};

static void cli_call_free(struct cli_call *call)
{
    list_remove(&call->node);
    err_clear(&call->err);
    free(call->name);
    free(call);
}

/* Kills a helper command. `docker run` goes on, and is to be reaped when it ends. */
static void cli_call_cancel(struct host_request *request)
{
    struct cli_call *call = container_of(request, struct cli_call, request);
    if (call->verb == DOCKER_RUN && call->failure == 0) {
        struct docker_cli *cli = container_of(call->docker, struct docker_cli, base);
        call->done = DONE_NONE;
        list_append(&cli->forgotten, &call->node);
        return;
    }
    host_cancel(call->inner);
    cli_call_free(call);
}

static struct cli_call *cli_call_new(
    struct docker *docker, const struct docker_call *of, struct done done)
{
    struct cli_call *call = mem_alloc(sizeof(*call));
    call->request.host = docker->host;
    call->request.cancel = cli_call_cancel;
    list_init(&call->node);
    call->docker = docker;
    call->verb = of->verb;
    call->name = str_dup(of->run ? of->run->name : of->name);
    call->done = done;
    return call;
}

static void cli_call_fail(struct cli_call *call, int code, const struct err *cause)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_copy(&err, cause);
    if (err.code == 0)
        err_set(&err, code, "%s", err_name(code));
    err_wrap(&err, code, "docker %s%s%s", docker_verb_names[call->verb], call->name ? " " : "",
        call->name ? call->name : "");
    struct done done = call->done;
    cli_call_free(call);
    done_fail(done, code, &err);
}

/* --- helper commands: what their output says --- */

static int read_version(const struct cli_call *call, const char *text, void *value, struct err *err)
{
    (void)call;
    return docker_version_parse(text, value, err);
}

static int read_inspection(
    const struct cli_call *call, const char *text, void *value, struct err *err)
{
    (void)call;
    return docker_inspection_parse(text, value, err);
}

static int read_names(const struct cli_call *call, const char *text, void *value, struct err *err)
{
    (void)err;
    struct docker_names *names = value;
    names->names = docker_ps_parse(text, call->name);
    return 0;
}

static int read_image(const struct cli_call *call, const char *text, void *value, struct err *err)
{
    (void)call;
    return docker_image_parse(text, value, err);
}

/* None has a time limit here: who does not want to wait any longer cancels. */
struct cli_verb {
    size_t max_output_bytes;
    int (*read)(const struct cli_call *call, const char *text, void *value, struct err *err);
};
#define KIB 1024u
#define MIB (1024u * KIB)
static const struct cli_verb cli_verbs[DOCKER_VERB_COUNT] = {
    [DOCKER_VERSION] = {4 * KIB, read_version},
    [DOCKER_STOP] = {64 * KIB, NULL},
    [DOCKER_KILL] = {64 * KIB, NULL},
    [DOCKER_RM] = {64 * KIB, NULL},
    [DOCKER_INSPECT] = {4 * MIB, read_inspection},
    [DOCKER_PS] = {4 * MIB, read_names},
    [DOCKER_PULL] = {1 * MIB, NULL},
    [DOCKER_IMAGE_INSPECT] = {4 * MIB, read_image},
};

/* How the command ended, with the first lines of what it said about it. */
static int refused(const struct run_result *result, struct err *err)
{
    const char *said = result->errors ? result->errors : "";
    while (*said == '\n')
        said++;
    size_t length = strnlen(said, MESSAGE_MAX);
    while (length > 0 && strchr(" \n\r", said[length - 1]))
        length--;
    _cleanup_free_ char *exit = docker_exit_text(result->status);
    return err_set(
        err, -EREMOTEIO, "%s%s%.*s", exit, length > 0 ? ": " : "", (int)length, said);
}

static int read_result(
    const struct cli_call *call, const struct run_result *result, void *value, struct err *err)
{
    const struct cli_verb *verb = &cli_verbs[call->verb];
    if (!WIFEXITED(result->status) || WEXITSTATUS(result->status) != 0)
        return refused(result, err);
    if (!verb->read)
        return 0;
    if (result->truncated)
        return err_set(
            err, -EBADMSG, "it printed more than %zu bytes", verb->max_output_bytes);
    if (strlen(result->output) != result->output_length)
        return err_set(err, -EBADMSG, "it printed a zero byte");
    int r = verb->read(call, result->output, value, err);
    return r < 0 ? err_wrap(err, r, "output") : 0;
}

static void command_ended(void *arg, int result, const void *run, const struct err *err)
{
    struct cli_call *call = arg;
    call->inner = NULL;
    if (result < 0) {
        cli_call_fail(call, result, err);
        return;
    }
    const struct json_type *type = docker_value_types[call->verb];
    void *value = type ? mem_alloc(type->size) : NULL;
    _cleanup_err_ struct err why = ERR_INIT;
    int r = read_result(call, run, value, &why);
    if (r < 0) {
        cli_call_fail(call, r, &why);
    } else {
        struct done done = call->done;
        cli_call_free(call);
        done_ok(done, value);
        if (type)
            json_type_release(type, value);
    }
    free(value);
}

static struct host_request *command_start(
    struct docker *docker, const struct docker_call *of, struct done done)
{
    struct cli_call *call = cli_call_new(docker, of, done);
    const struct cli_verb *verb = &cli_verbs[of->verb];
    _cleanup_strv_ char **arguments = docker_arguments(docker, of);
    _cleanup_strv_ char **variables = NULL;
    if (of->home)
        strv_add_owned(&variables, str_printf("HOME=%s", of->home));
    const struct run_request request = {
        .argv = arguments,
        .variables = variables,
        .max_output_bytes = verb->max_output_bytes,
    };
    call->inner = host_run(docker->host, &request, DONE(command_ended, call));
    return &call->request;
}

/* --- docker run: a process of its own --- */

static void run_ended(void *arg, int result, bool status_known, int wait_status)
{
    struct cli_call *call = arg;
    call->inner = NULL;
    if (result < 0) {
        cli_call_fail(call, result, NULL);
        return;
    }
    if (!status_known) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -ECHILD, "its exit status is not known");
        cli_call_fail(call, -ECHILD, &err);
        return;
    }
    struct done done = call->done;
    cli_call_free(call);
    done_ok(done, &(struct docker_exit){wait_status});
}

static void run_failed(void *arg, int result)
{
    struct cli_call *call = arg;
    call->inner = NULL;
    cli_call_fail(call, result < 0 ? result : call->failure, &call->err);
}

static void run_plan(
    struct plan *plan, const struct docker *docker, const struct docker_call *of)
{
    const struct docker_run_options *options = of->run;
    plan_init(plan);
    plan->container_id = str_dup(options->name);
    plan->stdio[1] = str_dup(options->stdout_path);
    plan->stdio[2] = str_dup(options->stderr_path);
    if (options->stdio_uid.set)
        plan->stdio_uid = (uid_t)options->stdio_uid.value;
    if (options->stdio_gid.set)
        plan->stdio_gid = (gid_t)options->stdio_gid.value;
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->value = str_dup(docker->program);
    plan->info.command->arguments = docker_arguments(docker, of);
}

static struct host_request *run_start(
    struct docker *docker, const struct docker_call *of, struct done done)
{
    struct cli_call *call = cli_call_new(docker, of, done);
    struct plan plan;
    run_plan(&plan, docker, of);
    pid_t pid = 0;
    int gate = -1;
    int r = host_spawn(docker->host, &plan, &pid, &gate, &call->err);
    plan_release(&plan);
    if (r == 0) {
        r = host_gate_release(docker->host, gate, &call->err);
        host_gate_close(docker->host, gate);
    }
    call->failure = r;
    call->inner = r < 0 ? host_timer(docker->host, 0, run_failed, call)
                        : host_exit_watch(docker->host, pid, run_ended, call);
    return &call->request;
}

static struct host_request *cli_start(
    struct docker *docker, const struct docker_call *call, struct done done)
{
    return call->verb == DOCKER_RUN ? run_start(docker, call, done)
                                    : command_start(docker, call, done);
}

static void cli_free(struct docker *docker)
{
    struct docker_cli *cli = container_of(docker, struct docker_cli, base);
    list_for_each_safe(node, following, &cli->forgotten)
    {
        struct cli_call *call = list_entry(node, struct cli_call, node);
        host_cancel(call->inner);
        cli_call_free(call);
    }
    docker_release(docker);
    free(cli);
}

struct docker *docker_cli_new(struct host *host, const char *program, const char *socket)
{
    static const struct docker_ops ops = {.start = cli_start, .free = cli_free};
    struct docker_cli *cli = mem_alloc(sizeof(*cli));
    list_init(&cli->forgotten);
    docker_init(&cli->base, &ops, host, program, socket);
    return &cli->base;
}
