/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds of isolators for every container (containerizer.md 4): what was prepared is cleaned up
 * before its destruction succeeds, in the reverse of the order of the agent's list, never twice,
 * and not while a process of the container lives. It is learned from the trace.
 */
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/run/place.h"

struct lifecycle {
    struct strmap *prepared; /* isolator -> itself */
    struct strmap *cleaned;
    uintptr_t last_rank; /* of the last cleanup, 0: none yet */
};

static void lifecycle_free(struct lifecycle *lifecycle)
{
    strmap_free(lifecycle->prepared);
    strmap_free(lifecycle->cleaned);
    free(lifecycle);
}

void lifecycles_forget(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->lifecycles, &cursor, &id, &value))
        lifecycle_free(value);
    strmap_free(run->lifecycles);
    strmap_free(run->ranks);
    run->lifecycles = strmap_new();
    run->ranks = strmap_new();
}

/* A new one when `fresh`: the id begins anew. */
static struct lifecycle *lifecycle_of(struct run *run, const char *id, bool fresh)
{
    struct lifecycle *lifecycle = strmap_get(run->lifecycles, id);
    if (lifecycle && !fresh)
        return lifecycle;
    if (lifecycle)
        lifecycle_free(lifecycle);
    lifecycle = mem_alloc(sizeof(*lifecycle));
    lifecycle->prepared = strmap_new();
    lifecycle->cleaned = strmap_new();
    strmap_set(run->lifecycles, id, lifecycle);
    return lifecycle;
}

/* Recovery calls all of them, in the order of the list: that is where ranks come from. */
static uintptr_t rank_of(struct run *run, const char *name)
{
    uintptr_t rank = (uintptr_t)strmap_get(run->ranks, name);
    if (!rank) {
        rank = strmap_count(run->ranks) + 1;
        strmap_set(run->ranks, name, (void *)rank);
    }
    return rank;
}

static void check_processes(struct run *run, const char *id, const char *name)
{
    /* On a real kernel a look at all processes at every cleanup would cost more than the cleanup.
     */
    size_t alive = run->world->virtual_time ? place_processes(run, id) : 0;
    if (alive)
        run_violation(
            run, "isolator %s cleans up %s while %zu of its processes live", name, id, alive);
}

static void on_cleanup(struct run *run, const char *id, const char *name)
{
    struct lifecycle *lifecycle = lifecycle_of(run, id, false);
    uintptr_t rank = rank_of(run, name);
    if (strmap_get(lifecycle->cleaned, name))
        run_violation(run, "isolator %s cleans up %s twice", name, id);
    else if (lifecycle->last_rank && rank >= lifecycle->last_rank)
        run_violation(run,
            "isolator %s cleans up %s out of order, expected the reverse of the list", name, id);
    lifecycle->last_rank = rank;
    strmap_set(lifecycle->cleaned, name, lifecycle);
    check_processes(run, id, name);
}

static void on_destroyed(struct run *run, const char *id)
{
    struct lifecycle *lifecycle = lifecycle_of(run, id, false);
    size_t cursor = 0;
    const char *name;
    void *value;
    while (strmap_next(lifecycle->prepared, &cursor, &name, &value)) {
        if (!strmap_get(lifecycle->cleaned, name))
            run_violation(run,
                "isolator %s prepared %s, which is destroyed, but never cleaned it up", name, id);
    }
}

void lifecycle_event(struct run *run, const char *op, const json_t *args)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    const char *name = json_string_value(json_object_get(args, "name"));
    if (strcmp(op, "isolator.recover") == 0 && name)
        rank_of(run, name);
    if (!id)
        return;
    if (strcmp(op, "container.state") == 0)
        lifecycle_of(run, id, true);
    else if (strcmp(op, "container.destroy") == 0 &&
             !json_string_value(json_object_get(args, "error")))
        on_destroyed(run, id);
    else if (strcmp(op, "isolator.prepare") == 0 && name)
        strmap_set(lifecycle_of(run, id, false)->prepared, name, run);
    else if (strcmp(op, "isolator.cleanup") == 0 && name)
        on_cleanup(run, id, name);
}
