/* SPDX-License-Identifier: Apache-2.0 */
/* update: new requests and limits (containerizer.md 1.4). They are kept even when an isolator
 * fails. */
#include "reference/mesos/container.h"

#include <errno.h>

/* Called at the first failure, or at the end; answers once. */
static void update_answer(struct gather *gather)
{
    struct done done = gather->done;
    gather->done = DONE_NONE;
    if (!done.fn)
        return;
    trace_event(gather->mesos->host->trace, "agent", "container.update", gather->result, "id=%s",
        gather->id);
    if (gather->result < 0)
        operation_fail(done, gather->result, &gather->err, "update", gather->id);
    else if (gather->mesos->closing)
        operation_refuse(done, -ESHUTDOWN, "update", gather->id, "agent gone");
    else
        done_ok(done, NULL);
}

static void update_finished(struct gather *gather)
{
    update_answer(gather);
    gather_free(gather);
}

static void keep_allotment(struct container *container, const struct resources *requests,
    const struct resource_limits *limits)
{
    if (!container->allotment)
        container->allotment = mem_alloc(sizeof(*container->allotment));
    static const struct resources none;
    resources_copy(&container->allotment->requests, requests ? requests : &none);
    container->allotment->limits = limits ? *limits : (struct resource_limits){0};
}

void mesos_update(struct containerizer *containerizer, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "update", id, "agent gone");
        return;
    }
    if (container_id_is_nested(id)) {
        operation_refuse(done, -EINVAL, "update", id, "nested containers are not updated");
        return;
    }
    /* A task may end after its executor: that is no failure. */
    if (!container || container->phase == CONTAINER_DESTROYING) {
        done_ok(done, NULL);
        return;
    }
    keep_allotment(container, requests, limits);
    const struct allotment *allotment = container->allotment;
    struct gather *gather = gather_new(mesos, id, done, NULL, mesos->isolators.count);
    gather->failed = update_answer;
    gather->finished = update_finished;
    mesos_hold(mesos);
    for (size_t i = 0; i < mesos->isolators.count; i++) {
        struct isolator *isolator = mesos->isolators.items[i];
        if (container_uses(container, isolator))
            isolator_update(isolator, id, &allotment->requests, &allotment->limits,
                gather_done(gather, isolator->name));
    }
    gather_end(gather);
    mesos_resume(mesos);
}
