/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a run: what is still there is destroyed through the containerizer, the agent stops,
 * and the world is audited. Nothing may be left, and every wait must have been answered once.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/model/container_id.h"
#include "scenarios/engine/backends/docker_control.h"
#include "scenarios/engine/run/operation.h"

static void release_all(struct run *run)
{
    struct instance *instance = &run->instance;
    if (run->world->docker_control)
        run->world->docker_control->ops->calm(run->world->docker_control);
    fault_plan_release(&run->faults);
    run->faults = (struct fault_plan){0};
    if (run->world->ops->knobs_off)
        run->world->ops->knobs_off(run->world);
    for (size_t i = 0; i < instance->isolators_count; i++) {
        for (unsigned call = 0; call < ISOLATOR_CALL_COUNT; call++)
            fake_isolator_release(instance->isolators[i], (enum isolator_call)call, NULL);
    }
    for (unsigned call = 0; instance->launcher && call < LAUNCHER_CALL_COUNT; call++)
        fake_launcher_release(instance->launcher, (enum launcher_call)call, NULL);
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->known, &cursor, &id, &value)) {
        for (size_t i = 0; i < instance->fetchers_count; i++)
            fake_fetcher_release(instance->fetchers[i], id);
        if (instance->provisioner)
            fake_provisioner_release(instance->provisioner, id);
    }
}

/* A destroy that failed leaves its container in DESTROYING for good (containerizer.md 3): then only
 * a new agent can clean up. */
static void note_stuck(struct run *run)
{
    list_for_each(node, &run->operations)
    {
        const struct operation *operation = list_entry(node, struct operation, node);
        bool ends = operation->kind == &operation_destroy || operation->kind == &operation_wait;
        if (!ends || !operation->answers || operation->result >= 0 || operation_cut(operation))
            continue;
        struct known *known = known_get(run, operation->id);
        if (known)
            known->stuck = true;
    }
}

static bool is_stuck(struct run *run, const char *id)
{
    const struct known *known = known_get(run, id);
    return known && known->stuck;
}

struct settled {
    struct operation **operations;
    size_t count;
};
static bool all_answered(struct run *run, void *arg)
{
    (void)run;
    const struct settled *settled = arg;
    for (size_t i = 0; i < settled->count; i++) {
        if (!settled->operations[i]->answers)
            return false;
    }
    return true;
}

static bool none_left(struct run *run, void *arg)
{
    (void)arg;
    if (!run->instance.agent)
        return true;
    _cleanup_strv_ char **ids = containerizer_containers(run->instance.agent->containerizer);
    for (size_t i = 0; ids && ids[i]; i++) {
        if (!is_stuck(run, ids[i]))
            return false;
    }
    return true;
}

/* Destroys every root that is known and not stuck, and waits until nothing is left. */
static int destroy_all(struct run *run, struct err *err)
{
    _cleanup_strv_ char **ids = containerizer_containers(run->instance.agent->containerizer);
    struct settled settled = {mem_alloc((strv_length(ids) + 1) * sizeof(struct operation *)), 0};
    int result = 0;
    for (size_t i = 0; ids && ids[i] && result == 0; i++) {
        if (container_id_is_nested(ids[i]) || is_stuck(run, ids[i]))
            continue;
        struct operation *operation =
            operation_start(run, &operation_destroy, ids[i], NULL, NULL, err);
        if (operation)
            settled.operations[settled.count++] = operation;
        else
            result = err->code;
    }
    if (result == 0)
        result = run_until(run, all_answered, &settled, 0, "the final destroys to answer", err);
    for (size_t i = 0; i < settled.count && result == 0; i++) {
        const struct operation *operation = settled.operations[i];
        if (operation->result < 0 && !operation_cut(operation))
            result = err_set(err, -EPROTO, "the final destroy of %s failed: %s", operation->id,
                operation->error);
    }
    free(settled.operations);
    if (result == 0)
        result = run_until(run, none_left, NULL, 0, "all containers to go", err);
    return result;
}

static bool something_stuck(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->known, &cursor, &id, &value)) {
        if (((struct known *)value)->stuck)
            return true;
    }
    return false;
}

static void forget_stuck(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->known, &cursor, &id, &value))
        ((struct known *)value)->stuck = false;
}

/* Containers end by the agent that runs, and, where it cannot, by a new one that recovers. */
static int end_containers(struct run *run, struct err *err)
{
    int result = 0;
    release_all(run);
    run_settle(run, 0, 0);
    if (node_get(run->scenario->agent, "expect"))
        return 0; /* there was to be no agent */
    note_stuck(run);
    if (instance_alive(run))
        result = destroy_all(run, err);
    note_stuck(run);
    bool again = !instance_alive(run) || something_stuck(run);
    if (result < 0 && run->lenient) {
        /* After a fault a destroy may fail: a new agent has to manage then. */
        err_clear(err);
        result = 0;
        again = true;
    }
    if (result < 0 || !again)
        return result;
    instance_crash(run);
    forget_stuck(run);
    result = instance_start(run, err);
    if (result < 0)
        return err_wrap(err, result, "recovery at the end");
    return destroy_all(run, err);
}

/* Every call must have been answered, exactly once, at the latest when the agent stopped. */
static void check_answers(struct run *run)
{
    list_for_each(node, &run->operations)
    {
        const struct operation *operation = list_entry(node, struct operation, node);
        if (operation->answers == 0)
            run_violation(run, "%s %s was never answered", operation->kind->name,
                operation->id ? operation->id : "");
    }
}

static int judge_the_rest(struct run *run, struct err *err)
{
    list_for_each(node, &run->operations)
    {
        struct operation *operation = list_entry(node, struct operation, node);
        if (!operation->step || operation->judged || !operation->answers)
            continue;
        const struct node *expect = node_get(operation->step->args, "expect");
        run->step = operation->step;
        if (expect && operation_judge(operation, expect, err) < 0)
            return err->code;
    }
    return 0;
}

static bool may_be_left(const struct run *run, const char *line)
{
    size_t count;
    struct node *const *what = node_list(node_get(run->scenario->root, "leaves"), "what", &count);
    for (size_t i = 0; i < count; i++) {
        if (str_starts(line, what[i]->text))
            return true;
    }
    return false;
}

/* What ends by itself when its agent is gone (a child that waits at its gate) gets so much time. */
#define BACKGROUND_QUIET_NS (300 * NS_PER_MS)
/* With docker: the longest pause after which it looks again for what a `docker run` of an agent
 * that has crashed may still make (removal.c). */
#define DOCKER_QUIET_NS (33 * NS_PER_SEC)
#define BACKGROUND_LIMIT_NS (120 * NS_PER_SEC)
#define GRACE_NS (10 * NS_PER_MS)
#define GRACE_REAL_NS (20 * NS_PER_SEC)

static bool audit_is_clean(struct run *run, void *arg)
{
    (void)arg;
    _cleanup_strv_ char **lines = run->world->ops->audit(run->world, true);
    for (size_t i = 0; lines && lines[i]; i++) {
        if (!may_be_left(run, lines[i]))
            return false;
    }
    return true;
}

static int audit(struct run *run, struct err *err)
{
    _cleanup_err_ struct err ignored = ERR_INIT;
    if (run->world->virtual_time)
        run_settle(run, GRACE_NS, GRACE_NS);
    else
        run_until(run, audit_is_clean, NULL, GRACE_REAL_NS, "", &ignored);
    _cleanup_strv_ char **lines = run->world->ops->audit(run->world, true);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; lines && lines[i]; i++) {
        if (!may_be_left(run, lines[i]))
            strbuf_addf(&text, "\nleft behind: %s", lines[i]);
    }
    if (!text.length)
        return 0;
    return err_set(err, -EPROTO, "expected nothing to be left behind%s", strbuf_text(&text));
}

/* What an agent does in the background (it does not wait for the cgroups of orphans that nobody
 * knows) comes to its end before it stops. */
static void settle_background(struct run *run)
{
    uint64_t quiet_ns = run->world->docker ? DOCKER_QUIET_NS : BACKGROUND_QUIET_NS;
    if (run->lenient && run->world->virtual_time && instance_alive(run))
        run_settle(run, quiet_ns, BACKGROUND_LIMIT_NS);
}

/* After a fault some things are only logged, and left for the next agent to find. */
static int clean_by_recovery(struct run *run, struct err *err)
{
    int result = instance_start(run, err);
    if (result == 0)
        result = destroy_all(run, err);
    instance_stop(run);
    return result < 0 ? err_wrap(err, result, "recovery at the end") : audit(run, err);
}

int run_teardown(struct run *run, bool failed, struct err *err)
{
    _cleanup_err_ struct err own = ERR_INIT;
    run->ending = true;
    int result = end_containers(run, &own);
    settle_background(run);
    instance_stop(run);
    if (run->lenient)
        outside_undo(run);
    check_answers(run);
    run_settle(run, 0, 0);
    if (result == 0 && !failed && !run->lenient)
        result = judge_the_rest(run, &own);
    run->step = result == 0 ? NULL : run->step;
    if (result == 0)
        result = audit(run, &own);
    if (result < 0 && run->lenient) {
        err_clear(&own);
        result = clean_by_recovery(run, &own);
    }
    if (result == 0 && run->violation)
        result = err_set(&own, -EPROTO, "%s", run->violation);
    if (result < 0 && !failed)
        err_copy(err, &own);
    return result;
}
