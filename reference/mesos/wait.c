/* SPDX-License-Identifier: Apache-2.0 */
/* wait and destroy: who asks for the termination of a container, and what they get. */
#include "reference/mesos/container.h"

#include <errno.h>

/* A destroy that has failed is the end of all waiting. */
static void add_waiter(struct container *container, const char *operation, struct done done)
{
    const struct destroy *destroy = container->destroy;
    if (destroy && *destroy->path == DESTROY_FAILED) {
        operation_fail(done, destroy->err.code, &destroy->err, operation, container->id);
        return;
    }
    waiters_add(&container->waiters, done, operation);
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
    if (container)
        waiters_cancel(&container->waiters, id, arg);
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
