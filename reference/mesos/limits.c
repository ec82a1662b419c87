/* SPDX-License-Identifier: Apache-2.0 */
/* Limitations: a watch of an isolator that ends has the container destroyed (containerizer.md 4.1).
 */
#include "reference/mesos/container.h"

#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"

/* One pending watch. It may end after the container. */
struct watch {
    struct list node;
    struct container *container; /* NULL once that is gone */
    const struct isolator *isolator;
};

static void limited(struct watch *watch, const struct limitation *limitation)
{
    struct container *container = watch->container;
    struct termination details = {
        .state = (char *)"TASK_FAILED",
        .reason = limitation->reason,
        .message = limitation->message,
        .limited_resources = limitation->resources,
    };
    trace_event(container->mesos->host->trace, "agent", "container.limitation", 0,
        "id=%s isolator=%s reason=%s message=%s", container->id, watch->isolator->name,
        limitation->reason, limitation->message);
    if (container->phase == CONTAINER_DESTROYING)
        json_type_copy(&termination_json, &container->destroy->termination, &details);
    else
        container_destroy(container, &details);
}

/* While it is destroyed only what made its init end matters, of which the exit was heard first. */
static bool matters(const struct container *container, const struct limitation *limitation)
{
    const struct destroy *destroy = container->destroy;
    return container->phase != CONTAINER_DESTROYING ||
           (limitation->ends_init && destroy->by_exit && !destroy->termination.state);
}

static void watch_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct watch *watch = arg;
    struct container *container = watch->container;
    bool heard = container && mesos_alive(container->mesos) && result != -ESHUTDOWN;
    list_remove(&watch->node);
    if (heard && result == 0 && value && matters(container, value)) {
        limited(watch, value);
    } else if (heard && container->phase == CONTAINER_DESTROYING) {
        sometimes("a watch of limits ended after destroy began");
    } else if (heard) {
        log_warning("limits of %s: isolator %s: %s", container->id, watch->isolator->name,
            err ? err_text(err) : err_name(result));
        container_destroy(container, NULL);
    }
    free(watch);
}

void container_watch_limits(struct container *container)
{
    const struct isolator_list *isolators = &container->mesos->isolators;
    struct watch *watch = NULL;
    for (size_t i = 0; i < isolators->count; i++) {
        if (!container_uses(container, isolators->items[i]))
            continue;
        if (!watch)
            watch = mem_alloc(sizeof(*watch));
        *watch = (struct watch){.container = container, .isolator = isolators->items[i]};
        list_append(&container->watches, &watch->node);
        /* It may end, and be gone, within the call. */
        struct watch *asked = TAKE_PTR(watch);
        if (!isolator_watch(isolators->items[i], container->id, DONE(watch_ended, asked))) {
            list_remove(&asked->node);
            watch = asked;
        }
    }
    free(watch);
}

void container_look_at_limits(struct container *container)
{
    const struct isolator_list *isolators = &container->mesos->isolators;
    for (size_t i = 0; i < isolators->count; i++) {
        if (container_uses(container, isolators->items[i]))
            isolator_exited(isolators->items[i], container->id);
    }
}

void container_unwatch_limits(struct container *container)
{
    list_for_each_safe(node, following, &container->watches)
    {
        list_entry(node, struct watch, node)->container = NULL;
        list_remove(node);
    }
}
