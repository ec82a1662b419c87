/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filesystem/posix: no file system of its own. Persistent volumes of an executor are symlinks in
 * its sandbox (isolators.md 6.1); they die with the sandbox.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/filesystem/persistent_volume.h"
#include "reference/isolators/isolator.h"

struct posix_container {
    char *directory;
    struct resources resources; /* those of the last update */
};

struct filesystem_posix {
    struct isolator base;
    char *work_dir;
    struct strmap *containers; /* id -> struct posix_container * */
};

static void container_release(struct posix_container *container)
{
    if (!container)
        return;
    resources_release(&container->resources);
    free(container->directory);
    free(container);
}

/* A shared volume that another container already uses keeps its owner. */
static bool used_by_another(
    struct filesystem_posix *posix, const char *id, const char *persistence_id)
{
    size_t cursor = 0;
    const char *other;
    void *value;

    while (strmap_next(posix->containers, &cursor, &other, &value)) {
        const struct posix_container *container = value;

        if (!str_equal(other, id) && persistent_volume_find(&container->resources, persistence_id))
            return true;
    }
    return false;
}

static int volume_link(struct filesystem_posix *posix, const char *id,
    const struct posix_container *container, const struct resource *resource, struct err *err)
{
    struct host *host = posix->base.host;
    const char *path = resource->disk->container_path;
    _cleanup_free_ char *source = NULL, *link = NULL, *resolved = NULL, *wanted = NULL;
    int r;

    if (strchr(path, '/')) {
        log_warning(
            "container %s: persistent volume path %s is not a plain name, skipped", id, path);
        return 0;
    }
    source = persistent_volume_source(posix->work_dir, resource);
    link = str_printf("%s/%s", container->directory, path);
    if (str_equal(resource->disk->volume_mode, "RO"))
        log_warning("container %s: volume %s can't be made read-only by a symlink", id, path);
    if (!used_by_another(posix, id, resource->disk->persistence->id)) {
        r = persistent_volume_give(host, container->directory, source, err);
        if (r < 0)
            return r;
    }
    r = host_symlink(host, source, link, err);
    if (r != -EEXIST)
        return r;

    /* A repetition after recovery: the link must lead to the same place. */
    err_clear(err);
    r = host_real_path(host, link, &resolved, err);
    if (r == 0)
        r = host_real_path(host, source, &wanted, err);
    if (r == 0 && !str_equal(resolved, wanted))
        r = err_set(err, -EEXIST, "%s links to %s instead of %s", link, resolved, wanted);
    return r;
}

static int volumes_update(struct filesystem_posix *posix, const char *id,
    struct posix_container *container, const struct resources *resources, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < container->resources.count; i++) {
        const struct resource *old = &container->resources.items[i];
        _cleanup_free_ char *link = NULL;

        if (!persistent_volume_is(old) ||
            persistent_volume_find(resources, old->disk->persistence->id) ||
            strchr(old->disk->container_path, '/'))
            continue;
        link = str_printf("%s/%s", container->directory, old->disk->container_path);
        r = host_file_remove(posix->base.host, link, err);
    }
    for (size_t i = 0; r == 0 && i < resources->count; i++) {
        const struct resource *now = &resources->items[i];

        if (persistent_volume_is(now) &&
            !persistent_volume_find(&container->resources, now->disk->persistence->id))
            r = volume_link(posix, id, container, now, err);
    }
    if (r == 0)
        resources_copy(&container->resources, resources);
    return r;
}

static struct posix_container *container_add(
    struct filesystem_posix *posix, const char *id, const char *directory)
{
    struct posix_container *container = mem_alloc(sizeof(*container));

    container->directory = str_dup(directory);
    strmap_set(posix->containers, id, container);
    return container;
}

static void posix_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct filesystem_posix *posix = container_of(isolator, struct filesystem_posix, base);

    (void)orphans;
    for (size_t i = 0; i < count; i++) {
        struct posix_container *container = container_add(posix, states[i].id, states[i].directory);

        if (states[i].config)
            resources_copy(&container->resources, &states[i].config->resources);
    }
    done_ok(done, NULL);
}

static int config_check(const struct container_config *config, struct err *err)
{
    const struct container_info *info =
        config->executor_info ? config->executor_info->container : NULL;

    if (!info)
        info = config->container_info;
    if (!info)
        return 0;
    if (info->mesos && info->mesos->image)
        return err_set(err, -ENOTSUP, "container images need the filesystem/linux isolator");
    if (info->volumes_count > 0)
        return err_set(err, -ENOTSUP, "volumes need the filesystem/linux isolator");
    return 0;
}

static void posix_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct filesystem_posix *posix = container_of(isolator, struct filesystem_posix, base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    if (strmap_get(posix->containers, id))
        r = err_set(&err, -EEXIST, "container %s has already been prepared", id);
    if (r == 0)
        r = config_check(config, &err);
    if (r == 0)
        r = volumes_update(
            posix, id, container_add(posix, id, config->directory), &config->resources, &err);
    done_result(done, r, &err);
}

static void posix_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct filesystem_posix *posix = container_of(isolator, struct filesystem_posix, base);
    struct posix_container *container = strmap_get(posix->containers, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    (void)limits;
    if (!container)
        r = err_set(&err, -ENOENT, "unknown container %s", id);
    else
        r = volumes_update(posix, id, container, requests, &err);
    done_result(done, r, &err);
}

static void posix_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct filesystem_posix *posix = container_of(isolator, struct filesystem_posix, base);

    container_release(strmap_remove(posix->containers, id));
    done_ok(done, NULL);
}

static void posix_free(struct isolator *isolator)
{
    struct filesystem_posix *posix = container_of(isolator, struct filesystem_posix, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    while (strmap_next(posix->containers, &cursor, &id, &container))
        container_release(container);
    strmap_free(posix->containers);
    free(posix->work_dir);
    free(posix);
}

static const struct isolator_ops filesystem_posix_ops = {
    .recover = posix_recover,
    .prepare = posix_prepare,
    .update = posix_update,
    .cleanup = posix_cleanup,
    .free = posix_free,
};

int isolator_filesystem_posix_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct filesystem_posix *posix = mem_alloc(sizeof(*posix));

    (void)err;
    posix->base = (struct isolator){
        .ops = &filesystem_posix_ops, .name = "filesystem/posix", .host = context->host};
    posix->work_dir = str_dup(context->flags->work_dir);
    posix->containers = strmap_new();
    *ret_isolator = &posix->base;
    return 0;
}
