/* SPDX-License-Identifier: Apache-2.0 */
/* recover: the roots that another agent has left, then the stores (provisioner.md 6.3). */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/provisioner/internal.h"

static bool is_directory(struct host *host, const char *path)
{
    struct file_info info;
    return host_file_info(host, path, false, &info) == 0 && info.type == 'd';
}

/* Names of the directories in a directory; others are passed over with a warning. */
static int directories(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, path, &names, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    for (size_t i = 0; r == 0 && names[i]; i++) {
        _cleanup_free_ char *entry = str_printf("%s/%s", path, names[i]);
        if (is_directory(host, entry))
            strv_add(ret_names, names[i]);
        else
            log_warning("provisioner: %s is no directory, ignored", entry);
    }
    return r;
}

static int roots_find(
    struct images *images, struct record *record, const char *backend, struct err *err)
{
    _cleanup_free_ char *path = record_path(images, record->id);
    _cleanup_free_ char *roots = str_printf("%s/backends/%s/rootfses", path, backend);
    _cleanup_strv_ char **uuids = NULL;
    const struct backend_kind *kind = backend_kind_find(backend);
    int r = directories(images->base.host, roots, &uuids, err);
    if (r == 0 && uuids && (!kind || !backend_available(images->base.host, kind)))
        return err_set(err, -EOPNOTSUPP,
            "container %s has a root file system of the backend %s, which is not there now",
            record->id, backend);
    for (size_t i = 0; r == 0 && uuids && uuids[i]; i++)
        record_add_root(record, kind, uuids[i]);
    return r;
}

static int container_find(struct images *images, const char *id, struct err *err)
{
    struct record *record = record_get(images, id, true);
    _cleanup_free_ char *path = record_path(images, id);
    _cleanup_free_ char *below = str_printf("%s/backends", path);
    _cleanup_strv_ char **backends = NULL;
    int r = directories(images->base.host, below, &backends, err);
    for (size_t i = 0; r == 0 && backends && backends[i]; i++)
        r = roots_find(images, record, backends[i], err);
    return r < 0 ? r : record_read(images, record, err);
}

/* Parents before their children: each that is found adds its own to the end. */
static int containers_find(struct images *images, struct err *err)
{
    _cleanup_strv_ char **ids = NULL;
    _cleanup_free_ char *top = str_printf("%s/containers", images->directory);
    int r = directories(images->base.host, top, &ids, err);
    for (size_t i = 0; r == 0 && ids && ids[i]; i++) {
        _cleanup_strv_ char **nested = NULL;
        _cleanup_free_ char *path = record_path(images, ids[i]);
        _cleanup_free_ char *below = str_printf("%s/containers", path);
        r = container_find(images, ids[i], err);
        if (r == 0)
            r = directories(images->base.host, below, &nested, err);
        for (size_t k = 0; r == 0 && nested && nested[k]; k++)
            strv_add_owned(&ids, str_printf("%s.%s", ids[i], nested[k]));
    }
    return r;
}

static int unknown_destroy(struct images *images, char *const *known, struct err *err)
{
    _cleanup_strv_ char **ids = image_provisioner_containers(&images->base);
    int r = 0;
    for (size_t i = 0; r == 0 && ids && ids[i]; i++) {
        bool there = false;
        if (!strv_contains(known, ids[i]) && record_get(images, ids[i], false))
            r = destroy_tree(images, ids[i], &there, err);
    }
    return r;
}

void recover_begin(struct operation *operation)
{
    struct images *images = operation->images;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = containers_find(images, &err);
    if (r == 0)
        r = unknown_destroy(images, operation->keep, &err);
    /* One more than stores, so that it ends only after all were asked. */
    operation->pending = images->stores_count + 1;
    for (size_t i = 0; i < images->stores_count; i++) {
        struct store *store = images->stores[i];
        if (r < 0)
            operation->pending--;
        else
            store->ops->recover(store, DONE(operation_store_done, operation));
    }
    operation_store_done(operation, r, NULL, &err);
}
