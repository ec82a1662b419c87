/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each phase of a launch asks for, and what it does with the answers: provision, prepare one
 * isolator after the other, fork, isolate in all isolators at once, fetch, release. A phase whose
 * work failed answers the launch and stays; a destroy makes it DESTROYING, and answers that come
 * later are noted there.
 */
#include "reference/mesos/container.h"

#include <errno.h>

static enum step launch_failed(struct container *container, int result, const struct err *err)
{
    launch_settle(container, result, err);
    return STEP_AGAIN;
}

/* One of the things that the phase has asked for is done. */
static void launch_completed(struct launch *launch, int result, const struct err *err,
    const char *what, const char *name)
{
    if (result < 0 && launch->result == 0) {
        launch->result = result;
        err_take_note(&launch->err, result, err);
        err_wrap(&launch->err, result, "%s%s", what, name);
    }
    launch->pending--;
    if (launch->container)
        container_ready(launch->container);
    else if (launch->pending == 0)
        launch_free(launch);
}

/* --- PROVISIONING --- */

static void keep_provision(struct container_config *config, const struct provision_info *info)
{
    str_set(&config->rootfs, info->rootfs);
    for (size_t i = 0; info->ephemeral_volumes && info->ephemeral_volumes[i]; i++)
        strv_add(&config->ephemeral_volumes, info->ephemeral_volumes[i]);
    if (info->docker_manifest && !config->docker)
        config->docker = mem_alloc(sizeof(*config->docker));
    if (info->docker_manifest) {
        json_decref(config->docker->manifest);
        config->docker->manifest = json_incref(info->docker_manifest);
    }
    if (info->appc_manifest && !config->appc)
        config->appc = mem_alloc(sizeof(*config->appc));
    if (info->appc_manifest) {
        json_decref(config->appc->manifest);
        config->appc->manifest = json_incref(info->appc_manifest);
    }
}

static void provisioned(void *arg, int result, const void *value, const struct err *err)
{
    struct launch *launch = arg;
    if (result == 0 && value && launch->container)
        keep_provision(launch->container->config, value);
    launch_completed(launch, result, err, "provision", "");
}

static const struct image *image_of(const struct container_config *config)
{
    const struct container_info *info = config->container_info;
    return info && info->mesos ? info->mesos->image : NULL;
}

static void provision(struct container *container, const struct image *image)
{
    struct launch *launch = container->launch;
    launch->pending++;
    if (container->mesos->provisioner) {
        provisioner_provision(container->mesos->provisioner, container->id, image,
            DONE(provisioned, launch));
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -EOPNOTSUPP, "image %s: no image provider is configured",
        image->name ? image->name : "without name");
    launch_completed(launch, -EOPNOTSUPP, &err, "provision", "");
}

enum step step_provisioning(struct container *container)
{
    struct launch *launch = container->launch;
    const struct image *image = image_of(container->config);
    if (launch->answered || launch->pending > 0)
        return STEP_WAIT;
    if (!launch->asked && image) {
        launch->asked = true;
        provision(container, image);
        return STEP_AGAIN;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    if (launch->result < 0)
        return launch_failed(container, launch->result, &launch->err);
    if (container->config->docker && container->config->appc) {
        err_set(&err, -EINVAL, "provision: both a docker and an appc manifest");
        return launch_failed(container, -EINVAL, &err);
    }
    int r = checkpoint_write(container->mesos->host, container->runtime, CHECKPOINT_CONFIG,
        &container_config_json, container->config, &err);
    if (r < 0)
        return launch_failed(container, r, &err);
    container_transition(container, CONTAINER_PREPARING);
    return STEP_AGAIN;
}

/* --- PREPARING --- */

/* `prepared` is the index after the isolator that answers: one is asked at a time. */
static void prepared(void *arg, int result, const void *value, const struct err *err)
{
    struct launch *launch = arg;
    struct container *container = launch->container;
    const struct isolator *isolator = NULL;
    if (container)
        isolator = container->mesos->isolators.items[launch->prepared - 1];
    if (result == 0 && value && container) {
        _cleanup_err_ struct err conflict = ERR_INIT;
        int r = launch_info_add(&launch->info, (void *)(uintptr_t)value, isolator,
            container_config_is_command_task(container->config), &conflict);
        if (r < 0 && launch->conflict.code == 0)
            err_copy(&launch->conflict, &conflict);
    }
    launch_completed(launch, result, err, "isolator ", isolator ? isolator->name : "");
}

/* False when all were asked. */
static bool prepare_next(struct container *container)
{
    const struct isolator_list *isolators = &container->mesos->isolators;
    struct launch *launch = container->launch;
    while (launch->prepared < isolators->count) {
        struct isolator *isolator = isolators->items[launch->prepared++];
        if (!container_uses(container, isolator))
            continue;
        launch->pending++;
        isolator_prepare(isolator, container->id, container->config, DONE(prepared, launch));
        return true;
    }
    return false;
}

enum step step_preparing(struct container *container)
{
    struct launch *launch = container->launch;
    if (launch->answered || launch->pending > 0)
        return STEP_WAIT;
    if (launch->result < 0)
        return launch_failed(container, launch->result, &launch->err);
    if (prepare_next(container))
        return STEP_AGAIN;
    if (launch->conflict.code < 0)
        return launch_failed(container, launch->conflict.code, &launch->conflict);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = container_fork(container, &err);
    if (r < 0)
        return launch_failed(container, r, &err);
    container_transition(container, CONTAINER_ISOLATING);
    return STEP_AGAIN;
}

/* --- ISOLATING --- */

static void isolated(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct isolate_call *call = arg;
    struct launch *launch = call->launch;
    const char *name = "";
    if (launch->container)
        name = launch->container->mesos->isolators.items[call->isolator]->name;
    launch_completed(launch, result, err, "isolator ", name);
}

static void isolate(struct container *container)
{
    const struct isolator_list *isolators = &container->mesos->isolators;
    struct launch *launch = container->launch;
    launch->calls = mem_alloc((isolators->count + 1) * sizeof(*launch->calls));
    for (size_t i = 0; i < isolators->count; i++) {
        if (!container_uses(container, isolators->items[i]))
            continue;
        launch->calls[i] = (struct isolate_call){launch, i};
        launch->pending++;
        isolator_isolate(isolators->items[i], container->id, container->pid,
            DONE(isolated, &launch->calls[i]));
    }
}

/* The launch fails with the first isolator that does; a destroy waits for all of them. */
enum step step_isolating(struct container *container)
{
    struct launch *launch = container->launch;
    if (launch->answered)
        return STEP_WAIT;
    if (!launch->asked) {
        launch->asked = true;
        container_watch_limits(container);
        if (container->phase == CONTAINER_ISOLATING)
            isolate(container);
        return STEP_AGAIN;
    }
    if (launch->result < 0)
        return launch_failed(container, launch->result, &launch->err);
    if (launch->pending > 0)
        return STEP_WAIT;
    container_transition(container, CONTAINER_FETCHING);
    return STEP_AGAIN;
}

/* --- FETCHING --- */

static void fetched(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    launch_completed(arg, result, err, "fetch", "");
}

static void fetch(struct container *container)
{
    const struct container_config *config = container->config;
    struct launch *launch = container->launch;
    launch->pending++;
    fetcher_fetch(container->mesos->fetcher, container->id, &config->command_info,
        container->directory, config->user, DONE(fetched, launch));
}

enum step step_fetching(struct container *container)
{
    struct launch *launch = container->launch;
    if (launch->answered || launch->pending > 0)
        return STEP_WAIT;
    if (!launch->asked) {
        launch->asked = true;
        fetch(container);
        return STEP_AGAIN;
    }
    if (launch->result < 0)
        return launch_failed(container, launch->result, &launch->err);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gate_release(container->mesos->host, launch->gate, &err);
    if (r < 0)
        return launch_failed(container, r, &err);
    launch->gate = -1;
    container_transition(container, CONTAINER_RUNNING);
    return STEP_AGAIN;
}
