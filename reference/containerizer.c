/* SPDX-License-Identifier: Apache-2.0 */
/* The front of every containerizer: the answers of those that do not implement an operation. */
#include "reference/containerizer.h"

#include <assert.h>
#include <errno.h>

#include "reference/base/mem.h"

const char *const launch_result_names[] = {
    [LAUNCH_SUCCESS] = "SUCCESS",
    [LAUNCH_ALREADY_LAUNCHED] = "ALREADY_LAUNCHED",
    [LAUNCH_NOT_SUPPORTED] = "NOT_SUPPORTED",
    NULL,
};

const char *const container_phase_names[] = {
    [CONTAINER_PROVISIONING] = "PROVISIONING",
    [CONTAINER_PREPARING] = "PREPARING",
    [CONTAINER_ISOLATING] = "ISOLATING",
    [CONTAINER_FETCHING] = "FETCHING",
    [CONTAINER_RUNNING] = "RUNNING",
    [CONTAINER_DESTROYING] = "DESTROYING",
    [CONTAINER_PULLING] = "PULLING",
    [CONTAINER_MOUNTING] = "MOUNTING",
    NULL,
};

static void unsupported(struct containerizer *containerizer, const char *operation, const char *id,
    struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -EOPNOTSUPP, "%s %s: not supported by the %s containerizer", operation, id,
        containerizer->ops->name);
    done_fail(done, -EOPNOTSUPP, &err);
}

void containerizer_recover(
    struct containerizer *containerizer, const struct agent_state *state, struct done done)
{
    containerizer->ops->recover(containerizer, state, done);
}

void containerizer_launch(struct containerizer *containerizer, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done)
{
    assert(id && config);
    containerizer->ops->launch(
        containerizer, id, config, environment, environment_count, pid_checkpoint_path, done);
}

void containerizer_attach(struct containerizer *containerizer, const char *id, struct done done)
{
    if (containerizer->ops->attach)
        containerizer->ops->attach(containerizer, id, done);
    else
        unsupported(containerizer, "attach", id, done);
}

void containerizer_update(struct containerizer *containerizer, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    containerizer->ops->update(containerizer, id, requests, limits, done);
}

void containerizer_usage(struct containerizer *containerizer, const char *id, struct done done)
{
    containerizer->ops->usage(containerizer, id, done);
}

void containerizer_status(struct containerizer *containerizer, const char *id, struct done done)
{
    if (containerizer->ops->status) {
        containerizer->ops->status(containerizer, id, done);
        return;
    }
    struct container_status nothing = {0};
    done_ok(done, &nothing);
}

void containerizer_wait(struct containerizer *containerizer, const char *id, struct done done)
{
    containerizer->ops->wait(containerizer, id, done);
}

void containerizer_wait_cancel(
    struct containerizer *containerizer, const char *id, const void *arg)
{
    if (containerizer->ops->wait_cancel)
        containerizer->ops->wait_cancel(containerizer, id, arg);
}

void containerizer_destroy(struct containerizer *containerizer, const char *id, struct done done)
{
    containerizer->ops->destroy(containerizer, id, done);
}

void containerizer_kill(
    struct containerizer *containerizer, const char *id, int signal, struct done done)
{
    if (containerizer->ops->kill)
        containerizer->ops->kill(containerizer, id, signal, done);
    else
        unsupported(containerizer, "kill", id, done);
}

char **containerizer_containers(struct containerizer *containerizer)
{
    return containerizer->ops->containers(containerizer);
}

void containerizer_remove(struct containerizer *containerizer, const char *id, struct done done)
{
    if (containerizer->ops->remove)
        containerizer->ops->remove(containerizer, id, done);
    else
        unsupported(containerizer, "remove", id, done);
}

void containerizer_prune_images(
    struct containerizer *containerizer, char *const *keep, struct done done)
{
    containerizer->ops->prune_images(containerizer, keep, done);
}

int containerizer_phase(
    struct containerizer *containerizer, const char *id, enum container_phase *ret_phase)
{
    return containerizer->ops->phase(containerizer, id, ret_phase);
}

const json_t *containerizer_metrics(struct containerizer *containerizer)
{
    return containerizer->ops->metrics ? containerizer->ops->metrics(containerizer)
                                       : containerizer->metrics;
}

void containerizer_free(struct containerizer *containerizer)
{
    if (containerizer)
        containerizer->ops->free(containerizer);
}

void containerizer_metric_add(struct containerizer *containerizer, const char *name, double amount)
{
    if (!containerizer->metrics)
        containerizer->metrics = json_object();
    double value = json_number_value(json_object_get(containerizer->metrics, name));
    json_object_set_new(containerizer->metrics, name, json_real(value + amount));
}
