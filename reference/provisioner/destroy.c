/* SPDX-License-Identifier: Apache-2.0 */
/* destroy: nested containers first, then every root, then the directory (provisioner.md 6.2). */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/model/container_id.h"
#include "reference/provisioner/internal.h"

/* A killed helper may still be at its last write when the tree goes. */
#define RETRIES 100
#define RETRY_NS (20 * NS_PER_MS)

static int root_destroy(
    struct images *images, const char *id, const struct root *root, struct err *err)
{
    const struct backend backend = backend_of(images, root->kind);
    _cleanup_free_ char *rootfs = NULL;
    _cleanup_free_ char *scratch = NULL;
    bool removed = false;
    root_place(images, id, root, &rootfs, &scratch);
    const struct backend_place place = {rootfs, scratch};
    return root->kind->destroy(&backend, &place, &removed, err);
}

/* All are tried; the texts of those that fail stand in lines. */
static int roots_destroy(struct images *images, const struct record *record, struct err *err)
{
    _cleanup_strbuf_ struct strbuf texts = STRBUF_INIT;
    int result = 0;
    for (size_t i = 0; i < record->roots_count; i++) {
        _cleanup_err_ struct err one = ERR_INIT;
        int r = root_destroy(images, record->id, &record->roots[i], &one);
        if (r == 0)
            continue;
        result = result ? result : r;
        strbuf_addf(&texts, "%s%s", texts.length ? "\n" : "", err_text(&one));
    }
    return result < 0 ? err_set(err, result, "%s", strbuf_text(&texts)) : 0;
}

/* The deepest first: ids of descendants are longer. */
static char **family(const struct images *images, const char *id)
{
    char **ids = NULL;
    size_t cursor = 0;
    const char *key;
    void *value;
    while (strmap_next(images->records, &cursor, &key, &value)) {
        if (str_equal(key, id) || container_id_is_descendant(key, id))
            strv_add(&ids, key);
    }
    size_t count = strv_length(ids);
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && strlen(ids[k - 1]) < strlen(ids[k]); k--) {
            char *shorter = ids[k - 1];
            ids[k - 1] = ids[k];
            ids[k] = shorter;
        }
    }
    return ids;
}

/* Roots are gone: what is left of the directory may stay, it is only counted. */
static void directory_remove(struct images *images, const char *id)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = record_path(images, id);
    int r = host_tree_remove(images->base.host, path, &err);
    if (r == 0 || r == -ESHUTDOWN)
        return;
    images->counters.remove_container_errors++;
    log_warning("provisioner: %s", err_text(&err));
}

int destroy_tree(struct images *images, const char *id, bool *ret_known, struct err *err)
{
    _cleanup_strv_ char **ids = family(images, id);
    *ret_known = record_get(images, id, false) != NULL;
    for (size_t i = 0; ids && ids[i]; i++) {
        struct record *record = record_get(images, ids[i], false);
        int r = record->failure;
        if (r < 0)
            err_copy(err, &record->failure_err);
        else
            r = roots_destroy(images, record, err);
        if (r < 0)
            return err_wrap(err, r, "destroy the root file system of %s", ids[i]);
        directory_remove(images, ids[i]);
        record_drop(images, record);
    }
    return 0;
}

/* What a destroy could not do it never can, until another agent tries (provisioner.md 6.2). */
static void keep_failure(struct operation *operation, int result, const struct err *err)
{
    struct record *record = record_get(operation->images, operation->id, false);
    if (!record || record->failure < 0 || result == -ESHUTDOWN)
        return;
    operation->images->counters.remove_container_errors++;
    record->failure = result;
    err_copy(&record->failure_err, err);
}

static void destroy_again(void *arg, int result)
{
    struct operation *operation = arg;
    operation->retry = NULL;
    if (result < 0) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, result, "agent gone");
        operation_end(operation, result, NULL, &err);
        return;
    }
    destroy_begin(operation);
}

void destroy_begin(struct operation *operation)
{
    struct images *images = operation->images;
    _cleanup_err_ struct err err = ERR_INIT;
    bool known = false;
    int r = destroy_tree(images, operation->id, &known, &err);
    if (r == -ENOTEMPTY && operation->tries++ < RETRIES) {
        operation->retry = host_timer(images->base.host, RETRY_NS, destroy_again, operation);
        return;
    }
    if (r < 0)
        keep_failure(operation, r, &err);
    else if (!known && images->stores_count > 0)
        directory_remove(images, operation->id);
    operation_end(operation, r, &known, &err);
}
