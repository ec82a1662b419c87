/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/tests/puppet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/operation.h"

static struct puppet *puppet_of(struct containerizer *base)
{
    return container_of(base, struct puppet, base);
}

static void note(struct puppet *puppet, const char *call, const char *id)
{
    strbuf_addf(&puppet->calls, "%s%s %s", puppet->calls.length ? ", " : "", call, id);
}

static void hold(struct puppet *puppet, enum asked kind, struct done done)
{
    puppet->asked[kind]++;
    assert_true(puppet->held_count[kind] < HELD_MAX);
    puppet->held[kind][puppet->held_count[kind]++] = done;
}

/* Forgets one, as a containerizer does before it answers. */
static struct done take_at(struct puppet *puppet, enum asked kind, size_t at)
{
    assert_true(at < puppet->held_count[kind]);
    struct done done = puppet->held[kind][at];
    for (size_t i = at + 1; i < puppet->held_count[kind]; i++)
        puppet->held[kind][i - 1] = puppet->held[kind][i];
    puppet->held_count[kind]--;
    return done;
}

/* The last that was asked. */
struct done puppet_take(struct puppet *puppet, enum asked kind)
{
    return take_at(puppet, kind, puppet->held_count[kind] - 1);
}

static void puppet_recover(
    struct containerizer *base, const struct agent_state *state, struct done done)
{
    (void)state;
    if (puppet_of(base)->fails)
        operation_refuse(done, -EIO, "recover", "all", "%s", puppet_of(base)->fails);
    else
        hold(puppet_of(base), ASKED_RECOVER, done);
}

static void puppet_launch(struct containerizer *base, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    _cleanup_free_ char *what = str_printf("launch[%s %s %zu %s]",
        config->command_info.value ? config->command_info.value : "-",
        environment_count > 0 ? environment[0].value : "-", environment_count,
        pid_checkpoint_path ? pid_checkpoint_path : "-");
    note(puppet_of(base), what, id);
    hold(puppet_of(base), ASKED_LAUNCH, done);
}

static void puppet_simple(struct containerizer *base, const char *call, const char *id,
    struct done done)
{
    note(puppet_of(base), call, id);
    done_ok(done, NULL);
}

static void puppet_attach(struct containerizer *base, const char *id, struct done done)
{
    puppet_simple(base, "attach", id, done);
}

static void puppet_update(struct containerizer *base, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    (void)requests, (void)limits;
    puppet_simple(base, "update", id, done);
}

static void puppet_usage(struct containerizer *base, const char *id, struct done done)
{
    puppet_simple(base, "usage", id, done);
}

static void puppet_status(struct containerizer *base, const char *id, struct done done)
{
    puppet_simple(base, "status", id, done);
}

static void puppet_remove(struct containerizer *base, const char *id, struct done done)
{
    puppet_simple(base, "remove", id, done);
}

static void puppet_wait(struct containerizer *base, const char *id, struct done done)
{
    note(puppet_of(base), "wait", id);
    hold(puppet_of(base), ASKED_WAIT, done);
}

static void puppet_wait_cancel(struct containerizer *base, const char *id, const void *arg)
{
    struct puppet *puppet = puppet_of(base);
    for (size_t i = 0; i < puppet->held_count[ASKED_WAIT]; i++) {
        if (puppet->held[ASKED_WAIT][i].arg != arg)
            continue;
        operation_refuse(take_at(puppet, ASKED_WAIT, i), -ECANCELED, "wait", id, "given up");
        return;
    }
}

static void puppet_destroy(struct containerizer *base, const char *id, struct done done)
{
    note(puppet_of(base), "destroy", id);
    hold(puppet_of(base), ASKED_DESTROY, done);
}

static void puppet_kill(struct containerizer *base, const char *id, int signal, struct done done)
{
    (void)signal;
    bool killed = true;
    note(puppet_of(base), "kill", id);
    done_ok(done, &killed);
}

static char **puppet_containers(struct containerizer *base)
{
    return strv_copy(puppet_of(base)->known);
}

static void puppet_prune(struct containerizer *base, char *const *keep, struct done done)
{
    (void)keep;
    if (puppet_of(base)->fails)
        operation_refuse(done, -EIO, "prune", "images", "%s", puppet_of(base)->fails);
    else
        puppet_simple(base, "prune", "images", done);
}

static int puppet_phase(struct containerizer *base, const char *id, enum container_phase *ret_phase)
{
    (void)base, (void)id;
    *ret_phase = CONTAINER_FETCHING;
    return 0;
}

static void puppet_free(struct containerizer *base)
{
    struct puppet *puppet = puppet_of(base);
    for (enum asked kind = 0; kind < ASKED_KINDS; kind++)
        while (puppet->held_count[kind] > 0)
            done_fail(puppet_take(puppet, kind), -ESHUTDOWN, NULL);
    strbuf_release(&puppet->calls);
    strv_free(puppet->known);
    json_decref(puppet->base.metrics);
    free(puppet);
}

static const struct containerizer_ops puppet_ops = {
    .name = "puppet",
    .recover = puppet_recover,
    .launch = puppet_launch,
    .attach = puppet_attach,
    .update = puppet_update,
    .usage = puppet_usage,
    .status = puppet_status,
    .wait = puppet_wait,
    .wait_cancel = puppet_wait_cancel,
    .destroy = puppet_destroy,
    .kill = puppet_kill,
    .containers = puppet_containers,
    .remove = puppet_remove,
    .prune_images = puppet_prune,
    .phase = puppet_phase,
    .free = puppet_free,
};

void puppet_launch_answers(struct puppet *puppet, enum launch_result result)
{
    done_ok(puppet_take(puppet, ASKED_LAUNCH), &result);
}

void puppet_settles(struct puppet *puppet, enum asked kind, int64_t status)
{
    struct termination termination = {.status = OPT(status)};
    done_ok(puppet_take(puppet, kind), &termination);
}

struct puppet *puppet_new(void)
{
    struct puppet *puppet = mem_alloc(sizeof(*puppet));
    puppet->base.ops = &puppet_ops;
    return puppet;
}
