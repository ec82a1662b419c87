/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_launcher.h"

#include <stdlib.h>

#include "fakes/fake_script.h"
#include "reference/base/map.h"

const char *const launcher_call_names[LAUNCHER_CALL_COUNT + 1] = {
    [LAUNCHER_RECOVER] = "recover",
    [LAUNCHER_FORK] = "fork",
    [LAUNCHER_DESTROY] = "destroy",
    [LAUNCHER_STATUS] = "status",
};

static const struct fake_call_kind kinds[LAUNCHER_CALL_COUNT] = {
    [LAUNCHER_RECOVER] = {"recover", &fake_value_strings},
    [LAUNCHER_FORK] = {"fork", NULL},
    [LAUNCHER_DESTROY] = {"destroy", NULL},
    [LAUNCHER_STATUS] = {"status", NULL},
};

struct fake_launcher {
    struct launcher base;
    struct launcher_ops ops; /* with the inner one's name */
    struct fake_script script;
    struct launcher *inner;
    struct strmap *lost; /* ids whose destroy does nothing */
};

static struct fake_launcher *fake_of(struct launcher *launcher)
{
    return container_of(launcher, struct fake_launcher, base);
}

static void fake_recover(struct launcher *launcher, const struct container_state *states,
    size_t count, struct done done)
{
    struct fake_launcher *fake = fake_of(launcher);
    struct fake_call *call = fake_call_begin(&fake->script, LAUNCHER_RECOVER, NULL, done);
    if (call)
        launcher_recover(fake->inner, states, count, fake_call_done(call));
}

static int fake_fork(struct launcher *launcher, const char *id, struct plan *plan, pid_t *ret_pid,
    int *ret_gate, struct err *err)
{
    struct fake_launcher *fake = fake_of(launcher);
    int r = fake_script_count(&fake->script, LAUNCHER_FORK, id, err);
    return r < 0 ? r : launcher_fork(fake->inner, id, plan, ret_pid, ret_gate, err);
}

static void fake_destroy(struct launcher *launcher, const char *id, struct done done)
{
    struct fake_launcher *fake = fake_of(launcher);
    struct fake_call *call = fake_call_begin(&fake->script, LAUNCHER_DESTROY, id, done);
    if (call && strmap_get(fake->lost, id))
        fake_call_complete(call, 0, NULL, NULL);
    else if (call)
        launcher_destroy(fake->inner, id, fake_call_done(call));
}

static int fake_status(struct launcher *launcher, const char *id, struct container_status *into,
    struct err *err)
{
    struct fake_launcher *fake = fake_of(launcher);
    int r = fake_script_count(&fake->script, LAUNCHER_STATUS, id, err);
    return r < 0 ? r : launcher_status(fake->inner, id, into, err);
}

static void fake_free(struct launcher *launcher)
{
    struct fake_launcher *fake = fake_of(launcher);
    launcher_free(fake->inner);
    fake_script_release(&fake->script);
    strmap_free(fake->lost);
    free(fake);
}

struct launcher *fake_launcher_wrap(struct launcher *inner)
{
    struct fake_launcher *fake = mem_alloc(sizeof(*fake));
    fake->ops = (struct launcher_ops){
        .name = inner->ops->name,
        .recover = fake_recover,
        .fork = fake_fork,
        .destroy = fake_destroy,
        .status = fake_status,
        .free = fake_free,
    };
    fake->base.ops = &fake->ops;
    fake->base.host = inner->host;
    fake->inner = inner;
    fake->lost = strmap_new();
    fake_script_init(&fake->script, kinds, ARRAY_SIZE(kinds), inner->host, "launcher", NULL);
    return &fake->base;
}

void fake_launcher_hold(struct launcher *launcher, enum launcher_call call, const char *id)
{
    fake_script_hold(&fake_of(launcher)->script, call, id);
}

unsigned fake_launcher_release(struct launcher *launcher, enum launcher_call call, const char *id)
{
    return fake_script_deliver(&fake_of(launcher)->script, call, id);
}

void fake_launcher_fail(struct launcher *launcher, enum launcher_call call, const char *id,
    const char *message, unsigned times)
{
    fake_script_fail(&fake_of(launcher)->script, call, id, message, times);
}

void fake_launcher_lose(struct launcher *launcher, const char *id)
{
    strmap_set(fake_of(launcher)->lost, id, launcher);
}

unsigned fake_launcher_calls(
    const struct launcher *launcher, enum launcher_call call, const char *id)
{
    return fake_script_calls(
        &container_of(launcher, const struct fake_launcher, base)->script, call, id);
}

char **fake_launcher_held(const struct launcher *launcher)
{
    return fake_script_held(
        &container_of(launcher, const struct fake_launcher, base)->script, "launcher");
}
