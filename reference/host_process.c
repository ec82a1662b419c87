/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the host: processes, their gates and ends, and helper commands. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "reference/base/map.h"
#include "reference/host_front.h"

/* A gate has a number of the front's own, never used again, so that closing it twice is harmless
 * whatever the implementation's descriptors do. */
struct gate {
    int inner;
    char *container; /* for traces; may be NULL */
};

static int gate_add(struct host *host, int inner, const char *container)
{
    struct gate *gate = mem_alloc(sizeof(*gate));
    gate->inner = inner;
    gate->container = host_is_observed(host) ? str_dup(container) : NULL;
    u64map_set(host->gates, (uint64_t)++host->last_gate, gate);
    return host->last_gate;
}

static void gate_end(struct host *host, struct gate *gate)
{
    host->ops->gate_close(host, gate->inner);
    free(gate->container);
    free(gate);
}

void host_gates_close(struct host *host)
{
    size_t cursor = 0;
    uint64_t number = 0;
    void *gate = NULL;
    while (u64map_next(host->gates, &cursor, &number, &gate)) {
        u64map_remove(host->gates, number);
        gate_end(host, gate);
    }
}

int host_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    const char *subject = plan->container_id ? plan->container_id : "";
    const char *command = plan->info.command ? plan->info.command->value : NULL;
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_SPAWN, subject, command, &verdict, err);
    if (r == 1) /* there is no process that could be said to be there */
        return err_errno(err, -EAGAIN, "clone");
    if (r < 0)
        return r;
    pid_t pid = 0;
    int inner = -1;
    r = host->ops->spawn(host, plan, &pid, &inner, err);
    int gate = r == 0 ? gate_add(host, inner, plan->container_id) : -1;
    r = host_effect_done(host, EFFECT_SPAWN, subject, command, &verdict, r, err);
    if (r < 0)
        return r;
    *ret_pid = pid;
    *ret_gate = gate;
    return 0;
}

int host_gate_release(struct host *host, int number, struct err *err)
{
    if (host->gone)
        return host_gone_error(err);
    struct gate *gate = number > 0 ? u64map_remove(host->gates, (uint64_t)number) : NULL;
    if (!gate)
        return err_errno(err, -EBADF, "release gate %d", number);
    const char *subject = gate->container ? gate->container : "";
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_GATE_RELEASE, subject, NULL, &verdict, err);
    if (r == 0) {
        r = host->ops->gate_release(host, gate->inner, err);
        r = host_effect_done(host, EFFECT_GATE_RELEASE, subject, NULL, &verdict, r, err);
    } else if (r == 1) {
        r = 0;
    }
    gate_end(host, gate);
    return r;
}

void host_gate_close(struct host *host, int number)
{
    /* The gates of a gone agent are closed by host_gone. */
    struct gate *gate =
        number > 0 && !host->gone ? u64map_remove(host->gates, (uint64_t)number) : NULL;
    if (gate)
        gate_end(host, gate);
}

int host_signal(struct host *host, pid_t pid, int signal, struct err *err)
{
    char subject[16] = "";
    char detail[16] = "";
    if (host_is_observed(host)) {
        snprintf(subject, sizeof(subject), "%d", (int)pid);
        snprintf(detail, sizeof(detail), "%d", signal);
    }
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_SIGNAL, subject, detail, &verdict, err);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = host->ops->signal(host, pid, signal);
    if (r < 0)
        err_errno(err, r, "signal %d to %d", signal, (int)pid);
    return host_effect_done(host, EFFECT_SIGNAL, subject, detail, &verdict, r, err);
}

bool host_enters_later(struct host *host, pid_t pid)
{
    return !host->gone && host->ops->enters_later && host->ops->enters_later(host, pid);
}

int host_process_write(
    struct host *host, pid_t pid, const char *file, const char *text, struct err *err)
{
    char subject[64] = "";
    if (host_is_observed(host))
        snprintf(subject, sizeof(subject), "%d/%s", (int)pid, file);
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_PROCESS_WRITE, subject, text, &verdict, err);
    if (r != 0)
        return r == 1 ? 0 : r;
    r = host->ops->process_write(host, pid, file, text);
    if (r < 0)
        err_errno(err, r, "write \"%s\" to %s of process %d", text, file, (int)pid);
    return host_effect_done(host, EFFECT_PROCESS_WRITE, subject, text, &verdict, r, err);
}

int host_process_info(struct host *host, pid_t pid, struct process_info *ret_info)
{
    return host->gone ? -ESHUTDOWN : host->ops->process_info(host, pid, ret_info);
}

int host_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err)
{
    return host->gone ? host_gone_error(err)
                      : host->ops->process_list(host, ret_list, ret_count, err);
}

int host_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode)
{
    return host->gone ? -ESHUTDOWN : host->ops->namespace_inode(host, pid, kind, ret_inode);
}

int host_process_holds(struct host *host, pid_t pid, const char *path)
{
    return host->gone ? -ESHUTDOWN : host->ops->process_holds(host, pid, path);
}

/* Watches for an exit. The implementation's request is `inner`; the event then goes past the hook,
 * which may lose it (the watch stays until the agent ends) or let it be late. */
struct exit_request {
    struct host_request request;
    struct host_request *inner;
    struct loop_timer *late;
    pid_t pid;
    host_exit_fn fn;
    void *arg;
    int result;
    bool status_known;
    int wait_status;
};

static void exit_cancel(struct host_request *request)
{
    struct exit_request *exit = container_of(request, struct exit_request, request);
    if (exit->inner)
        exit->inner->cancel(exit->inner);
    loop_timer_stop(request->host->loop, exit->late);
    host_request_end(request);
    free(exit);
}

static void exit_finish(struct exit_request *exit)
{
    const struct exit_request copy = *exit;
    exit_cancel(&exit->request);
    copy.fn(copy.arg, copy.result, copy.status_known, copy.wait_status);
}

static void exit_shutdown(struct host_request *request)
{
    struct exit_request *exit = container_of(request, struct exit_request, request);
    exit->result = -ESHUTDOWN;
    exit->status_known = false;
    exit->wait_status = 0;
    exit_finish(exit);
}

static void exit_late(void *arg)
{
    struct exit_request *exit = arg;
    exit->late = NULL;
    if (!exit->request.host->gone)
        exit_finish(exit);
}

static void exit_happened(void *arg, int result, bool status_known, int wait_status)
{
    struct exit_request *exit = arg;
    struct host *host = exit->request.host;
    exit->inner = NULL;
    exit->result = result;
    exit->status_known = status_known;
    exit->wait_status = wait_status;
    char subject[24] = "";
    char detail[16] = "";
    if (host_is_observed(host)) {
        snprintf(subject, sizeof(subject), "exit %d", (int)exit->pid);
        snprintf(detail, sizeof(detail), status_known ? "%d" : "unknown", wait_status);
    }
    struct effect_verdict verdict;
    int r = host_deliver(host, subject, detail, &exit->result, &verdict);
    if (r < 0 || (r == 1 && verdict.delay_ns == UINT64_MAX))
        return;
    if (r == 1) {
        exit->late = loop_timer_start(host->loop, verdict.delay_ns, exit_late, exit);
        return;
    }
    exit_finish(exit);
    host_delivered(host, &verdict);
}

struct host_request *host_exit_watch(struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    assert(fn);
    struct exit_request *exit = mem_alloc(sizeof(*exit));
    exit->pid = pid;
    exit->fn = fn;
    exit->arg = arg;
    host_request_add(host, &exit->request, exit_cancel, exit_shutdown);
    if (!host->gone)
        exit->inner = host->ops->exit_watch(host, pid, exit_happened, exit);
    return &exit->request;
}

/* Helper commands. */
struct run_call {
    struct host_request request;
    struct host_request *inner;
    struct loop_timer *late;
    struct done done;
    uint64_t delay_ns; /* the hook's */
    int code;
    struct err err;
    struct run_result result; /* with strings of its own while late */
    char *output;
    char *errors;
};

static void run_cancel(struct host_request *request)
{
    struct run_call *call = container_of(request, struct run_call, request);
    if (call->inner)
        call->inner->cancel(call->inner);
    loop_timer_stop(request->host->loop, call->late);
    host_request_end(request);
    err_clear(&call->err);
    free(call->output);
    free(call->errors);
    free(call);
}

static void run_finish(struct run_call *call, int code, const struct run_result *result,
    const struct err *err)
{
    struct done done = call->done;
    host_request_end(&call->request);
    if (code < 0)
        done_fail(done, code, err);
    else
        done_ok(done, result);
    run_cancel(&call->request);
}

static void run_shutdown(struct host_request *request)
{
    struct run_call *call = container_of(request, struct run_call, request);
    _cleanup_err_ struct err err = ERR_INIT;
    host_gone_error(&err);
    run_finish(call, -ESHUTDOWN, NULL, &err);
}

static void run_late(void *arg)
{
    struct run_call *call = arg;
    call->late = NULL;
    if (!call->request.host->gone)
        run_finish(call, call->code, &call->result, &call->err);
}

/* Keeps the answer for a later call. */
static void run_defer(struct run_call *call, int code, const struct run_result *result,
    const struct err *err, uint64_t delay_ns)
{
    call->code = code;
    err_copy(&call->err, err);
    if (result) {
        call->result = *result;
        call->output = str_ndup(result->output ? result->output : "", result->output_length);
        call->errors = str_dup(result->errors ? result->errors : "");
        call->result.output = call->output;
        call->result.errors = call->errors;
    }
    if (delay_ns != UINT64_MAX)
        call->late = loop_timer_start(call->request.host->loop, delay_ns, run_late, call);
}

static void run_ended(void *arg, int code, const void *value, const struct err *err)
{
    struct run_call *call = arg;
    call->inner = NULL;
    if (call->request.host->gone)
        return;
    if (call->delay_ns)
        run_defer(call, code, value, err, call->delay_ns);
    else
        run_finish(call, code, value, err);
}

struct host_request *host_run(
    struct host *host, const struct run_request *request, struct done done)
{
    assert(request->argv && request->argv[0]);
    struct run_call *call = mem_alloc(sizeof(*call));
    call->done = done;
    host_request_add(host, &call->request, run_cancel, run_shutdown);
    const char *program = request->argv[0];
    const char *first = request->argv[1];
    struct effect_verdict verdict;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_effect(host, EFFECT_RUN, program, first, &verdict, &err);
    call->delay_ns = verdict.delay_ns;
    if (host->gone)
        return &call->request;
    if (r == 0) {
        struct done ended = DONE(run_ended, call);
        call->inner = host->ops->run(host, request, ended);
        host_effect_done(host, EFFECT_RUN, program, first, &verdict, 0, NULL);
        return &call->request;
    }
    /* A lost command answers success without having run. */
    const struct run_result nothing = {.output = "", .errors = ""};
    run_defer(call, r == 1 ? 0 : r, &nothing, &err, verdict.delay_ns);
    return &call->request;
}
