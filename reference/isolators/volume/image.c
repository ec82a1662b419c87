/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume/image: images as volumes (isolators.md 10). Each is provisioned for the container itself,
 * so that the destroy of its root file systems removes it too.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/target.h"
#include "reference/provisioner.h"

struct volume_image {
    struct isolator base;
    struct flags flags;
    struct provisioner *provisioner; /* borrowed; NULL: none */
};

/* One prepare, while its images are provisioned. */
struct preparation {
    struct volume_image *isolator;
    struct launch_info info;
    struct done done;
    size_t pending;
    int result;
    struct strbuf failures; /* joined by newline */
};

/* One volume of it. */
struct volume_wait {
    struct preparation *preparation;
    char *target;
    bool read_only;
};

static void preparation_settle(struct preparation *preparation)
{
    if (--preparation->pending > 0)
        return;
    struct done done = preparation->done;
    struct launch_info info = preparation->info;
    _cleanup_err_ struct err err = ERR_INIT;
    const int result = preparation->result;

    if (result < 0)
        err_set(&err, result, "%s", strbuf_text(&preparation->failures));
    strbuf_release(&preparation->failures);
    free(preparation);
    launch_result(done, result, &info, &err);
}

static void failure_add(struct preparation *preparation, int result, const struct err *err)
{
    if (preparation->result == 0)
        preparation->result = result;
    strbuf_addf(&preparation->failures, "%s%s", preparation->failures.length ? "\n" : "",
        err ? err_text(err) : err_name(result));
}

static void provisioned(void *arg, int result, const void *value, const struct err *err)
{
    struct volume_wait *wait = arg;
    struct preparation *preparation = wait->preparation;
    const struct provision_info *root = value;

    if (result < 0) {
        failure_add(preparation, result, err);
    } else {
        const struct volume volume = {
            .mode = (char *)(uintptr_t)(wait->read_only ? "RO" : "RW")};
        volume_bind(&preparation->info, &volume, root->rootfs, wait->target);
    }
    free(wait->target);
    free(wait);
    preparation_settle(preparation);
}

static void volume_provision(struct preparation *preparation, const char *id,
    const struct container_config *config, const struct volume *volume)
{
    struct volume_image *isolator = preparation->isolator;
    _cleanup_err_ struct err err = ERR_INIT;
    char *target = NULL;
    int r = 0;

    if (config->container_class == CONTAINER_CLASS_DEBUG)
        r = err_set(&err, -EINVAL, "a DEBUG container can't have image volumes");
    else if (!isolator->provisioner)
        r = err_set(&err, -EOPNOTSUPP, "image %s: no image provider is configured",
            volume->image->name ? volume->image->name : "without name");
    if (r == 0)
        r = volume_target(isolator->base.host, &isolator->flags, config, volume->container_path,
            true, &target, &err);
    if (r < 0) {
        failure_add(preparation, r, &err);
        return;
    }
    struct volume_wait *wait = mem_alloc(sizeof(*wait));

    *wait = (struct volume_wait){preparation, target, volume_is_read_only(volume)};
    preparation->pending++;
    provisioner_provision(
        isolator->provisioner, id, volume->image, DONE(provisioned, wait));
}

static void image_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    const struct container_info *container = config->container_info;
    struct preparation *preparation = NULL;

    for (size_t i = 0; container && i < container->volumes_count; i++) {
        const struct volume *volume = &container->volumes[i];

        if (!volume->image)
            continue;
        if (!preparation) {
            preparation = mem_alloc(sizeof(*preparation));
            preparation->isolator = container_of(isolator, struct volume_image, base);
            preparation->done = done;
            preparation->pending = 1; /* until all were asked for */
            launch_add_clone(&preparation->info, NS_MNT);
        }
        volume_provision(preparation, id, config, volume);
    }
    if (preparation)
        preparation_settle(preparation);
    else
        done_ok(done, NULL);
}

static void image_free(struct isolator *isolator)
{
    struct volume_image *volumes = container_of(isolator, struct volume_image, base);

    flags_release(&volumes->flags);
    free(volumes);
}

static const struct isolator_ops image_ops = {.prepare = image_prepare, .free = image_free};

int isolator_volume_image_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct volume_image *volumes = mem_alloc(sizeof(*volumes));

    (void)err;
    volumes->base =
        (struct isolator){.ops = &image_ops, .name = "volume/image", .host = context->host};
    volumes->provisioner = context->provisioner;
    flags_copy(&volumes->flags, context->flags);
    *ret_isolator = &volumes->base;
    return 0;
}
