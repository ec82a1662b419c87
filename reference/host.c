/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of the host: effects, the list of pending requests, time and randomness. The calls
 * about processes are in host_process.c, those about files and mounts in host_files.c.
 */
#include "reference/host.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/host_front.h"

/* A callback that answers every shutdown with a new request would never end: no agent has this
 * many. */
#define UNWIND_MAX (UINT64_C(1) << 24)

const char *const effect_kind_names[EFFECT_KIND_COUNT + 1] = {
    [EFFECT_SPAWN] = "spawn",
    [EFFECT_GATE_RELEASE] = "gate.release",
    [EFFECT_SIGNAL] = "signal",
    [EFFECT_PROCESS_WRITE] = "process.write",
    [EFFECT_RUN] = "run",
    [EFFECT_MKDIR] = "mkdir",
    [EFFECT_FILE_WRITE] = "file.write",
    [EFFECT_FILE_REMOVE] = "file.remove",
    [EFFECT_TREE_REMOVE] = "tree.remove",
    [EFFECT_RENAME] = "rename",
    [EFFECT_SYMLINK] = "symlink",
    [EFFECT_CHOWN] = "chown",
    [EFFECT_MOUNT] = "mount",
    [EFFECT_UNMOUNT] = "unmount",
    [EFFECT_CGROUP_CREATE] = "cgroup.create",
    [EFFECT_CGROUP_REMOVE] = "cgroup.remove",
    [EFFECT_CGROUP_WRITE] = "cgroup.write",
    [EFFECT_CGROUP_CHOWN] = "cgroup.chown",
    [EFFECT_EVENT] = "event",
    [EFFECT_FETCH] = "fetch",
    [EFFECT_PROVISION] = "provision",
    [EFFECT_DOCKER] = "docker",
    [EFFECT_BPF] = "bpf",
    [EFFECT_MESSAGE] = "message",
};

static const char *const effect_action_names[] = {
    [EFFECT_PROCEED] = NULL,
    [EFFECT_FAIL] = "fail",
    [EFFECT_LOSE] = "lose",
    [EFFECT_CRASH_BEFORE] = "crash before",
    [EFFECT_CRASH_AFTER] = "crash after",
};

void host_init(
    struct host *host, const struct host_ops *ops, struct loop *loop, struct trace *trace)
{
    assert(host && ops && loop);
    host->ops = ops;
    host->loop = loop;
    host->trace = trace;
    host->gates = u64map_new();
    list_init(&host->requests);
}

static void requests_unwind(struct host *host)
{
    for (uint64_t count = 0; !list_empty(&host->requests); count++) {
        assert(count < UNWIND_MAX);
        struct host_request *request =
            list_entry(host->requests.next, struct host_request, node);
        request->shutdown(request);
    }
}

void host_free(struct host *host)
{
    if (!host)
        return;
    host->gone = true;
    host_gates_close(host);
    requests_unwind(host);
    cgroup_hierarchies_free(host->cgroups);
    u64map_free(host->gates);
    free(host->facts.kernel);
    host->ops->free(host);
}

void host_crash(struct host *host)
{
    host->gone = true;
}

void host_gone(struct host *host)
{
    host->gone = true;
    host_gates_close(host);
    requests_unwind(host);
    if (host->ops->agent_gone)
        host->ops->agent_gone(host);
}

int host_gone_error(struct err *err)
{
    return err_set(err, -ESHUTDOWN, "agent gone");
}

/* Effects. */

static void effect_trace(struct host *host, enum effect_kind kind, const char *subject,
    const char *detail, const struct effect_verdict *verdict, int result)
{
    if (!host->trace)
        return;
    const char *name = effect_kind_names[kind];
    const char *fault = effect_action_names[verdict->action];
    if (fault || verdict->delay_ns)
        trace_event(host->trace, "agent", name, result,
            "effect=%lu subject=%s detail=%s fault=%s delay=%lu", (unsigned long)host->effects,
            subject, detail, fault ? fault : "delay", (unsigned long)verdict->delay_ns);
    else if (detail)
        trace_event(host->trace, "agent", name, result, "effect=%lu subject=%s detail=%s",
            (unsigned long)host->effects, subject, detail);
    else
        trace_event(host->trace, "agent", name, result, "effect=%lu subject=%s",
            (unsigned long)host->effects, subject);
}

static struct effect_verdict effect_decide(
    struct host *host, enum effect_kind kind, const char *subject, const char *detail)
{
    if (!host->hook.decide)
        return (struct effect_verdict){.action = EFFECT_PROCEED};
    const struct effect effect = {
        .number = host->effects, .kind = kind, .subject = subject, .detail = detail};
    return host->hook.decide(host->hook.arg, &effect);
}

int host_effect(struct host *host, enum effect_kind kind, const char *subject, const char *detail,
    struct effect_verdict *ret_verdict, struct err *err)
{
    assert(kind < EFFECT_KIND_COUNT);
    *ret_verdict = (struct effect_verdict){.action = EFFECT_PROCEED};
    if (host->gone)
        return host_gone_error(err);
    host->effects++;
    const struct effect_verdict verdict = effect_decide(host, kind, subject, detail);
    *ret_verdict = verdict;
    switch (verdict.action) {
    case EFFECT_PROCEED:
    case EFFECT_CRASH_AFTER:
        return 0;
    case EFFECT_FAIL:
        assert(verdict.error < 0);
        effect_trace(host, kind, subject, detail, &verdict, verdict.error);
        return err_errno(err, verdict.error, "%s %s", effect_kind_names[kind], subject);
    case EFFECT_LOSE:
        effect_trace(host, kind, subject, detail, &verdict, 0);
        return 1;
    case EFFECT_CRASH_BEFORE:
        effect_trace(host, kind, subject, detail, &verdict, -ESHUTDOWN);
        host_crash(host);
        return host_gone_error(err);
    }
    return 0;
}

int host_effect_done(struct host *host, enum effect_kind kind, const char *subject,
    const char *detail, const struct effect_verdict *verdict, int result, struct err *err)
{
    effect_trace(host, kind, subject, detail, verdict, result);
    if (verdict->action != EFFECT_CRASH_AFTER)
        return result;
    host_crash(host);
    return host_gone_error(err);
}

int host_deliver(struct host *host, const char *subject, const char *detail, int *result,
    struct effect_verdict *ret_verdict)
{
    *ret_verdict = (struct effect_verdict){.action = EFFECT_PROCEED};
    if (host->gone)
        return -ESHUTDOWN;
    if (!host_is_observed(host)) {
        host->effects++;
        return 0;
    }
    int decided = host_effect(host, EFFECT_EVENT, subject, detail, ret_verdict, NULL);
    if (ret_verdict->action == EFFECT_FAIL) {
        *result = ret_verdict->error;
        return 0;
    }
    if (decided != 0)
        return -ECANCELED;
    effect_trace(host, EFFECT_EVENT, subject, detail, ret_verdict, *result);
    return ret_verdict->delay_ns ? 1 : 0;
}

void host_delivered(struct host *host, const struct effect_verdict *verdict)
{
    if (verdict->action == EFFECT_CRASH_AFTER)
        host_crash(host);
}

/* Requests. */

void host_request_add(struct host *host, struct host_request *request,
    void (*cancel)(struct host_request *), void (*shutdown)(struct host_request *))
{
    request->host = host;
    request->cancel = cancel;
    request->shutdown = shutdown;
    list_append(&host->requests, &request->node);
}

void host_request_end(struct host_request *request)
{
    list_remove(&request->node);
}

void host_cancel(struct host_request *request)
{
    if (request)
        request->cancel(request);
}

/* A timer, or (without one) something that its owner completes. */
struct call_request {
    struct host_request request;
    struct loop_timer *timer;
    host_fn fn;
    void *arg;
};

static void call_cancel(struct host_request *request)
{
    struct call_request *call = container_of(request, struct call_request, request);
    loop_timer_stop(request->host->loop, call->timer);
    host_request_end(request);
    free(call);
}

static void call_finish(struct call_request *call, int result)
{
    host_fn fn = call->fn;
    void *arg = call->arg;
    call_cancel(&call->request);
    fn(arg, result);
}

static void call_shutdown(struct host_request *request)
{
    call_finish(container_of(request, struct call_request, request), -ESHUTDOWN);
}

static struct call_request *call_new(struct host *host, host_fn fn, void *arg)
{
    assert(fn);
    struct call_request *call = mem_alloc(sizeof(*call));
    call->fn = fn;
    call->arg = arg;
    host_request_add(host, &call->request, call_cancel, call_shutdown);
    return call;
}

static void timer_due(void *arg)
{
    struct call_request *call = arg;
    call->timer = NULL;
    /* A gone agent is told by host_gone, not by the loop. */
    if (!call->request.host->gone)
        call_finish(call, 0);
}

struct host_request *host_timer(struct host *host, uint64_t delay_ns, host_fn fn, void *arg)
{
    struct call_request *call = call_new(host, fn, arg);
    if (!host->gone)
        call->timer = loop_timer_start(host->loop, delay_ns, timer_due, call);
    return &call->request;
}

struct host_request *host_pending(struct host *host, host_fn fn, void *arg)
{
    return &call_new(host, fn, arg)->request;
}

void host_complete(struct host_request *request, int result)
{
    assert(request->cancel == call_cancel);
    if (!request->host->gone)
        call_finish(container_of(request, struct call_request, request), result);
}

/* Time and randomness. */

double host_wall_time(struct host *host)
{
    return host->ops->wall_time(host);
}

void host_random(struct host *host, const char *stream, void *bytes, size_t length)
{
    if (host->gone)
        memset(bytes, 0, length);
    else
        host->ops->random(host, stream, bytes, length);
}

/* RFC 9562 section 5.4: version 4, variant 10. */
char *host_uuid(struct host *host, const char *stream)
{
    unsigned char bytes[16];
    host_random(host, stream, bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char text[37];
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%02x", bytes[i]);
    }
    return str_dup(text);
}
