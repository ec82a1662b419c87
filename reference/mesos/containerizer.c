/* SPDX-License-Identifier: Apache-2.0 */
/* The instance: its table of operations, the records of its containers, and the machine. */
#include "reference/isolators/io_switchboard.h"
#include "reference/mesos/container.h"

#include <assert.h>
#include <errno.h>

bool mesos_alive(const struct mesos *mesos)
{
    return !mesos->closing && !mesos->host->gone;
}

/* --- records --- */

struct container *container_find(struct mesos *mesos, const char *id)
{
    return strmap_get(mesos->containers, id);
}

struct container *container_new(struct mesos *mesos, const char *id)
{
    struct container *container = mem_alloc(sizeof(*container));
    container->mesos = mesos;
    container->id = str_dup(id);
    container->phase = CONTAINER_STARTING;
    container->nested = container_id_is_nested(id);
    container->runtime = mesos_runtime_path(mesos->flags.runtime_dir, id);
    list_init(&container->ready);
    list_init(&container->children);
    list_init(&container->sibling);
    list_init(&container->watches);
    list_init(&container->waiters);
    return container;
}

void container_record(struct container *container, struct container *parent)
{
    assert(!container_find(container->mesos, container->id));
    strmap_set(container->mesos->containers, container->id, container);
    container->parent = parent;
    if (parent)
        list_append(&parent->children, &container->sibling);
}

static void allotment_free(struct allotment *allotment)
{
    if (!allotment)
        return;
    resources_release(&allotment->requests);
    free(allotment);
}

void container_erase(struct container *container)
{
    struct mesos *mesos = container->mesos;
    if (container_find(mesos, container->id) == container)
        strmap_remove(mesos->containers, container->id);
    /* The next container may get the same address, and is ready for steps of its own. */
    if (mesos->current == container)
        mesos->current = NULL;
    list_remove(&container->ready);
    list_remove(&container->sibling);
    list_for_each_safe(node, following, &container->children)
    {
        list_entry(node, struct container, sibling)->parent = NULL;
        list_remove(node);
    }
    host_cancel(container->exit_watch);
    launch_detach(container);
    destroy_free(container->destroy);
    container_unwatch_limits(container);
    status_queue_close(container->status_queue);
    if (container->config)
        json_type_release(&container_config_json, container->config);
    free(container->config);
    if (container->launch_info)
        json_type_release(&launch_info_json, container->launch_info);
    free(container->launch_info);
    allotment_free(container->allotment);
    free(container->id);
    free(container->runtime);
    free(container->directory);
    free(container);
}

struct container *container_root_of(struct container *container)
{
    while (container->parent)
        container = container->parent;
    return container;
}

bool container_uses(const struct container *container, const struct isolator *isolator)
{
    return (isolator->nesting || !container->nested) &&
           (isolator->standalone || !container->standalone);
}

/*
 * Those of the last update; else those of the config, except that a recovered root container has
 * none until the agent updates it (containerizer.md 1.5).
 */
const struct resources *container_requests(const struct container *container)
{
    if (container->allotment)
        return &container->allotment->requests;
    if (!container->config || (!container->nested && container->origin != ORIGIN_LAUNCHED))
        return NULL;
    return &container->config->resources;
}

const struct resource_limits *container_limits(const struct container *container)
{
    if (container->allotment)
        return &container->allotment->limits;
    if (!container->config || (!container->nested && container->origin != ORIGIN_LAUNCHED))
        return NULL;
    return &container->config->limits;
}

/* --- the machine --- */

static void take_steps(struct mesos *mesos, struct container *container)
{
    enum step step;
    mesos->current = container;
    do
        step = container_step(container);
    while (step == STEP_AGAIN && mesos_alive(mesos));
    mesos->current = NULL;
}

static void mesos_run(struct mesos *mesos)
{
    if (mesos->held > 0)
        return;
    mesos->held++;
    while (!list_empty(&mesos->ready) && mesos_alive(mesos)) {
        struct list *node = mesos->ready.next;
        list_remove(node);
        take_steps(mesos, list_entry(node, struct container, ready));
    }
    mesos->held--;
}

void mesos_hold(struct mesos *mesos)
{
    mesos->held++;
}

void mesos_resume(struct mesos *mesos)
{
    assert(mesos->held > 0);
    mesos->held--;
    mesos_run(mesos);
}

void container_ready(struct container *container)
{
    struct mesos *mesos = container->mesos;
    if (container == mesos->current || !mesos_alive(mesos))
        return;
    if (list_empty(&container->ready))
        list_append(&mesos->ready, &container->ready);
    mesos_run(mesos);
}

/* --- operations of a line or two --- */

/* The I/O switchboard serves containers with a TTY and DEBUG ones (containerizer.md 1.10). */
static void mesos_attach(struct containerizer *containerizer, const char *id, struct done done)
{
    const struct mesos *mesos = mesos_of(containerizer);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *socket = NULL;
    int r;
    if (!container_find(mesos_of(containerizer), id)) {
        operation_refuse(done, -ENOENT, "attach", id, "unknown container");
        return;
    }
    r = io_switchboard_socket(mesos->host, mesos->flags.runtime_dir, id, &socket, &err);
    if (r < 0)
        operation_refuse(done, r, "attach", id, "%s", err_text(&err));
    else
        done_ok(done, socket);
}

static char **mesos_containers(struct containerizer *containerizer)
{
    const struct strmap *containers = mesos_of(containerizer)->containers;
    char **ids = mem_alloc((strmap_count(containers) + 1) * sizeof(*ids));
    size_t count = 0;
    size_t cursor = 0;
    const char *id = NULL;
    void *container = NULL;
    while (strmap_next(containers, &cursor, &id, &container))
        ids[count++] = str_dup(id);
    strv_sort(ids);
    return ids;
}

static int mesos_phase(
    struct containerizer *containerizer, const char *id, enum container_phase *ret_phase)
{
    struct container *container = container_find(mesos_of(containerizer), id);
    if (!container)
        return -ENOENT;
    assert(container->phase >= 0);
    *ret_phase = (enum container_phase)container->phase;
    return 0;
}

/* --- birth and end --- */

/* What the parts still held has been answered; now the records' own waiters. */
static void container_abandon(struct container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    launch_settle(container, -ESHUTDOWN, &err);
    waiters_answer(&container->waiters, container->id, NULL, -ESHUTDOWN, &err);
    container_erase(container);
}

static void mesos_free(struct containerizer *containerizer)
{
    struct mesos *mesos = mesos_of(containerizer);
    assert(mesos->held == 0);
    mesos->closing = true;
    isolator_list_free(&mesos->isolators);
    launcher_free(mesos->launcher);
    fetcher_free(mesos->fetcher);
    provisioner_free(mesos->provisioner);
    assert(mesos->requests == 0);
    size_t cursor = 0;
    const char *id = NULL;
    void *container = NULL;
    while (strmap_next(mesos->containers, &cursor, &id, &container))
        container_abandon(container);
    strmap_free(mesos->containers);
    flags_release(&mesos->flags);
    json_decref(mesos->base.metrics);
    free(mesos);
}

static const json_t *mesos_metrics(struct containerizer *containerizer)
{
    struct mesos *mesos = mesos_of(containerizer);
    for (size_t i = 0; i < mesos->isolators.count; i++)
        isolator_metrics(mesos->isolators.items[i], containerizer->metrics);
    provisioner_metrics(mesos->provisioner, containerizer->metrics);
    return containerizer->metrics;
}

static const struct containerizer_ops mesos_ops = {
    .name = "mesos",
    .recover = mesos_recover,
    .launch = mesos_launch,
    .attach = mesos_attach,
    .update = mesos_update,
    .usage = mesos_usage,
    .status = mesos_status,
    .wait = mesos_wait,
    .wait_cancel = mesos_wait_cancel,
    .destroy = mesos_destroy,
    .kill = mesos_kill,
    .containers = mesos_containers,
    .remove = mesos_remove,
    .prune_images = mesos_prune_images,
    .phase = mesos_phase,
    .metrics = mesos_metrics,
    .free = mesos_free,
};

struct containerizer *mesos_containerizer_new(const struct mesos_parts *parts)
{
    assert(parts->host && parts->flags && parts->launcher && parts->fetcher);
    struct mesos *mesos = mem_alloc(sizeof(*mesos));
    mesos->base.ops = &mesos_ops;
    mesos->host = parts->host;
    flags_copy(&mesos->flags, parts->flags);
    mesos->launcher = parts->launcher;
    mesos->isolators = parts->isolators;
    mesos->fetcher = parts->fetcher;
    mesos->provisioner = parts->provisioner;
    mesos->containers = strmap_new();
    list_init(&mesos->ready);
    containerizer_metric_add(&mesos->base, "containerizer/mesos/container_destroy_errors", 0);
    return &mesos->base;
}
