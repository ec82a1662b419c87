/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/provisioner/pulls.h"

#include <errno.h>

struct waiter {
    struct list node;
    struct done done;
};

void pulls_init(struct pulls *pulls, const struct pull_ops *ops, void *owner)
{
    pulls->ops = ops;
    pulls->owner = owner;
    list_init(&pulls->list);
}

static void waiter_answer(struct waiter *waiter, int result, const struct err *err)
{
    struct done done = waiter->done;
    list_remove(&waiter->node);
    free(waiter);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
}

/* Out of the list first: who is answered may ask for the same key again. */
void pull_settle(struct pull *pull, int result, const struct err *err)
{
    list_remove(&pull->node);
    while (!list_empty(&pull->waiters))
        waiter_answer(list_entry(pull->waiters.next, struct waiter, node), result, err);
    free(pull->key);
    free(pull);
}

void pulls_release(struct pulls *pulls)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    while (!list_empty(&pulls->list)) {
        struct pull *pull = list_entry(pulls->list.next, struct pull, node);
        pulls->ops->cancel(pull);
        pull_settle(pull, -ESHUTDOWN, &err);
    }
}

static struct pull *pull_find(struct pulls *pulls, const char *key)
{
    list_for_each(node, &pulls->list) {
        struct pull *pull = list_entry(node, struct pull, node);
        if (str_equal(pull->key, key))
            return pull;
    }
    return NULL;
}

void pulls_join(struct pulls *pulls, const char *key, const void *request, struct done done)
{
    struct pull *pull = pull_find(pulls, key);
    bool fresh = !pull;
    if (fresh) {
        pull = mem_alloc(sizeof(*pull));
        pull->pulls = pulls;
        pull->key = str_dup(key);
        list_init(&pull->waiters);
        list_append(&pulls->list, &pull->node);
    }
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->done = done;
    list_append(&pull->waiters, &waiter->node);
    if (fresh)
        pulls->ops->start(pull, request);
}

bool pulls_leave(struct pulls *pulls, void *arg)
{
    list_for_each(at, &pulls->list) {
        struct pull *pull = list_entry(at, struct pull, node);
        list_for_each(node, &pull->waiters) {
            struct waiter *waiter = list_entry(node, struct waiter, node);
            if (waiter->done.arg != arg)
                continue;
            _cleanup_err_ struct err err = ERR_INIT;
            err_set(&err, -ECANCELED, "cancelled");
            bool last = waiter->node.next == waiter->node.prev; /* the head on both sides */
            if (last)
                pulls->ops->cancel(pull);
            struct done left = waiter->done;
            list_remove(&waiter->node);
            free(waiter);
            if (last)
                pull_settle(pull, -ECANCELED, &err);
            done_fail(left, -ECANCELED, &err);
            return true;
        }
    }
    return false;
}
