/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_isolator.h"

#include <errno.h>
#include <stdlib.h>

#include "fakes/fake_script.h"

const char *const isolator_call_names[ISOLATOR_CALL_COUNT + 1] = {
    [ISOLATOR_RECOVER] = "recover",
    [ISOLATOR_PREPARE] = "prepare",
    [ISOLATOR_ISOLATE] = "isolate",
    [ISOLATOR_WATCH] = "watch",
    [ISOLATOR_UPDATE] = "update",
    [ISOLATOR_USAGE] = "usage",
    [ISOLATOR_STATUS] = "status",
    [ISOLATOR_CLEANUP] = "cleanup",
};

static const struct fake_call_kind kinds[ISOLATOR_CALL_COUNT] = {
    [ISOLATOR_RECOVER] = {"recover", NULL},
    [ISOLATOR_PREPARE] = {"prepare", &fake_value_launch_info},
    [ISOLATOR_ISOLATE] = {"isolate", NULL},
    [ISOLATOR_WATCH] = {"watch", &fake_value_limitation},
    [ISOLATOR_UPDATE] = {"update", NULL},
    [ISOLATOR_USAGE] = {"usage", &fake_value_statistics},
    [ISOLATOR_STATUS] = {"status", &fake_value_status},
    [ISOLATOR_CLEANUP] = {"cleanup", NULL},
};

struct fake_isolator {
    struct isolator base;
    struct fake_script script;
    struct isolator *inner; /* NULL: stand-alone */
    char *name;
    struct launch_info *launch_info;
};

static const struct isolator_ops fake_ops;

static struct fake_isolator *fake_of(struct isolator *isolator)
{
    return container_of(isolator, struct fake_isolator, base);
}

static struct fake_call *begin(
    struct isolator *isolator, enum isolator_call kind, const char *id, struct done done)
{
    return fake_call_begin(&fake_of(isolator)->script, kind, id, done);
}

static void fake_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_RECOVER, NULL, done);
    if (call && inner)
        isolator_recover(inner, states, count, orphans, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, NULL, NULL);
}

static void fake_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct fake_isolator *fake = fake_of(isolator);
    struct fake_call *call = begin(isolator, ISOLATOR_PREPARE, id, done);
    if (call && fake->inner)
        isolator_prepare(fake->inner, id, config, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, fake->launch_info, NULL);
}

static void fake_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_ISOLATE, id, done);
    if (call && inner)
        isolator_isolate(inner, id, pid, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, NULL, NULL);
}

/* Stays pending until a limit, also around an isolator that has none. */
static void fake_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_WATCH, id, done);
    if (call && inner && inner->ops->watch)
        isolator_watch(inner, id, fake_call_done(call));
}

static void fake_exited(struct isolator *isolator, const char *id)
{
    struct isolator *inner = fake_of(isolator)->inner;
    if (inner)
        isolator_exited(inner, id);
}

static void fake_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_UPDATE, id, done);
    if (call && inner)
        isolator_update(inner, id, requests, limits, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, NULL, NULL);
}

static void fake_usage(struct isolator *isolator, const char *id, struct done done)
{
    static const struct statistics nothing;
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_USAGE, id, done);
    if (call && inner)
        isolator_usage(inner, id, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, &nothing, NULL);
}

static void fake_status(struct isolator *isolator, const char *id, struct done done)
{
    static const struct container_status nothing;
    struct isolator *inner = fake_of(isolator)->inner;
    struct fake_call *call = begin(isolator, ISOLATOR_STATUS, id, done);
    if (call && inner)
        isolator_status(inner, id, fake_call_done(call));
    else if (call)
        fake_call_complete(call, 0, &nothing, NULL);
}

/* Ends a watch that no inner isolator ends. */
static void watch_end(struct fake_isolator *fake, const char *id)
{
    struct fake_call *watch = fake_call_find(&fake->script, ISOLATOR_WATCH, id);
    if (!watch || watch->inner)
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    err_errno(&err, -ECANCELED, "watch %s", id);
    fake_call_answer(watch, -ECANCELED, NULL, &err);
}

static void fake_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct fake_isolator *fake = fake_of(isolator);
    struct fake_call *call = begin(isolator, ISOLATOR_CLEANUP, id, done);
    if (!call)
        return;
    watch_end(fake, id);
    if (fake->inner)
        isolator_cleanup(fake->inner, id, fake_call_done(call));
    else
        fake_call_complete(call, 0, NULL, NULL);
}

static void fake_metrics(struct isolator *isolator, json_t *into)
{
    struct isolator *inner = fake_of(isolator)->inner;
    if (inner)
        isolator_metrics(inner, into);
}

static void launch_info_set(struct fake_isolator *fake, const struct launch_info *info)
{
    if (fake->launch_info)
        fake_value_launch_info.free(fake->launch_info);
    fake->launch_info = info ? fake_value_launch_info.copy(info) : NULL;
}

static void fake_free(struct isolator *isolator)
{
    struct fake_isolator *fake = fake_of(isolator);
    isolator_free(fake->inner);
    fake_script_release(&fake->script);
    launch_info_set(fake, NULL);
    free(fake->name);
    free(fake);
}

static const struct isolator_ops fake_ops = {
    .recover = fake_recover,
    .prepare = fake_prepare,
    .isolate = fake_isolate,
    .watch = fake_watch,
    .exited = fake_exited,
    .update = fake_update,
    .usage = fake_usage,
    .status = fake_status,
    .cleanup = fake_cleanup,
    .metrics = fake_metrics,
    .free = fake_free,
};

static struct fake_isolator *fake_new(struct host *host, const char *name)
{
    struct fake_isolator *fake = mem_alloc(sizeof(*fake));
    fake->name = str_dup(name);
    fake_script_init(
        &fake->script, kinds, ARRAY_SIZE(kinds), host, "isolator", fake->name);
    fake->base.ops = &fake_ops;
    fake->base.name = fake->name;
    fake->base.host = host;
    return fake;
}

struct isolator *fake_isolator_new(
    struct host *host, const char *name, bool nesting, bool standalone)
{
    struct fake_isolator *fake = fake_new(host, name);
    fake->base.nesting = nesting;
    fake->base.standalone = standalone;
    return &fake->base;
}

struct isolator *fake_isolator_wrap(struct isolator *inner)
{
    struct fake_isolator *fake = fake_new(inner->host, inner->name);
    fake->base.nesting = inner->nesting;
    fake->base.standalone = inner->standalone;
    fake->inner = inner;
    return &fake->base;
}

void fake_isolator_hold(struct isolator *isolator, enum isolator_call call, const char *id)
{
    fake_script_hold(&fake_of(isolator)->script, call, id);
}

unsigned fake_isolator_release(struct isolator *isolator, enum isolator_call call, const char *id)
{
    return fake_script_deliver(&fake_of(isolator)->script, call, id);
}

void fake_isolator_fail(struct isolator *isolator, enum isolator_call call, const char *id,
    const char *message, unsigned times)
{
    fake_script_fail(&fake_of(isolator)->script, call, id, message, times);
}

int fake_isolator_limit(
    struct isolator *isolator, const char *id, const struct limitation *limitation)
{
    struct fake_call *watch = fake_call_find(&fake_of(isolator)->script, ISOLATOR_WATCH, id);
    if (!watch)
        return -ENOENT;
    fake_call_answer(watch, 0, limitation, NULL);
    return 0;
}

void fake_isolator_set_launch_info(struct isolator *isolator, const struct launch_info *info)
{
    launch_info_set(fake_of(isolator), info);
}

unsigned fake_isolator_calls(
    const struct isolator *isolator, enum isolator_call call, const char *id)
{
    return fake_script_calls(
        &container_of(isolator, const struct fake_isolator, base)->script, call, id);
}

char **fake_isolator_held(const struct isolator *isolator)
{
    return fake_script_held(
        &container_of(isolator, const struct fake_isolator, base)->script, isolator->name);
}
