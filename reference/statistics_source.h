/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of containers from outside the cgroup files, such as probes in the kernel. The
 * launcher publishes a container before its first task runs, the containerizer retires it once it
 * is gone, and merges what the source says into usage. A host without source has NULL; then all of
 * this is nothing.
 */
#pragma once

#include "reference/base/err.h"
#include "reference/model/statistics.h"

struct statistics_source;
struct statistics_source_ops {
    /* cgroup: its path below the root of the hierarchies; it exists. parent: an id, or NULL. */
    int (*publish)(struct statistics_source *source, const char *id, const char *cgroup,
        const char *parent, struct err *err);
    /* Unknown ids are fine. */
    void (*retire)(struct statistics_source *source, const char *id);
    /* Adds to `into`; leaves it alone when the container is not known. */
    void (*usage)(struct statistics_source *source, const char *id, struct statistics *into);
    void (*free)(struct statistics_source *source);
};
struct statistics_source {
    const struct statistics_source_ops *ops;
};

/* Makes a source; fails when there is none to be had. unified: containers are known by their
 * cgroups of v2, wherever that is mounted. */
typedef int (*statistics_source_new_fn)(
    bool unified, struct statistics_source **ret_source, struct err *err);

static inline int statistics_source_publish(struct statistics_source *source, const char *id,
    const char *cgroup, const char *parent, struct err *err)
{
    return source ? source->ops->publish(source, id, cgroup, parent, err) : 0;
}

static inline void statistics_source_retire(struct statistics_source *source, const char *id)
{
    if (source)
        source->ops->retire(source, id);
}

static inline void statistics_source_usage(
    struct statistics_source *source, const char *id, struct statistics *into)
{
    if (source)
        source->ops->usage(source, id, into);
}

static inline void statistics_source_free(struct statistics_source *source)
{
    if (source)
        source->ops->free(source);
}
