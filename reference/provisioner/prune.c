/* SPDX-License-Identifier: Apache-2.0 */
/* prune: every store at once, with what containers use (provisioner.md 7). */
#include "reference/base/mem.h"
#include "reference/provisioner/internal.h"

static char **active_paths(const struct images *images)
{
    char **paths = NULL;
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(images->records, &cursor, &id, &value)) {
        const struct record *record = value;
        for (size_t i = 0; record->layers && record->layers[i]; i++)
            strv_add(&paths, record->layers[i]);
        if (record->config_path)
            strv_add(&paths, record->config_path);
    }
    return paths;
}

void prune_begin(struct operation *operation)
{
    struct images *images = operation->images;
    _cleanup_strv_ char **active = active_paths(images);
    operation->pending = images->stores_count + 1;
    for (size_t i = 0; i < images->stores_count; i++) {
        struct store *store = images->stores[i];
        if (store->ops->prune)
            store->ops->prune(
                store, operation->keep, active, DONE(operation_store_done, operation));
        else
            operation->pending--;
    }
    operation_store_done(operation, 0, NULL, NULL);
}
