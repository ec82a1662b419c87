/* SPDX-License-Identifier: Apache-2.0 */
/* The double: a client that asks the simulated engine without any text in between. */
#include <errno.h>
#include <string.h>

#include "fakes/docker/engine.h"

struct double_client {
    struct docker base;
    struct fake_docker *engine;
};

struct double_call {
    struct host_request request; /* only `cancel` is used */
    struct job *job;
    enum docker_verb verb;
    char *name;
    struct done done;
};

static void call_free(struct double_call *call)
{
    free(call->name);
    free(call);
}

static void call_cancel(struct host_request *request)
{
    struct double_call *call = container_of(request, struct double_call, request);
    job_forget(call->job);
    call_free(call);
}

static void fail(struct double_call *call, int code, struct err *err)
{
    struct done done = call->done;
    err_wrap(err, code, "docker %s%s%s", docker_verb_names[call->verb], call->name ? " " : "",
        call->name ? call->name : "");
    call_free(call);
    done_fail(done, code, err);
}

static void fail_refused(struct double_call *call, const struct docker_answer *answer)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *how = docker_exit_text(answer->status);
    const char *said = answer->errors ? answer->errors : "";
    size_t length = strlen(said);
    while (length > 0 && said[length - 1] == '\n')
        length--;
    err_set(&err, -EREMOTEIO, "%s%s%.*s", how, length > 0 ? ": " : "", (int)length, said);
    fail(call, -EREMOTEIO, &err);
}

static void call_answered(void *arg, const struct docker_answer *answer)
{
    struct double_call *call = arg;
    call->job = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    if (call->verb == DOCKER_RUN) {
        struct done done = call->done;
        const struct docker_exit exit = {answer->status};
        call_free(call);
        done_ok(done, &exit);
    } else if (answer->status != 0) {
        fail_refused(call, answer);
    } else if (answer->garbage && docker_value_types[call->verb]) {
        err_set(&err, -EBADMSG, "output: \"%s\"", answer->garbage);
        fail(call, -EBADMSG, &err);
    } else {
        struct done done = call->done;
        call_free(call);
        done_ok(done, answer->value);
    }
}

static struct host_request *double_start(
    struct docker *docker, const struct docker_call *of, struct done done)
{
    struct double_client *client = container_of(docker, struct double_client, base);
    struct double_call *call = mem_alloc(sizeof(*call));
    _cleanup_strv_ char **arguments = docker_arguments(docker, of);
    call->request.host = docker->host;
    call->request.cancel = call_cancel;
    call->verb = of->verb;
    call->name = str_dup(of->run ? of->run->name : of->name);
    call->done = done;
    call->job = engine_start(client->engine, of, arguments + 3, call_answered, call);
    return &call->request;
}

static void double_free(struct docker *docker)
{
    docker_release(docker);
    free(container_of(docker, struct double_client, base));
}

struct docker *fake_docker_client(struct fake_docker *engine, struct host *host)
{
    static const struct docker_ops ops = {.start = double_start, .free = double_free};
    struct double_client *client = mem_alloc(sizeof(*client));
    docker_init(&client->base, &ops, host, "docker", "/var/run/docker.sock");
    client->engine = engine;
    return &client->base;
}
