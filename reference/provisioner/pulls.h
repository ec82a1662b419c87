/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls that several wait for (provisioner.md 3.3): one runs per key; whoever comes later joins it;
 * it is cancelled when the last of them has left.
 */
#pragma once

#include "reference/base/done.h"
#include "reference/base/list.h"

struct pulls;
struct pull {
    struct list node;
    struct list waiters;
    struct pulls *pulls;
    char *key;
    void *work; /* the puller's own */
};
struct pull_ops {
    /* Starts it for the request of the first who came; pull_settle may be called at once. */
    void (*start)(struct pull *pull, const void *request);
    /* Stops it and frees the work; pull_settle is not called any more. */
    void (*cancel)(struct pull *pull);
};
struct pulls {
    const struct pull_ops *ops;
    void *owner; /* of the puller */
    struct list list;
};

void pulls_init(struct pulls *pulls, const struct pull_ops *ops, void *owner);
/* Cancels all; who waits is answered -ESHUTDOWN. */
void pulls_release(struct pulls *pulls);
void pulls_join(struct pulls *pulls, const char *key, const void *request, struct done done);
/* The waiter whose done has this argument is answered -ECANCELED. False when there is none. */
bool pulls_leave(struct pulls *pulls, void *arg);
/* Answers all and frees the pull, after its work was freed. */
void pull_settle(struct pull *pull, int result, const struct err *err);
