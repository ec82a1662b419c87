/* SPDX-License-Identifier: Apache-2.0 */
/* The operations in their order, and the lock between them. */
#include <errno.h>

#include "reference/base/mem.h"
#include "reference/provisioner/internal.h"

static void (*const begin[OPERATION_KIND_COUNT])(struct operation *operation) = {
    [OPERATION_PROVISION] = provision_begin,
    [OPERATION_DESTROY] = destroy_begin,
    [OPERATION_PRUNE] = prune_begin,
    [OPERATION_RECOVER] = recover_begin,
};

struct operation *operation_new(
    struct images *images, enum operation_kind kind, const char *id, struct done done)
{
    struct operation *operation = mem_alloc(sizeof(*operation));
    operation->images = images;
    operation->kind = kind;
    operation->id = str_dup(id);
    operation->done = done;
    list_append(&images->operations, &operation->node);
    return operation;
}

/* The next that may start: nobody overtakes a waiting prune, which waits for all before it. */
static struct operation *operation_next(struct images *images)
{
    bool busy = false;
    list_for_each(node, &images->operations) {
        struct operation *operation = list_entry(node, struct operation, node);
        bool alone = operation->kind == OPERATION_PRUNE;
        if (!operation->granted && !(alone && busy))
            return operation;
        if (alone)
            return NULL;
        busy = true;
    }
    return NULL;
}

void operations_run(struct images *images)
{
    struct operation *operation;
    while (!images->closing && (operation = operation_next(images))) {
        operation->granted = true;
        begin[operation->kind](operation);
    }
}

static void answer(struct done done, int result, const void *value, const struct err *err)
{
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
}

void operation_end(
    struct operation *operation, int result, const void *value, const struct err *err)
{
    struct images *images = operation->images;
    list_remove(&operation->node);
    answer(operation->done, result, value, err);
    for (size_t i = 0; i < operation->more_count; i++)
        answer(operation->more[i], result, value, err);
    json_type_release(&image_json, &operation->image);
    json_decref(operation->docker_manifest);
    json_decref(operation->appc_manifest);
    host_cancel(operation->retry);
    err_clear(&operation->err);
    strv_free(operation->keep);
    free(operation->more);
    free(operation->id);
    free(operation);
    operations_run(images);
}

struct operation *operation_find(struct images *images, enum operation_kind kind, const char *id)
{
    list_for_each(node, &images->operations) {
        struct operation *operation = list_entry(node, struct operation, node);
        if (operation->kind == kind && str_equal(operation->id, id))
            return operation;
    }
    return NULL;
}

void operation_store_done(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct operation *operation = arg;
    if (result < 0 && operation->result == 0) {
        operation->result = result;
        err_copy(&operation->err, err);
    }
    if (--operation->pending > 0)
        return;
    _cleanup_err_ struct err why = ERR_INIT;
    err_copy(&why, &operation->err);
    operation_end(operation, operation->result, NULL, &why);
}
