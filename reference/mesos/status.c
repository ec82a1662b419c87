/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: what isolators and launcher know, merged. The requests for one container are answered in
 * the order in which they were asked, whichever is complete first (containerizer.md 1.6).
 */
#include "reference/mesos/container.h"

#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"

/* Lives until its container is gone and its last request was answered. */
struct status_queue {
    struct list requests;
    bool closed;
};

struct status_request {
    struct list node;
    struct status_queue *queue;
    struct gather *gather;
    bool complete;
};

static void queue_free_if_idle(struct status_queue *queue)
{
    if (queue->closed && list_empty(&queue->requests))
        free(queue);
}

void status_queue_close(struct status_queue *queue)
{
    if (!queue)
        return;
    queue->closed = true;
    queue_free_if_idle(queue);
}

static void answer_request(struct status_request *request)
{
    struct gather *gather = request->gather;
    struct container_status *status = gather->merged;
    struct mesos *mesos = gather->mesos;
    if (mesos_alive(mesos)) {
        str_set(&status->container_id, gather->id);
        done_ok(gather->done, status);
    } else {
        operation_refuse(gather->done, -ESHUTDOWN, "status", gather->id, "agent gone");
    }
    gather_free(gather);
    free(request);
}

static void status_finished(struct gather *gather)
{
    struct status_request *finished = gather->context;
    struct status_queue *queue = finished->queue;
    finished->complete = true;
    if (queue->requests.next != &finished->node)
        sometimes("a status is complete before an earlier one");
    struct list answers;
    list_init(&answers);
    while (!list_empty(&queue->requests)) {
        struct list *node = queue->requests.next;
        if (!list_entry(node, struct status_request, node)->complete)
            break;
        list_remove(node);
        list_append(&answers, node);
    }
    queue_free_if_idle(queue);
    while (!list_empty(&answers)) {
        struct list *node = answers.next;
        list_remove(node);
        answer_request(list_entry(node, struct status_request, node));
    }
}

static void ask_launcher(struct mesos *mesos, const char *id, struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct container_status status = {0};
    int r = launcher_status(mesos->launcher, id, &status, &err);
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, &status);
    json_type_release(&container_status_json, &status);
}

static struct status_queue *queue_of(struct container *container)
{
    if (!container->status_queue) {
        container->status_queue = mem_alloc(sizeof(*container->status_queue));
        list_init(&container->status_queue->requests);
    }
    return container->status_queue;
}

void mesos_status(struct containerizer *containerizer, const char *id, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "status", id, "agent gone");
        return;
    }
    if (!container) {
        operation_refuse(done, -ENOENT, "status", id, "unknown container");
        return;
    }
    struct status_request *request = mem_alloc(sizeof(*request));
    struct gather *gather =
        gather_new(mesos, id, done, &container_status_json, mesos->isolators.count + 1);
    gather->finished = status_finished;
    gather->context = request;
    request->gather = gather;
    request->queue = queue_of(container);
    list_append(&request->queue->requests, &request->node);
    mesos_hold(mesos);
    for (size_t i = 0; i < mesos->isolators.count; i++) {
        struct isolator *isolator = mesos->isolators.items[i];
        if (container_uses(container, isolator))
            isolator_status(isolator, id, gather_done(gather, isolator->name));
    }
    ask_launcher(mesos, id, gather_done(gather, "launcher"));
    gather_end(gather);
    mesos_resume(mesos);
}
