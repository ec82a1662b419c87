/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destroy (containerizer.md 4). The phase in which it came decides the path: which steps must be
 * gone through, in which order. A step that fails ends it: the container stays in DESTROYING, and
 * every wait and destroy gets that failure.
 */
#include "reference/mesos/container.h"

#include <assert.h>
#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"
#include "reference/statistics_source.h"
#include "reference/base/strbuf.h"

#define DESTROY_ERRORS "containerizer/mesos/container_destroy_errors"

/*
 * What destroy does, by the phase in which it came. PROVISIONING: no isolator and no launcher knows
 * the container, and the provisioner itself waits for the provision under way. PREPARING: a process
 * was forked only when checkpointing its pid failed.
 */
static const enum destroy_step paths[][DESTROY_FAILED] = {
    [CONTAINER_PROVISIONING] = {DESTROY_CHILDREN, DESTROY_ROOTFS, DESTROY_FINISH},
    [CONTAINER_PREPARING] = {DESTROY_CHILDREN, DESTROY_LAUNCH, DESTROY_KILL, DESTROY_EXIT,
        DESTROY_CLEANUP, DESTROY_ROOTFS, DESTROY_FINISH},
    [CONTAINER_ISOLATING] = {DESTROY_CHILDREN, DESTROY_LAUNCH, DESTROY_KILL, DESTROY_EXIT,
        DESTROY_CLEANUP, DESTROY_ROOTFS, DESTROY_FINISH},
    [CONTAINER_FETCHING] = {DESTROY_CHILDREN, DESTROY_FETCH, DESTROY_KILL, DESTROY_EXIT,
        DESTROY_CLEANUP, DESTROY_ROOTFS, DESTROY_FINISH},
    [CONTAINER_RUNNING] = {DESTROY_CHILDREN, DESTROY_KILL, DESTROY_EXIT, DESTROY_CLEANUP,
        DESTROY_ROOTFS, DESTROY_FINISH},
};
static const enum destroy_step failed_path[] = {DESTROY_FAILED};

/* --- moving along the path --- */

static enum step next_step(struct container *container)
{
    struct destroy *destroy = container->destroy;
    destroy->path++;
    destroy->asked = false;
    destroy->result = 0;
    err_clear(&destroy->err);
    return STEP_AGAIN;
}

/* The step's answer, from whoever was asked. */
static void step_answered(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct container *container = arg;
    struct destroy *destroy = container->destroy;
    assert(destroy && destroy->pending);
    destroy->pending = false;
    destroy->result = result;
    if (result < 0)
        err_take_note(&destroy->err, result, err);
    container_ready(container);
}

static struct done ask(struct container *container)
{
    container->destroy->asked = true;
    container->destroy->pending = true;
    return DONE(step_answered, container);
}

/* --- the parent --- */

static void tell_parent(struct container *container, bool failed)
{
    struct container *parent = container->parent;
    if (!parent || !parent->destroy)
        return;
    assert(parent->destroy->children > 0);
    parent->destroy->children--;
    if (failed && !parent->destroy->failed_child)
        parent->destroy->failed_child = str_dup(container->id);
    container_ready(parent);
}

/* --- the end --- */

static void trace_end(const struct container *container, int result)
{
    const struct destroy *destroy = container->destroy;
    const struct termination *termination = &destroy->termination;
    trace_event(container->mesos->host->trace, "agent", "container.destroy", result,
        "id=%s known=%b status=%ld reason=%s message=%s error=%s", container->id,
        (int)termination->status.set, (long)termination->status.value, termination->reason,
        termination->message, result < 0 ? err_text(&destroy->err) : NULL);
}

static enum step fail(struct container *container, const char *what)
{
    struct destroy *destroy = container->destroy;
    int result = destroy->result;
    assert(result < 0);
    if (what)
        err_wrap(&destroy->err, result, "%s", what);
    destroy->path = failed_path;
    containerizer_metric_add(&container->mesos->base, DESTROY_ERRORS, 1);
    trace_end(container, result);
    launch_close_gate(container);
    tell_parent(container, true);
    waiters_answer(&container->waiters, container->id, NULL, result, &destroy->err);
    return STEP_WAIT;
}

/* A nested container's termination outlives it, a root's runtime directory does not. */
static void keep_termination(struct container *container)
{
    struct host *host = container->mesos->host;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = container->nested
                ? checkpoint_write(host, container->runtime, CHECKPOINT_TERMINATION,
                      &termination_json, &container->destroy->termination, &err)
                : host_tree_remove(host, container->runtime, &err);
    if (r < 0)
        log_warning("destroy %s: %s", container->id, err_text(&err));
}

static enum step step_finish(struct container *container)
{
    struct mesos *mesos = container->mesos;
    struct termination *termination = &container->destroy->termination;
    if (container->exit_status.set)
        termination->status = container->exit_status;
    keep_termination(container);
    if (!mesos_alive(mesos))
        return STEP_WAIT; /* the agent went with the last file; a new one ends this destroy */
    trace_end(container, 0);
    tell_parent(container, false);
    struct termination ended = *termination;
    *termination = (struct termination){0};
    struct list waiters;
    list_init(&waiters);
    list_for_each_safe(node, following, &container->waiters)
    {
        list_remove(node);
        list_append(&waiters, node);
    }
    _cleanup_free_ char *id = str_dup(container->id);
    container_erase(container);
    statistics_source_retire(mesos->host->statistics, id);
    waiters_answer(&waiters, id, &ended, 0, NULL);
    json_type_release(&termination_json, &ended);
    return STEP_GONE;
}

/* --- the steps --- */

static enum step step_children(struct container *container)
{
    struct destroy *destroy = container->destroy;
    if (destroy->children > 0)
        return STEP_WAIT;
    if (!destroy->failed_child)
        return next_step(container);
    destroy->result = err_set(
        &destroy->err, -EIO, "nested container %s could not be destroyed", destroy->failed_child);
    return fail(container, NULL);
}

/* Its answer is not waited for. */
static enum step step_fetch(struct container *container)
{
    fetcher_kill(container->mesos->fetcher, container->id);
    return next_step(container);
}

static enum step step_launch(struct container *container)
{
    if (container->launch && container->launch->pending > 0)
        return STEP_WAIT;
    return next_step(container);
}

/* No pid, and not recovered: nothing was forked. A recovered one may have left a cgroup. */
static enum step step_kill(struct container *container)
{
    struct destroy *destroy = container->destroy;
    if (container->pid == 0 && container->origin == ORIGIN_LAUNCHED)
        return next_step(container);
    if (!destroy->asked) {
        launcher_destroy(container->mesos->launcher, container->id, ask(container));
        return STEP_AGAIN;
    }
    if (destroy->pending)
        return STEP_WAIT;
    if (destroy->result < 0)
        return fail(container, "could not kill all processes");
    launch_close_gate(container);
    return next_step(container);
}

static enum step step_exit(struct container *container)
{
    bool forked = container->pid != 0;
    if (forked && !container->exited)
        return STEP_WAIT;
    return next_step(container);
}

static void note_cleanup(struct destroy *destroy, const struct isolator *isolator, int result,
    const struct err *err)
{
    _cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
    if (destroy->err.code < 0)
        strbuf_addf(&all, "%s; ", err_text(&destroy->err));
    strbuf_addf(&all, "isolator %s: %s", isolator->name, err ? err_text(err) : err_name(result));
    destroy->result = result;
    err_set(&destroy->err, result, "%s", strbuf_text(&all));
}

static void cleaned_up(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct container *container = arg;
    struct destroy *destroy = container->destroy;
    assert(destroy && destroy->pending);
    destroy->pending = false;
    if (result < 0)
        note_cleanup(
            destroy, container->mesos->isolators.items[destroy->cleanups], result, err);
    container_ready(container);
}

/* One after the other, in reverse, all of them whatever the others answer. */
static enum step step_cleanup(struct container *container)
{
    struct destroy *destroy = container->destroy;
    const struct isolator_list *isolators = &container->mesos->isolators;
    if (destroy->pending)
        return STEP_WAIT;
    if (!destroy->asked) {
        destroy->asked = true;
        destroy->cleanups = isolators->count;
    }
    while (destroy->cleanups > 0) {
        struct isolator *isolator = isolators->items[--destroy->cleanups];
        if (!container_uses(container, isolator))
            continue;
        destroy->pending = true;
        isolator_cleanup(isolator, container->id, DONE(cleaned_up, container));
        return STEP_AGAIN;
    }
    return destroy->result < 0 ? fail(container, "could not clean up") : next_step(container);
}

static enum step step_rootfs(struct container *container)
{
    struct destroy *destroy = container->destroy;
    struct provisioner *provisioner = container->mesos->provisioner;
    if (!provisioner)
        return next_step(container);
    if (!destroy->asked) {
        provisioner_destroy(provisioner, container->id, ask(container));
        return STEP_AGAIN;
    }
    if (destroy->pending)
        return STEP_WAIT;
    if (destroy->result < 0)
        return fail(container, "could not remove the root file system");
    return next_step(container);
}

static enum step step_failed(struct container *container)
{
    (void)container;
    return STEP_WAIT;
}

static enum step (*const steps[])(struct container *container) = {
    [DESTROY_CHILDREN] = step_children,
    [DESTROY_FETCH] = step_fetch,
    [DESTROY_LAUNCH] = step_launch,
    [DESTROY_KILL] = step_kill,
    [DESTROY_EXIT] = step_exit,
    [DESTROY_CLEANUP] = step_cleanup,
    [DESTROY_ROOTFS] = step_rootfs,
    [DESTROY_FINISH] = step_finish,
    [DESTROY_FAILED] = step_failed,
};

/* --- the launch that it interrupts --- */

static const char *const gerunds[] = {
    [CONTAINER_PROVISIONING] = "provisioning",
    [CONTAINER_PREPARING] = "preparing",
    [CONTAINER_ISOLATING] = "isolating",
    [CONTAINER_FETCHING] = "fetching",
};

/*
 * Provisioning and fetching are given up at once; isolators answer first. True when that answered
 * the launch just now.
 */
static bool interrupt_launch(struct container *container)
{
    struct launch *launch = container->launch;
    if (!launch || launch->answered)
        return false;
    enum container_phase from = container->destroy->from;
    bool waits = from == CONTAINER_PREPARING || from == CONTAINER_ISOLATING;
    if (waits && launch->pending > 0)
        return false;
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ECANCELED, "container was destroyed while %s", gerunds[from]);
    launch_settle(container, -ECANCELED, &err);
    return true;
}

enum step step_destroying(struct container *container)
{
    if (interrupt_launch(container))
        return STEP_AGAIN;
    return steps[*container->destroy->path](container);
}

/* --- the beginning --- */

/* The next of the tree below root, parents before children; NULL at the end. */
static struct container *tree_next(const struct container *root, struct container *at)
{
    if (!list_empty(&at->children))
        return list_entry(at->children.next, struct container, sibling);
    while (at != root) {
        struct container *parent = at->parent;
        if (at->sibling.next != &parent->children)
            return list_entry(at->sibling.next, struct container, sibling);
        at = parent;
    }
    return NULL;
}

static void count_children(struct container *container)
{
    struct destroy *destroy = container->destroy;
    list_for_each(node, &container->children)
    {
        const struct container *child = list_entry(node, struct container, sibling);
        if (!child->destroy || *child->destroy->path != DESTROY_FAILED)
            destroy->children++;
        else if (!destroy->failed_child)
            destroy->failed_child = str_dup(child->id);
    }
}

static void begin(struct container *container, const struct termination *details)
{
    assert(container->phase >= 0 && (size_t)container->phase < ARRAY_SIZE(paths));
    struct destroy *destroy = mem_alloc(sizeof(*destroy));
    destroy->from = (enum container_phase)container->phase;
    destroy->path = paths[destroy->from];
    destroy->by_exit = container->exited;
    if (details)
        json_type_copy(&termination_json, &destroy->termination, details);
    container->destroy = destroy;
    count_children(container);
    container_transition(container, CONTAINER_DESTROYING);
}

/*
 * The whole tree turns DESTROYING before the first step is taken, so that no child can be launched
 * into it; each waits for its own children.
 */
void container_destroy(struct container *container, const struct termination *details)
{
    struct mesos *mesos = container->mesos;
    if (container->phase == CONTAINER_DESTROYING)
        return;
    mesos_hold(mesos);
    struct container *at = container;
    while (at) {
        if (at->phase != CONTAINER_DESTROYING) {
            begin(at, details);
            container_ready(at);
        }
        at = tree_next(container, at);
    }
    mesos_resume(mesos);
}

void destroy_free(struct destroy *destroy)
{
    if (!destroy)
        return;
    json_type_release(&termination_json, &destroy->termination);
    err_clear(&destroy->err);
    free(destroy->failed_child);
    free(destroy);
}
