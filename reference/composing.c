/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composing containerizer. It knows for each container who was asked last, and one of three
 * states; every transition stands in state_set's table. An entry has a number that is never used
 * again: whoever comes back from a call to a containerizer finds out by it whether the entry that
 * it left is still there.
 */
#include "reference/composing.h"

#include <assert.h>
#include <errno.h>

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/operation.h"

enum entry_state { ENTRY_LAUNCHING, ENTRY_LAUNCHED, ENTRY_DESTROYING };
static const char *const entry_state_names[] = {"LAUNCHING", "LAUNCHED", "DESTROYING"};

/* Which state may follow which. Removal is possible from everywhere. */
static const bool entry_transitions[3][3] = {
    [ENTRY_LAUNCHING] = {[ENTRY_LAUNCHED] = true, [ENTRY_DESTROYING] = true},
    [ENTRY_LAUNCHED] = {[ENTRY_DESTROYING] = true},
    [ENTRY_DESTROYING] = {[ENTRY_DESTROYING] = true},
};

struct composing {
    struct containerizer base;
    struct host *host;
    struct containerizer **items; /* owned */
    size_t count;
    struct strmap *entries; /* id -> struct entry * */
    struct list visits;     /* calls under way: struct visit */
    uint64_t last_number;
    bool ending;
};

struct entry {
    uint64_t number;
    enum entry_state state;
    struct containerizer *owner;
};

static struct composing *composing_of(struct containerizer *base)
{
    return container_of(base, struct composing, base);
}

static struct entry *entry_add(struct composing *composing, const char *id,
    enum entry_state state, struct containerizer *owner)
{
    struct entry *entry = mem_alloc(sizeof(*entry));
    entry->number = ++composing->last_number;
    entry->state = state;
    entry->owner = owner;
    strmap_set(composing->entries, id, entry);
    trace_event(composing->host->trace, "agent", "composing.state", 0,
        "id=%s state=%s containerizer=%s", id, entry_state_names[state], owner->ops->name);
    return entry;
}

static void entry_set_state(
    struct composing *composing, const char *id, struct entry *entry, enum entry_state state)
{
    assert(entry_transitions[entry->state][state]);
    entry->state = state;
    trace_event(composing->host->trace, "agent", "composing.state", 0,
        "id=%s state=%s containerizer=%s", id, entry_state_names[state], entry->owner->ops->name);
}

/* The entry with that number; NULL when it is gone, even when the id was launched anew. */
static struct entry *entry_find(const struct composing *composing, const char *id, uint64_t number)
{
    struct entry *entry = strmap_get(composing->entries, id);
    return entry && entry->number == number ? entry : NULL;
}

static void entry_remove(struct composing *composing, const char *id, uint64_t number)
{
    struct entry *entry = entry_find(composing, id, number);
    if (!entry)
        return;
    strmap_remove(composing->entries, id);
    free(entry);
    trace_event(
        composing->host->trace, "agent", "composing.state", 0, "id=%s state=%s", id, "REMOVED");
}

/* Who may know the container: the owner of its root; NULL when the root is not in the map. */
static struct containerizer *owner_by_root(const struct composing *composing, const char *id)
{
    _cleanup_free_ char *root = container_id_root(id);
    const struct entry *entry = strmap_get(composing->entries, root);
    return entry ? entry->owner : NULL;
}

/* A call that is under way at one of the containerizers, for one entry. */
struct visit {
    struct list node;
    struct composing *composing;
    char *id;
    uint64_t number;
    struct done done;
};

static struct visit *visit_new(
    struct composing *composing, const char *id, uint64_t number, struct done done)
{
    struct visit *visit = mem_alloc(sizeof(*visit));
    visit->composing = composing;
    visit->id = str_dup(id);
    visit->number = number;
    visit->done = done;
    list_append(&composing->visits, &visit->node);
    return visit;
}

static void visit_free(struct visit *visit)
{
    list_remove(&visit->node);
    free(visit->id);
    free(visit);
}

/* The wait of a launched container settled, in whichever way: the entry goes. */
static void wait_settled(void *arg, int result, const void *value, const struct err *err)
{
    struct visit *visit = arg;
    (void)result, (void)value, (void)err;
    if (!visit->composing->ending)
        entry_remove(visit->composing, visit->id, visit->number);
    visit_free(visit);
}

static void entry_subscribe(struct composing *composing, const char *id, const struct entry *entry)
{
    struct visit *visit = visit_new(composing, id, entry->number, DONE_NONE);
    containerizer_wait(entry->owner, id, DONE(wait_settled, visit));
}

/* Launch: the arguments are kept, as each containerizer is to get the same ones. */
struct launch {
    struct composing *composing;
    char *id;
    uint64_t number;
    bool nested;
    size_t tried; /* index of the containerizer that is being asked; roots only */
    struct container_config config;
    struct environment_variable *environment;
    size_t environment_count;
    char *pid_checkpoint_path;
    struct done done;
};

static void launch_free(struct launch *launch)
{
    for (size_t i = 0; i < launch->environment_count; i++)
        json_type_release(&environment_variable_json, &launch->environment[i]);
    free(launch->environment);
    json_type_release(&container_config_json, &launch->config);
    free(launch->pid_checkpoint_path);
    free(launch->id);
    free(launch);
}

static void launch_answer(struct launch *launch, enum launch_result result)
{
    done_ok(launch->done, &result);
    launch_free(launch);
}

static void launch_attempted(void *arg, int result, const void *value, const struct err *err);

static void launch_attempt(struct launch *launch, struct containerizer *owner)
{
    containerizer_launch(owner, launch->id, &launch->config, launch->environment,
        launch->environment_count, launch->pid_checkpoint_path, DONE(launch_attempted, launch));
}

/* The answer of one containerizer, by the numbered rules of composing.md "launch". */
static void launch_attempted(void *arg, int result, const void *value, const struct err *err)
{
    struct launch *launch = arg;
    struct composing *composing = launch->composing;

    /* A failed launch is no fall-through: the entry stays until the caller destroys it. */
    if (result < 0 || composing->ending) {
        done_fail(launch->done, result < 0 ? result : -ESHUTDOWN, err);
        launch_free(launch);
        return;
    }
    enum launch_result answer = *(const enum launch_result *)value;
    struct entry *entry = entry_find(composing, launch->id, launch->number);
    if (!entry) { /* 1 */
        sometimes("composing: a destroy ended before the launch did");
        launch_answer(launch, answer);
        return;
    }
    if (answer == LAUNCH_SUCCESS) { /* 2 */
        if (entry->state == ENTRY_LAUNCHING) {
            entry_set_state(composing, launch->id, entry, ENTRY_LAUNCHED);
            entry_subscribe(composing, launch->id, entry);
        }
        launch_answer(launch, answer);
        return;
    }
    if (launch->nested || launch->tried + 1 == composing->count) { /* 4 */
        entry_remove(composing, launch->id, launch->number);
        launch_answer(launch, LAUNCH_NOT_SUPPORTED);
        return;
    }
    if (entry->state == ENTRY_DESTROYING) { /* 5 */
        sometimes("composing: destroyed between two attempts");
        operation_refuse(
            launch->done, -ECANCELED, "launch", launch->id, "destroyed while launching");
        launch_free(launch);
        return;
    }
    entry->owner = composing->items[++launch->tried]; /* 3, 6 */
    launch_attempt(launch, entry->owner);
}

static void composing_launch(struct containerizer *base, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    struct composing *composing = composing_of(base);
    if (strmap_get(composing->entries, id)) {
        enum launch_result already = LAUNCH_ALREADY_LAUNCHED;
        done_ok(done, &already);
        return;
    }
    bool nested = container_id_is_nested(id);
    struct containerizer *owner = nested ? owner_by_root(composing, id) : composing->items[0];
    if (!owner) {
        operation_refuse(done, -ENOENT, "launch", id, "root container not found");
        return;
    }
    const struct entry *entry = entry_add(composing, id, ENTRY_LAUNCHING, owner);
    struct launch *launch = mem_alloc(sizeof(*launch));
    launch->composing = composing;
    launch->id = str_dup(id);
    launch->number = entry->number;
    launch->nested = nested;
    launch->done = done;
    launch->pid_checkpoint_path = str_dup(pid_checkpoint_path);
    json_type_copy(&container_config_json, &launch->config, config);
    launch->environment_count = environment_count;
    if (environment_count > 0)
        launch->environment = mem_alloc(environment_count * sizeof(*launch->environment));
    for (size_t i = 0; i < environment_count; i++)
        json_type_copy(&environment_variable_json, &launch->environment[i], &environment[i]);
    launch_attempt(launch, owner);
}

/* Destroy: the result of the containerizer is passed on; the entry goes, even when it failed. */
static void destroy_settled(void *arg, int result, const void *value, const struct err *err)
{
    struct visit *visit = arg;
    struct done done = visit->done;
    if (!visit->composing->ending)
        entry_remove(visit->composing, visit->id, visit->number);
    visit_free(visit);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
}

static void composing_wait(struct containerizer *base, const char *id, struct done done)
{
    struct containerizer *owner = owner_by_root(composing_of(base), id);
    if (owner)
        containerizer_wait(owner, id, done);
    else
        done_ok(done, NULL);
}

static void composing_destroy(struct containerizer *base, const char *id, struct done done)
{
    struct composing *composing = composing_of(base);
    struct entry *entry = strmap_get(composing->entries, id);
    if (!entry) {
        composing_wait(base, id, done);
        return;
    }
    entry_set_state(composing, id, entry, ENTRY_DESTROYING);
    struct visit *visit = visit_new(composing, id, entry->number, done);
    containerizer_destroy(entry->owner, id, DONE(destroy_settled, visit));
}

/* Only the caller loses interest: a destroy goes on, and its entry goes when that has ended. */
static void composing_wait_cancel(struct containerizer *base, const char *id, const void *arg)
{
    struct composing *composing = composing_of(base);
    list_for_each(node, &composing->visits)
    {
        struct visit *visit = list_entry(node, struct visit, node);
        if (!visit->done.fn || visit->done.arg != arg || !str_equal(visit->id, id))
            continue;
        struct done done = visit->done;
        visit->done = DONE_NONE;
        operation_refuse(done, -ECANCELED, "destroy", id, "given up");
        return;
    }
    struct containerizer *owner = owner_by_root(composing, id);
    if (owner)
        containerizer_wait_cancel(owner, id, arg);
}

static void composing_remove(struct containerizer *base, const char *id, struct done done)
{
    struct containerizer *owner = owner_by_root(composing_of(base), id);
    if (owner)
        containerizer_remove(owner, id, done);
    else
        operation_refuse(done, -ENOENT, "remove", id, "root container not found");
}

/* The operations that are routed by the id itself: the owner, or NULL after a failure. */
static struct containerizer *owner_or_fail(
    struct containerizer *base, const char *operation, const char *id, struct done done)
{
    const struct entry *entry = strmap_get(composing_of(base)->entries, id);
    if (entry)
        return entry->owner;
    operation_refuse(done, -ENOENT, operation, id, "container not found");
    return NULL;
}

static void composing_attach(struct containerizer *base, const char *id, struct done done)
{
    struct containerizer *owner = owner_or_fail(base, "attach", id, done);
    if (owner)
        containerizer_attach(owner, id, done);
}

static void composing_update(struct containerizer *base, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct containerizer *owner = owner_or_fail(base, "update", id, done);
    if (owner)
        containerizer_update(owner, id, requests, limits, done);
}

static void composing_usage(struct containerizer *base, const char *id, struct done done)
{
    struct containerizer *owner = owner_or_fail(base, "usage", id, done);
    if (owner)
        containerizer_usage(owner, id, done);
}

static void composing_status(struct containerizer *base, const char *id, struct done done)
{
    struct containerizer *owner = owner_or_fail(base, "status", id, done);
    if (owner)
        containerizer_status(owner, id, done);
}

static void composing_kill(struct containerizer *base, const char *id, int signal, struct done done)
{
    const struct entry *entry = strmap_get(composing_of(base)->entries, id);
    if (entry) {
        containerizer_kill(entry->owner, id, signal, done);
        return;
    }
    bool killed = false;
    done_ok(done, &killed);
}

static int composing_phase(
    struct containerizer *base, const char *id, enum container_phase *ret_phase)
{
    const struct entry *entry = strmap_get(composing_of(base)->entries, id);
    return entry ? containerizer_phase(entry->owner, id, ret_phase) : -ENOENT;
}

static char **composing_containers(struct containerizer *base)
{
    char **ids = mem_alloc(sizeof(*ids)); /* an empty list is a list too */
    size_t cursor = 0;
    const char *id;
    void *entry;
    while (strmap_next(composing_of(base)->entries, &cursor, &id, &entry))
        strv_add(&ids, id);
    strv_sort(ids);
    return ids;
}

/* A call to all containerizers in parallel; the first failure answers for all. */
struct gathering {
    struct composing *composing;
    size_t pending;
    bool answered;
    void (*complete)(struct composing *composing);
    struct done done;
};

static void gathering_settled(void *arg, int result, const void *value, const struct err *err)
{
    struct gathering *gathering = arg;
    (void)value;
    assert(gathering->pending > 0);
    gathering->pending--;
    if (result < 0 && !gathering->answered) {
        gathering->answered = true;
        done_fail(gathering->done, result, err);
    }
    if (gathering->pending > 0)
        return;
    if (!gathering->answered && gathering->complete)
        gathering->complete(gathering->composing);
    if (!gathering->answered)
        done_ok(gathering->done, NULL);
    free(gathering);
}

static struct gathering *gathering_new(
    struct composing *composing, void (*complete)(struct composing *), struct done done)
{
    struct gathering *gathering = mem_alloc(sizeof(*gathering));
    *gathering = (struct gathering){composing, composing->count, false, complete, done};
    return gathering;
}

/* After the recovery of all: who has which container. */
static void recovered(struct composing *composing)
{
    for (size_t i = 0; i < composing->count && !composing->ending; i++) {
        struct containerizer *owner = composing->items[i];
        _cleanup_strv_ char **ids = containerizer_containers(owner);
        for (size_t j = 0; ids && ids[j]; j++) {
            struct entry *earlier = strmap_get(composing->entries, ids[j]);
            if (earlier) { /* the later one wins (quirk); nothing leaks here */
                sometimes("composing: two containerizers recovered the same container");
                entry_remove(composing, ids[j], earlier->number);
            }
            entry_subscribe(
                composing, ids[j], entry_add(composing, ids[j], ENTRY_LAUNCHED, owner));
        }
    }
}

static void composing_recover(
    struct containerizer *base, const struct agent_state *state, struct done done)
{
    struct composing *composing = composing_of(base);
    struct gathering *gathering = gathering_new(composing, recovered, done);
    for (size_t i = 0, count = composing->count; i < count; i++)
        containerizer_recover(composing->items[i], state, DONE(gathering_settled, gathering));
}

static void composing_prune_images(
    struct containerizer *base, char *const *keep, struct done done)
{
    struct composing *composing = composing_of(base);
    struct gathering *gathering = gathering_new(composing, NULL, done);
    for (size_t i = 0, count = composing->count; i < count; i++)
        containerizer_prune_images(composing->items[i], keep, DONE(gathering_settled, gathering));
}

static void composing_free(struct containerizer *base)
{
    struct composing *composing = composing_of(base);
    composing->ending = true;
    for (size_t i = 0; i < composing->count; i++)
        containerizer_free(composing->items[i]);
    size_t cursor = 0;
    const char *id;
    void *entry;
    while (strmap_next(composing->entries, &cursor, &id, &entry))
        free(entry);
    strmap_free(composing->entries);
    json_decref(composing->base.metrics);
    free(composing->items);
    free(composing);
}

/* All count in one object, which each brings up to date. */
static const json_t *composing_metrics(struct containerizer *containerizer)
{
    struct composing *composing = container_of(containerizer, struct composing, base);
    for (size_t i = 0; i < composing->count; i++)
        containerizer_metrics(composing->items[i]);
    return containerizer->metrics;
}

static const struct containerizer_ops composing_ops = {
    .name = "composing",
    .recover = composing_recover,
    .launch = composing_launch,
    .attach = composing_attach,
    .update = composing_update,
    .usage = composing_usage,
    .status = composing_status,
    .wait = composing_wait,
    .wait_cancel = composing_wait_cancel,
    .destroy = composing_destroy,
    .kill = composing_kill,
    .containers = composing_containers,
    .remove = composing_remove,
    .prune_images = composing_prune_images,
    .phase = composing_phase,
    .metrics = composing_metrics,
    .free = composing_free,
};

struct containerizer *composing_containerizer_new(
    struct host *host, struct containerizer *const *containerizers, size_t count)
{
    assert(count > 0);
    struct composing *composing = mem_alloc(sizeof(*composing));
    composing->base.ops = &composing_ops;
    composing->base.metrics = json_object();
    composing->host = host;
    composing->items = mem_alloc(count * sizeof(struct containerizer *));
    composing->count = count;
    composing->entries = strmap_new();
    list_init(&composing->visits);
    for (size_t i = 0; i < count; i++) {
        struct containerizer *item = containerizers[i];
        json_object_update(composing->base.metrics, item->metrics);
        json_decref(item->metrics);
        item->metrics = json_incref(composing->base.metrics);
        composing->items[i] = item;
    }
    return &composing->base;
}
