/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/isolator.h"

#include <assert.h>

void isolator_recover(struct isolator *isolator, const struct container_state *states, size_t count,
    char *const *orphans, struct done done)
{
    if (isolator->ops->recover)
        isolator->ops->recover(isolator, states, count, orphans, done);
    else
        done_ok(done, NULL);
}

void isolator_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    assert(id && config);
    if (isolator->ops->prepare)
        isolator->ops->prepare(isolator, id, config, done);
    else
        done_ok(done, NULL);
}

void isolator_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    assert(pid > 0);
    if (isolator->ops->isolate)
        isolator->ops->isolate(isolator, id, pid, done);
    else
        done_ok(done, NULL);
}

bool isolator_watch(struct isolator *isolator, const char *id, struct done done)
{
    if (!isolator->ops->watch)
        return false;
    isolator->ops->watch(isolator, id, done);
    return true;
}

void isolator_exited(struct isolator *isolator, const char *id)
{
    if (isolator->ops->exited)
        isolator->ops->exited(isolator, id);
}

void isolator_update(struct isolator *isolator, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done)
{
    assert(requests && limits);
    if (isolator->ops->update)
        isolator->ops->update(isolator, id, requests, limits, done);
    else
        done_ok(done, NULL);
}

void isolator_usage(struct isolator *isolator, const char *id, struct done done)
{
    static const struct statistics nothing;

    if (isolator->ops->usage)
        isolator->ops->usage(isolator, id, done);
    else
        done_ok(done, &nothing);
}

void isolator_status(struct isolator *isolator, const char *id, struct done done)
{
    static const struct container_status nothing;

    if (isolator->ops->status)
        isolator->ops->status(isolator, id, done);
    else
        done_ok(done, &nothing);
}

void isolator_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    if (isolator->ops->cleanup)
        isolator->ops->cleanup(isolator, id, done);
    else
        done_ok(done, NULL);
}

void isolator_metrics(struct isolator *isolator, json_t *into)
{
    if (isolator->ops->metrics)
        isolator->ops->metrics(isolator, into);
}

void isolator_free(struct isolator *isolator)
{
    if (isolator)
        isolator->ops->free(isolator);
}

void isolator_list_free(struct isolator_list *list)
{
    for (size_t i = list->count; i > 0; i--)
        isolator_free(list->items[i - 1]);
    free(list->items);
    *list = (struct isolator_list){0};
}
