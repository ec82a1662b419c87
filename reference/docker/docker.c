/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the docker seam: command lines, effects, and answers that come late. */
#include "reference/docker/docker.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/host_front.h"

const char *const docker_verb_names[DOCKER_VERB_COUNT + 1] = {
    [DOCKER_VERSION] = "version",
    [DOCKER_RUN] = "run",
    [DOCKER_STOP] = "stop",
    [DOCKER_KILL] = "kill",
    [DOCKER_RM] = "rm",
    [DOCKER_INSPECT] = "inspect",
    [DOCKER_PS] = "ps",
    [DOCKER_PULL] = "pull",
    [DOCKER_IMAGE_INSPECT] = "inspect image",
    NULL,
};

const struct json_type *const docker_value_types[DOCKER_VERB_COUNT] = {
    [DOCKER_VERSION] = &docker_version_json,
    [DOCKER_RUN] = &docker_exit_json,
    [DOCKER_INSPECT] = &docker_inspection_json,
    [DOCKER_PS] = &docker_names_json,
    [DOCKER_IMAGE_INSPECT] = &docker_image_json,
};

void docker_init(struct docker *docker, const struct docker_ops *ops, struct host *host,
    const char *program, const char *socket)
{
    docker->ops = ops;
    docker->host = host;
    docker->program = str_dup(program);
    docker->socket = str_dup(socket);
}

void docker_release(struct docker *docker)
{
    free(docker->program);
    free(docker->socket);
}

void docker_free(struct docker *docker)
{
    if (docker)
        docker->ops->free(docker);
}

/* --- command lines --- */

char **docker_arguments(const struct docker *docker, const struct docker_call *call)
{
    char **line = NULL;
    strv_add(&line, docker->program);
    strv_add(&line, "-H");
    strv_add_owned(&line, str_printf("unix://%s", docker->socket));
    switch (call->verb) {
    case DOCKER_VERSION:
        strv_add(&line, "--version");
        return line;
    case DOCKER_RUN:
        strv_add(&line, "run");
        docker_run_options_arguments(call->run, &line);
        return line;
    case DOCKER_STOP:
        strv_add(&line, "stop");
        strv_add(&line, "-t");
        strv_add_owned(&line, str_printf("%ld", (long)call->stop_seconds));
        break;
    case DOCKER_KILL:
        strv_add(&line, "kill");
        strv_add_owned(&line, str_printf("--signal=%d", call->signal));
        break;
    case DOCKER_RM:
        strv_add(&line, "rm");
        if (call->force)
            strv_add(&line, "-f");
        strv_add(&line, "-v");
        break;
    case DOCKER_INSPECT:
        strv_add(&line, "inspect");
        strv_add(&line, "--type=container");
        break;
    case DOCKER_PS:
        strv_add(&line, "ps");
        strv_add(&line, "-a");
        return line;
    case DOCKER_PULL:
        strv_add(&line, "pull");
        break;
    case DOCKER_IMAGE_INSPECT:
        strv_add(&line, "inspect");
        break;
    case DOCKER_VERB_COUNT:
        assert(false);
    }
    strv_add(&line, call->name);
    return line;
}

char *docker_line(char *const *arguments)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=:/.,@+%";
    struct strbuf line = STRBUF_INIT;
    for (size_t i = 0; arguments[i]; i++) {
        const char *quote = arguments[i][strspn(arguments[i], plain)] || !*arguments[i] ? "'" : "";
        strbuf_addf(&line, "%s%s%s%s", i > 0 ? " " : "", quote, arguments[i], quote);
    }
    return strbuf_take(&line);
}

/* --- calls --- */

struct front_call {
    struct host_request request;
    struct host_request *inner;
    struct loop_timer *late;
    struct done done;
    enum docker_verb verb;
    uint64_t delay_ns; /* the hook's */
    int result;
    struct err err;
    void *value; /* a copy, while late */
};

static void call_cancel(struct host_request *request)
{
    struct front_call *call = container_of(request, struct front_call, request);
    if (call->inner)
        call->inner->cancel(call->inner);
    loop_timer_stop(request->host->loop, call->late);
    host_request_end(request);
    err_clear(&call->err);
    if (call->value)
        json_type_release(docker_value_types[call->verb], call->value);
    free(call->value);
    free(call);
}

static void call_finish(
    struct front_call *call, int result, const void *value, const struct err *err)
{
    struct done done = call->done;
    host_request_end(&call->request);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
    call_cancel(&call->request);
}

static void call_shutdown(struct host_request *request)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gone_error(&err);
    call_finish(container_of(request, struct front_call, request), r, NULL, &err);
}

static void call_late(void *arg)
{
    struct front_call *call = arg;
    call->late = NULL;
    if (!call->request.host->gone)
        call_finish(call, call->result, call->value, &call->err);
}

/* Keeps the answer for a later call; a value of NULL stands for one in which nothing is set. */
static void call_defer(
    struct front_call *call, int result, const void *value, const struct err *err)
{
    const struct json_type *type = docker_value_types[call->verb];
    call->result = result;
    err_copy(&call->err, err);
    if (type && result == 0) {
        call->value = mem_alloc(type->size);
        if (value)
            json_type_copy(type, call->value, value);
    }
    if (call->delay_ns != UINT64_MAX)
        call->late =
            loop_timer_start(call->request.host->loop, call->delay_ns, call_late, call);
}

static void call_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct front_call *call = arg;
    call->inner = NULL;
    if (call->request.host->gone)
        return;
    if (call->delay_ns > 0)
        call_defer(call, result, value, err);
    else
        call_finish(call, result, value, err);
}

struct host_request *docker_start(
    struct docker *docker, const struct docker_call *call, struct done done)
{
    struct host *host = docker->host;
    struct front_call *front = mem_alloc(sizeof(*front));
    front->done = done;
    front->verb = call->verb;
    host_request_add(host, &front->request, call_cancel, call_shutdown);
    _cleanup_err_ struct err err = ERR_INIT;
    if (call->verb == DOCKER_STOP && call->stop_seconds < 0) {
        err_set(&err, -EINVAL, "stop %s: the timeout is negative", call->name);
        call_defer(front, -EINVAL, NULL, &err);
        return &front->request;
    }
    _cleanup_free_ char *subject = NULL;
    _cleanup_free_ char *detail = NULL;
    if (host_is_observed(host)) {
        _cleanup_strv_ char **arguments = docker_arguments(docker, call);
        const char *name = call->run ? call->run->name : call->name;
        detail = docker_line(arguments);
        subject = str_printf(
            "%s%s%s", docker_verb_names[call->verb], name ? " " : "", name ? name : "");
    }
    struct effect_verdict verdict = {0};
    int r = host_effect(host, EFFECT_DOCKER, subject, detail, &verdict, &err);
    front->delay_ns = verdict.delay_ns;
    if (host->gone)
        return &front->request;
    if (r == 0) {
        front->inner = docker->ops->start(docker, call, DONE(call_ended, front));
        host_effect_done(host, EFFECT_DOCKER, subject, detail, &verdict, 0, NULL);
    } else {
        call_defer(front, r < 0 ? r : 0, NULL, &err);
    }
    return &front->request;
}

struct host_request *docker_run(
    struct docker *docker, const struct docker_run_options *options, struct done done)
{
    return docker_start(docker, &(struct docker_call){.verb = DOCKER_RUN, .run = options}, done);
}

struct host_request *docker_stop(
    struct docker *docker, const char *name, int64_t timeout_ns, struct done done)
{
    const struct docker_call call = {
        .verb = DOCKER_STOP,
        .name = name,
        .stop_seconds = timeout_ns < 0 ? -1 : timeout_ns / (int64_t)NS_PER_SEC,
    };
    return docker_start(docker, &call, done);
}

struct host_request *docker_kill(
    struct docker *docker, const char *name, int signal, struct done done)
{
    const struct docker_call call = {.verb = DOCKER_KILL, .name = name, .signal = signal};
    return docker_start(docker, &call, done);
}

struct host_request *docker_rm(
    struct docker *docker, const char *name, bool force, struct done done)
{
    const struct docker_call call = {.verb = DOCKER_RM, .name = name, .force = force};
    return docker_start(docker, &call, done);
}

struct host_request *docker_inspect(struct docker *docker, const char *name, struct done done)
{
    return docker_start(docker, &(struct docker_call){.verb = DOCKER_INSPECT, .name = name}, done);
}

struct host_request *docker_ps(struct docker *docker, const char *prefix, struct done done)
{
    return docker_start(docker, &(struct docker_call){.verb = DOCKER_PS, .name = prefix}, done);
}

struct host_request *docker_pull(
    struct docker *docker, const char *image, const char *home, struct done done)
{
    const struct docker_call call = {.verb = DOCKER_PULL, .name = image, .home = home};
    return docker_start(docker, &call, done);
}

struct host_request *docker_inspect_image(
    struct docker *docker, const char *image, struct done done)
{
    const struct docker_call call = {.verb = DOCKER_IMAGE_INSPECT, .name = image};
    return docker_start(docker, &call, done);
}
