/* SPDX-License-Identifier: Apache-2.0 */
/* prune_images: which images are in use (containerizer.md 1.13). */
#include "reference/mesos/container.h"

#include <errno.h>

/* Of the container itself, and of its image volumes. */
static void add_images(char ***images, const struct container_info *info)
{
    if (!info)
        return;
    if (info->mesos && info->mesos->image && info->mesos->image->name)
        strv_add(images, info->mesos->image->name);
    for (size_t i = 0; i < info->volumes_count; i++)
        if (info->volumes[i].image && info->volumes[i].image->name)
            strv_add(images, info->volumes[i].image->name);
}

static int images_in_use(struct mesos *mesos, char ***images, struct err *err)
{
    size_t cursor = 0;
    const char *id = NULL;
    void *value = NULL;
    while (strmap_next(mesos->containers, &cursor, &id, &value)) {
        const struct container *container = value;
        if (!container->config)
            return err_set(err, -EINVAL,
                "prune images: the config of %s is not known, nor is its image", id);
        add_images(images, container->config->container_info);
    }
    return 0;
}

void mesos_prune_images(struct containerizer *containerizer, char *const *keep, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **images = NULL;
    int r = mesos_alive(mesos) ? images_in_use(mesos, &images, &err)
                               : err_set(&err, -ESHUTDOWN, "prune images: agent gone");
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    for (size_t i = 0; keep && keep[i]; i++)
        strv_add(&images, keep[i]);
    static char *const none[] = {NULL};
    if (mesos->provisioner)
        provisioner_prune(mesos->provisioner, images ? images : none, done);
    else
        done_ok(done, NULL);
}
