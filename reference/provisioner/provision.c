/* SPDX-License-Identifier: Apache-2.0 */
/* provision: from the store the layers, from the backend a root (provisioner.md 6.1). */
#include <errno.h>

#include "reference/base/mem.h"
#include "reference/provisioner/internal.h"

static void provision_fail(struct operation *operation, int result, const struct err *err)
{
    _cleanup_err_ struct err why = ERR_INIT;
    err_copy(&why, err);
    if (!err)
        err_set(&why, result, "%s", err_name(result));
    operation_end(operation, result, NULL, &why);
}

static int layers_checkpoint(struct operation *operation, struct err *err)
{
    const struct record *record = record_get(operation->images, operation->id, false);
    return record ? record_write(operation->images, record, err)
                  : err_set(err, -ECANCELED, "it was destroyed meanwhile");
}

static void root_made(void *arg, int result, const void *value, const struct err *given)
{
    struct operation *operation = arg;
    struct images *images = operation->images;
    _cleanup_err_ struct err err = ERR_INIT;
    operation->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else
        result = layers_checkpoint(operation, &err);
    if (result < 0) {
        provision_fail(operation, result, &err);
        return;
    }
    const struct record *record = record_get(images, operation->id, false);
    const struct root *root = &record->roots[record->roots_count - 1];
    _cleanup_free_ char *rootfs = NULL;
    _cleanup_free_ char *scratch = NULL;
    root_place(images, operation->id, root, &rootfs, &scratch);
    /* The helper of copy answers with its output: only what a backend itself says are volumes. */
    const struct provision_info info = {.rootfs = rootfs,
        .ephemeral_volumes = root->kind->in_filesystems ? (char *const *)value : NULL,
        .docker_manifest = operation->docker_manifest,
        .appc_manifest = operation->appc_manifest};
    operation_end(operation, 0, &info, NULL);
}

static void root_make(struct operation *operation, char *const *layers)
{
    struct images *images = operation->images;
    struct record *record = record_get(images, operation->id, true);
    const struct root *root = &record->roots[record->roots_count - 1];
    const struct backend backend = backend_of(images, root->kind);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = record_path(images, operation->id);
    _cleanup_free_ char *above = str_printf("%s/backends/%s/rootfses", path, root->kind->name);
    _cleanup_free_ char *rootfs = NULL;
    _cleanup_free_ char *scratch = NULL;
    root_place(images, operation->id, root, &rootfs, &scratch);
    int r = host_mkdir(images->base.host, above, 0755, true, &err);
    if (r == 0 && strv_length(layers) == 0)
        r = err_set(&err, -EINVAL, "the image has no layers");
    if (r < 0) {
        provision_fail(operation, r, &err);
        return;
    }
    const struct backend_place place = {rootfs, scratch};
    struct helper_call *helper =
        root->kind->provision(&backend, layers, &place, DONE(root_made, operation));
    if (helper) /* otherwise the operation is gone */
        operation->helper = helper;
}

static void image_got(void *arg, int result, const void *value, const struct err *err)
{
    struct operation *operation = arg;
    struct images *images = operation->images;
    const struct stored_image *stored = value;
    operation->store = NULL;
    if (result < 0) {
        provision_fail(operation, result, err);
        return;
    }
    struct record *record = record_get(images, operation->id, true);
    _cleanup_free_ char *uuid = host_uuid(images->base.host, "provisioner");
    _cleanup_strv_ char **layers = strv_copy(stored->layers);
    record_add_root(record, images->kind, uuid);
    strv_free(record->layers);
    record->layers = strv_copy(layers);
    str_set(&record->config_path, stored->config_path);
    operation->docker_manifest = json_incref(stored->docker_manifest);
    operation->appc_manifest = json_incref(stored->appc_manifest);
    root_make(operation, layers);
}

static struct store *store_of(struct images *images, const char *type)
{
    for (size_t i = 0; i < images->stores_count; i++) {
        if (str_equal(images->stores[i]->ops->type, type))
            return images->stores[i];
    }
    return NULL;
}

void provision_begin(struct operation *operation)
{
    struct images *images = operation->images;
    const char *type = operation->image.type;
    struct store *store = type ? store_of(images, type) : NULL;
    if (!store) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -EOPNOTSUPP,
            "unsupported image type %s: --image_providers has no provider of it",
            type ? type : "(none)");
        operation_end(operation, -EOPNOTSUPP, NULL, &err);
        return;
    }
    operation->store = store;
    store->ops->get(store, &operation->image, images->kind, DONE(image_got, operation));
}

void provision_discard(struct operation *operation)
{
    struct store *store = operation->store;
    if (store && store->ops->cancel(store, operation))
        return;
    if (operation->granted && !operation->helper)
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    helper_cancel(TAKE_PTR(operation->helper));
    err_set(&err, -ECANCELED, "it was destroyed while provisioning");
    operation_end(operation, -ECANCELED, NULL, &err);
}
