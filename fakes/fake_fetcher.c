/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_fetcher.h"

#include <errno.h>
#include <stdlib.h>

#include "fakes/fake_script.h"

enum fetcher_call { FETCHER_FETCH, FETCHER_KILL, FETCHER_CALL_COUNT };

static const struct fake_call_kind kinds[FETCHER_CALL_COUNT] = {
    [FETCHER_FETCH] = {"fetch", NULL},
    [FETCHER_KILL] = {"kill", NULL},
};

struct fake_fetcher {
    struct fetcher base;
    struct fake_script script;
};

static struct fake_fetcher *fake_of(struct fetcher *fetcher)
{
    return container_of(fetcher, struct fake_fetcher, base);
}

static void fake_fetch(struct fetcher *fetcher, const char *id,
    const struct command_info *command, const char *directory, const char *user, struct done done)
{
    (void)directory;
    (void)user;
    if (command->uris_count == 0) {
        done_ok(done, NULL);
        return;
    }
    struct fake_call *call =
        fake_call_begin(&fake_of(fetcher)->script, FETCHER_FETCH, id, done);
    if (!call)
        return;
    struct host *host = fetcher->host;
    const char *uri = command->uris[0].value;
    struct effect_verdict verdict;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_effect(host, EFFECT_FETCH, id, uri, &verdict, &err);
    if (r == 0)
        r = host_effect_done(host, EFFECT_FETCH, id, uri, &verdict, 0, &err);
    if (r >= 0 && verdict.delay_ns)
        fake_call_later(call, host, verdict.delay_ns, NULL);
    else
        fake_call_complete(call, r < 0 ? r : 0, NULL, &err);
}

static void fake_kill(struct fetcher *fetcher, const char *id)
{
    struct fake_fetcher *fake = fake_of(fetcher);
    fake_script_count(&fake->script, FETCHER_KILL, id, NULL);
    struct fake_call *call = fake_call_find(&fake->script, FETCHER_FETCH, id);
    if (!call)
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ECANCELED, "the fetcher was killed");
    fake_call_answer(call, -ECANCELED, NULL, &err);
}

static void fake_free(struct fetcher *fetcher)
{
    struct fake_fetcher *fake = fake_of(fetcher);
    fake_script_release(&fake->script);
    free(fake);
}

static const struct fetcher_ops fake_ops = {
    .fetch = fake_fetch,
    .kill = fake_kill,
    .free = fake_free,
};

struct fetcher *fake_fetcher_new(struct host *host)
{
    struct fake_fetcher *fake = mem_alloc(sizeof(*fake));
    fake->base.ops = &fake_ops;
    fake->base.host = host;
    fake_script_init(&fake->script, kinds, ARRAY_SIZE(kinds), host, "fetcher", NULL);
    return &fake->base;
}

void fake_fetcher_hold(struct fetcher *fetcher, const char *id)
{
    fake_script_hold(&fake_of(fetcher)->script, FETCHER_FETCH, id);
}

unsigned fake_fetcher_release(struct fetcher *fetcher, const char *id)
{
    return fake_script_deliver(&fake_of(fetcher)->script, FETCHER_FETCH, id);
}

void fake_fetcher_fail(struct fetcher *fetcher, const char *id, const char *message)
{
    fake_script_fail(&fake_of(fetcher)->script, FETCHER_FETCH, id, message, 0);
}

unsigned fake_fetcher_kills(const struct fetcher *fetcher, const char *id)
{
    return fake_script_calls(
        &container_of(fetcher, const struct fake_fetcher, base)->script, FETCHER_KILL, id);
}

char **fake_fetcher_held(const struct fetcher *fetcher)
{
    return fake_script_held(
        &container_of(fetcher, const struct fake_fetcher, base)->script, "fetcher");
}
