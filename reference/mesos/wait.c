/* SPDX-License-Identifier: Apache-2.0 */
/* wait and destroy: who asks for the termination of a container, and what they get. */
#include "reference/mesos/container.h"

#include <errno.h>

void waiters_answer(struct list *waiters, const char *id, const struct termination *termination,
    int result, const struct err *err)
{
    while (!list_empty(waiters)) {
        struct waiter *waiter = list_entry(waiters->next, struct waiter, node);
        list_remove(&waiter->node);
        if (termination)
            done_ok(waiter->done, termination);
        else
            operation_fail(waiter->done, result, err, waiter->operation, id);
        free(waiter);
    }
}

/* A destroy that has failed is the end of all waiting. */
static void add_waiter(struct container *container, const char *operation, struct done done)
{
    const struct destroy *destroy = container->destroy;
    if (destroy && *destroy->path == DESTROY_FAILED) {
        operation_fail(done, destroy->err.code, &destroy->err, operation, container->id);
        return;
    }
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->done = done;
    waiter->operation = operation;
    list_append(&container->waiters, &waiter->node);
}

/* Of an unknown container only a nested one's termination may be left, on disk. */
static void answer_unknown(
    struct mesos *mesos, const char *id, const char *operation, struct done done)
{
    if (!container_id_is_nested(id)) {
        done_ok(done, NULL);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *runtime = mesos_runtime_path(mesos->flags.runtime_dir, id);
    void *termination = NULL;
    int r = checkpoint_read(mesos->host, runtime, CHECKPOINT_TERMINATION, &termination_json,
        &termination, &err);
    if (r < 0) {
        operation_fail(done, r, &err, operation, id);
        return;
    }
    done_ok(done, termination);
    if (termination)
        json_type_release(&termination_json, termination);
    free(termination);
}

void mesos_wait(struct containerizer *containerizer, const char *id, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos))
        operation_refuse(done, -ESHUTDOWN, "wait", id, "agent gone");
    else if (container)
        add_waiter(container, "wait", done);
    else
        answer_unknown(mesos, id, "wait", done);
}

void mesos_wait_cancel(struct containerizer *containerizer, const char *id, const void *arg)
{
    struct container *container = container_find(mesos_of(containerizer), id);
    if (!container)
        return;
    list_for_each(node, &container->waiters)
    {
        struct waiter *waiter = list_entry(node, struct waiter, node);
        if (waiter->done.arg != arg)
            continue;
        list_remove(node);
        operation_refuse(waiter->done, -ECANCELED, waiter->operation, id, "given up");
        free(waiter);
        return;
    }
}

void mesos_destroy(struct containerizer *containerizer, const char *id, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "destroy", id, "agent gone");
        return;
    }
    if (!container) {
        answer_unknown(mesos, id, "destroy", done);
        return;
    }
    add_waiter(container, "destroy", done);
    container_destroy(container, NULL);
}
