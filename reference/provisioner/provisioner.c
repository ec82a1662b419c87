/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioner: its creation, its calls, and its end (provisioner.md 1, 6). */
#include "reference/provisioner/provisioner.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/container_id.h"
#include "reference/provisioner/internal.h"

/* By the words of --image_providers; rootfs is ours: a directory or a tar on this machine. */
static const struct {
    const char *word;
    int (*create)(const struct store_context *context, struct store **ret_store, struct err *err);
} providers[] = {
    {"docker", docker_store_new},
    {"appc", appc_store_new},
    {"rootfs", rootfs_store_new},
};


/* --- calls --- */

static void images_recover(struct provisioner *provisioner, char *const *known, struct done done)
{
    struct images *images = images_of(provisioner);
    struct operation *operation = operation_new(images, OPERATION_RECOVER, NULL, done);
    operation->keep = strv_copy(known);
    operations_run(images);
}

static void images_provision(struct provisioner *provisioner, const char *id,
    const struct image *image, struct done done)
{
    struct images *images = images_of(provisioner);
    struct operation *operation = operation_new(images, OPERATION_PROVISION, id, done);
    json_type_copy(&image_json, &operation->image, image);
    operations_run(images);
}

/* Of the container and those nested in it. Each answer may start and end others. */
static void discard_provisions(struct images *images, const char *id)
{
    _cleanup_strv_ char **ids = NULL;
    list_for_each(node, &images->operations) {
        const struct operation *operation = list_entry(node, struct operation, node);
        if (operation->kind == OPERATION_PROVISION &&
            (str_equal(operation->id, id) || container_id_is_descendant(operation->id, id)))
            strv_add(&ids, operation->id);
    }
    for (size_t i = 0; ids && ids[i]; i++) {
        struct operation *operation = operation_find(images, OPERATION_PROVISION, ids[i]);
        if (operation)
            provision_discard(operation);
    }
}

static void images_destroy(struct provisioner *provisioner, const char *id, struct done done)
{
    struct images *images = images_of(provisioner);
    struct operation *other = operation_find(images, OPERATION_DESTROY, id);
    if (other) { /* the same answer for both */
        other->more = mem_realloc(other->more, (other->more_count + 1) * sizeof(*other->more));
        other->more[other->more_count++] = done;
        return;
    }
    discard_provisions(images, id);
    operation_new(images, OPERATION_DESTROY, id, done);
    operations_run(images);
}

static void images_prune(struct provisioner *provisioner, char *const *keep, struct done done)
{
    struct images *images = images_of(provisioner);
    struct operation *operation = operation_new(images, OPERATION_PRUNE, NULL, done);
    operation->keep = strv_copy(keep);
    operations_run(images);
}

/* --- its end --- */

static void records_forget(struct images *images)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(images->records, &cursor, &id, &value))
        record_drop(images, value);
    strmap_free(images->records);
}

static void images_free(struct provisioner *provisioner)
{
    struct images *images = images_of(provisioner);
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    images->closing = true;
    for (size_t i = 0; i < images->stores_count; i++)
        images->stores[i]->ops->free(images->stores[i]); /* answers its gets */
    while (!list_empty(&images->operations)) {
        struct operation *operation =
            list_entry(images->operations.next, struct operation, node);
        helper_cancel(TAKE_PTR(operation->helper));
        operation_end(operation, -ESHUTDOWN, NULL, &err);
    }
    records_forget(images);
    flags_release(&images->flags);
    free(images->directory);
    free(images->helper);
    free(images);
}

static void images_metrics(struct provisioner *provisioner, json_t *into)
{
    const struct images *images = images_of(provisioner);
    const struct provisioner_counters *counters = &images->counters;
    json_object_set_new(into, "containerizer/mesos/provisioner/remove_container_errors",
        json_integer((json_int_t)counters->remove_container_errors));
    json_object_set_new(into, "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
        json_integer((json_int_t)counters->bind_remove_rootfs_errors));
    for (size_t i = 0; i < images->stores_count; i++) {
        if (images->stores[i]->ops->metrics)
            images->stores[i]->ops->metrics(images->stores[i], into);
    }
}

static const struct provisioner_ops images_ops = {
    .recover = images_recover,
    .provision = images_provision,
    .destroy = images_destroy,
    .prune = images_prune,
    .metrics = images_metrics,
    .free = images_free,
};

/* --- creation --- */

static bool same_word(const char *text, const char *word)
{
    for (; *text && *word; text++, word++) {
        if (tolower((unsigned char)*text) != *word)
            return false;
    }
    return *text == *word;
}

static int store_create(struct images *images, const char *word, struct err *err)
{
    const struct store_context context = {
        .host = images->base.host, .flags = &images->flags, .helper = images->helper};
    const char *known[ARRAY_SIZE(providers) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
        known[i] = providers[i].word;
        if (!same_word(word, providers[i].word))
            continue;
        for (size_t k = 0; k < images->stores_count; k++) {
            if (str_equal(images->stores[k]->ops->provider, providers[i].word))
                return 0;
        }
        int r = providers[i].create(&context, &images->stores[images->stores_count], err);
        images->stores_count += r == 0;
        return r < 0 ? err_wrap(err, r, "image provider %s", word) : 0;
    }
    const char *near = json_suggest(word, known);
    return err_set(err, -EINVAL,
        "image_providers: unknown provider \"%s\", expected docker, appc or rootfs%s%s%s", word,
        near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int stores_create(struct images *images, struct err *err)
{
    _cleanup_strv_ char **words = strv_split(images->flags.image_providers, ",");
    _cleanup_free_ char *made = str_dup(images->directory);
    int r = host_mkdir(images->base.host, made, 0755, true, err);
    if (r == 0) {
        free(TAKE_PTR(images->directory));
        r = host_real_path(images->base.host, made, &images->directory, err);
    }
    for (size_t i = 0; r == 0 && words && words[i]; i++)
        r = store_create(images, words[i], err);
    return r < 0 ? r
                 : backend_choose(
                       images->base.host, &images->flags, images->directory, &images->kind, err);
}

int image_provisioner_new(struct host *host, const struct flags *flags,
    struct provisioner **ret_provisioner, struct err *err)
{
    struct images *images = mem_alloc(sizeof(*images));
    images->base = (struct provisioner){&images_ops, host};
    flags_copy(&images->flags, flags);
    images->directory = str_printf("%s/provisioner", flags->work_dir);
    images->helper = helper_program(host, flags);
    images->records = strmap_new();
    list_init(&images->operations);
    int r = flags->image_providers ? stores_create(images, err) : 0;
    if (r < 0) {
        if (!images->directory)
            images->directory = str_dup("");
        images_free(&images->base);
        return err_wrap(err, r, "provisioner");
    }
    *ret_provisioner = &images->base;
    return 0;
}

const struct provisioner_counters *image_provisioner_counters(
    const struct provisioner *provisioner)
{
    return &container_of(provisioner, const struct images, base)->counters;
}

char **image_provisioner_containers(const struct provisioner *provisioner)
{
    const struct images *images = container_of(provisioner, const struct images, base);
    char **ids = NULL;
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(images->records, &cursor, &id, &value))
        strv_add(&ids, id);
    return ids;
}
