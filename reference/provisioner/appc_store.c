/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The appc store (provisioner.md 4): images by their id, found again by name and labels. Bundles
 * come from a folder: <prefix><name>-<version>-<os>-<arch>.aci. Dependencies come before the image
 * that has them, and are its lower layers.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/provisioner/store.h"

#define ID_PREFIX "sha512-"
#define ID_DIGITS 128
#define IMAGES_MAX 100 /* of one tree of dependencies: no cycle goes on for ever */

/* One of the store. */
struct appc_image {
    struct list node;
    char *id;
    json_t *manifest;
};
struct appc_store {
    struct store base;
    struct store_context context;
    char *directory;
    struct list images;
    struct list gets; /* of struct appc_get */
};

/* What is asked for: the image, or a dependency. */
struct appc_want {
    char *name;
    char *id;       /* NULL: not told */
    json_t *labels; /* object name -> value */
};
struct appc_get {
    struct list node;
    struct appc_store *store;
    struct done done;
    struct appc_want *wants; /* the deepest at the end */
    size_t wants_count;
    size_t wants_capacity;
    size_t seen;
    const struct appc_image **found; /* in the order of layers */
    size_t found_count;
    char *staging; /* of the bundle that is being fetched */
    struct helper_call *helper;
};

static struct appc_store *appc_of(struct store *store)
{
    return container_of(store, struct appc_store, base);
}

/* --- what is there --- */

static void image_free(struct appc_image *image)
{
    list_remove(&image->node);
    json_decref(image->manifest);
    free(image->id);
    free(image);
}

static char *image_path(const struct appc_store *store, const char *id, const char *file)
{
    return str_printf("%s/images/%s/%s", store->directory, id, file);
}

static int manifest_read(struct host *host, const char *path, json_t **ret_manifest,
    struct err *err)
{
    _cleanup_free_ char *text = NULL;
    json_error_t problem;
    int r = host_file_read(host, path, &text, NULL, err);
    if (r < 0)
        return r;
    json_t *json = json_loads(text, 0, &problem);
    if (!str_equal(json_string_value(json_object_get(json, "acKind")), "ImageManifest")) {
        json_decref(json);
        return err_set(err, -EBADMSG, "%s: acKind: expected ImageManifest", path);
    }
    *ret_manifest = json;
    return 0;
}

static int image_load(struct appc_store *store, const char *id, struct err *err)
{
    json_t *manifest = NULL;
    _cleanup_free_ char *path = image_path(store, id, "manifest");
    int r = manifest_read(store->base.host, path, &manifest, err);
    if (r < 0)
        return r;
    struct appc_image *image = mem_alloc(sizeof(*image));
    image->id = str_dup(id);
    image->manifest = manifest;
    list_append(&store->images, &image->node);
    return 0;
}

static void images_forget(struct appc_store *store)
{
    list_for_each_safe(node, following, &store->images)
        image_free(list_entry(node, struct appc_image, node));
}

static void images_load(struct appc_store *store)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_free_ char *path = str_printf("%s/images", store->directory);
    images_forget(store);
    if (host_list(store->base.host, path, &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        if (image_load(store, names[i], &err) < 0)
            log_warning("appc store: %s", err_text(&err));
    }
}

/* [{name, value}] as an object; also of dependencies and manifests. */
static json_t *labels_of(const json_t *list)
{
    json_t *labels = json_object();
    const json_t *label;
    size_t i;
    json_array_foreach(list, i, label) {
        const char *name = json_string_value(json_object_get(label, "name"));
        if (name)
            json_object_set(labels, name, json_object_get(label, "value"));
    }
    return labels;
}

/* By its id, or by name and exactly equal labels. */
static const struct appc_image *image_find(
    const struct appc_store *store, const struct appc_want *want)
{
    for (struct list *node = store->images.next; node != &store->images; node = node->next) {
        const struct appc_image *image = list_entry(node, struct appc_image, node);
        if (want->id && str_equal(image->id, want->id))
            return image;
        json_t *labels = labels_of(json_object_get(image->manifest, "labels"));
        bool same = !want->id &&
                    str_equal(json_string_value(json_object_get(image->manifest, "name")),
                        want->name) &&
                    json_equal(labels, want->labels);
        json_decref(labels);
        if (same)
            return image;
    }
    return NULL;
}

/* --- the end of a get --- */

static void want_release(struct appc_want *want)
{
    free(want->name);
    free(want->id);
    json_decref(want->labels);
}

static void staging_drop(struct appc_get *get)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = get->staging ? host_tree_remove(get->store->base.host, get->staging, &err) : 0;
    if (r < 0 && r != -ESHUTDOWN)
        log_warning("appc store: %s", err_text(&err));
    free(TAKE_PTR(get->staging));
}

static void get_free(struct appc_get *get)
{
    helper_cancel(get->helper);
    staging_drop(get);
    for (size_t i = 0; i < get->wants_count; i++)
        want_release(&get->wants[i]);
    free(get->wants);
    free(get->found);
    list_remove(&get->node);
    free(get);
}

static void get_fail(struct appc_get *get, int result, const struct err *err)
{
    struct done done = get->done;
    get_free(get);
    done_fail(done, result, err);
}

static void get_succeed(struct appc_get *get)
{
    struct done done = get->done;
    _cleanup_strv_ char **layers = NULL;
    for (size_t i = 0; i < get->found_count; i++)
        strv_add_owned(&layers, image_path(get->store, get->found[i]->id, "rootfs"));
    /* The manifest of the first, so of the deepest dependency (quirk). */
    json_t *manifest = json_incref(get->found[0]->manifest);
    const struct stored_image image = {.layers = layers, .appc_manifest = manifest};
    get_free(get);
    done_ok(done, &image);
    json_decref(manifest);
}

/* --- fetching --- */

static void get_continue(struct appc_get *get);

static void helper_next(struct appc_get *get, char *const *arguments, done_fn next)
{
    get->helper = helper_start(
        get->store->base.host, get->store->context.helper, arguments, DONE(next, get));
}

/* After the last: staging/<uuid>/<id>, which is to hold a manifest and a rootfs. */
static int bundle_commit(struct appc_get *get, struct err *err)
{
    struct host *host = get->store->base.host;
    _cleanup_strv_ char **ids = NULL;
    _cleanup_free_ char *images = str_printf("%s/images", get->store->directory);
    _cleanup_free_ char *unpacked = str_printf("%s/unpacked", get->staging);
    int r = host_list(host, unpacked, &ids, err);
    if (r == 0 && strv_length(ids) != 1)
        r = err_set(err, -EBADMSG, "expected one image, got %zu", strv_length(ids));
    if (r < 0)
        return r;
    _cleanup_free_ char *from = str_printf("%s/%s", unpacked, ids[0]);
    _cleanup_free_ char *to = str_printf("%s/%s", images, ids[0]);
    _cleanup_free_ char *rootfs = str_printf("%s/rootfs", from);
    if (!host_file_exists(host, rootfs))
        return err_set(err, -EBADMSG, "the bundle has no rootfs");
    if (!host_file_exists(host, to))
        r = host_rename(host, from, to, err);
    return r < 0 ? r : image_load(get->store, ids[0], err);
}

static void bundle_unpacked(void *arg, int result, const void *value, const struct err *given)
{
    (void)value;
    struct appc_get *get = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    get->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else
        result = bundle_commit(get, &err);
    staging_drop(get);
    if (result < 0)
        get_fail(get, result, &err);
    else
        get_continue(get);
}

static void bundle_hashed(void *arg, int result, const void *value, const struct err *given)
{
    struct appc_get *get = arg;
    const char *output = value;
    _cleanup_err_ struct err err = ERR_INIT;
    get->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else if (strcspn(output, " ") != ID_DIGITS)
        result = err_set(&err, -EBADMSG, "no digest of the bundle");
    if (result < 0) {
        get_fail(get, result, &err);
        return;
    }
    _cleanup_free_ char *tar = str_printf("%s/image.tar", get->staging);
    _cleanup_free_ char *unpacked =
        str_printf("%s/unpacked/" ID_PREFIX "%.*s", get->staging, ID_DIGITS, output);
    result = host_mkdir(get->store->base.host, unpacked, 0755, true, &err);
    char *const arguments[] = {(char *)(uintptr_t)"archive", tar, unpacked, NULL};
    if (result < 0)
        get_fail(get, result, &err);
    else
        helper_next(get, arguments, bundle_unpacked);
}

static void bundle_gunzipped(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct appc_get *get = arg;
    get->helper = NULL;
    if (result < 0) {
        get_fail(get, result, err);
        return;
    }
    _cleanup_free_ char *tar = str_printf("%s/image.tar", get->staging);
    char *const arguments[] = {
        (char *)(uintptr_t)"digest", (char *)(uintptr_t)"sha512", tar, NULL};
    helper_next(get, arguments, bundle_hashed);
}

static int bundle_path(
    const struct appc_store *store, const struct appc_want *want, char **ret_path, struct err *err)
{
    const char *prefix = flags_other(store->context.flags, "appc_simple_discovery_uri_prefix");
    const char *os = json_string_value(json_object_get(want->labels, "os"));
    const char *arch = json_string_value(json_object_get(want->labels, "arch"));
    const char *version = json_string_value(json_object_get(want->labels, "version"));
    if (!os || !arch)
        return err_set(err, -EINVAL, "image %s: the label \"%s\" is missing", want->name,
            os ? "arch" : "os");
    if (!prefix || *prefix != '/')
        return err_set(err, -EOPNOTSUPP,
            "--appc_simple_discovery_uri_prefix=%s: expected a folder of bundles",
            prefix ? prefix : "");
    _cleanup_free_ char *path = str_printf("%s%s-%s-%s-%s.aci", prefix, want->name,
        version ? version : "latest", os, arch);
    if (!host_file_exists(store->base.host, path))
        return err_set(err, -ENOENT, "the bundle %s is not found", path);
    *ret_path = TAKE_PTR(path);
    return 0;
}

static int bundle_fetch(struct appc_get *get, const struct appc_want *want, struct err *err)
{
    struct host *host = get->store->base.host;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *uuid = host_uuid(host, "provisioner");
    int r = bundle_path(get->store, want, &path, err);
    if (r < 0)
        return r;
    get->staging = str_printf("%s/staging/%s", get->store->directory, uuid);
    r = host_mkdir(host, get->staging, 0755, true, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *tar = str_printf("%s/image.tar", get->staging);
    char *const arguments[] = {(char *)(uintptr_t)"gunzip", path, tar, NULL};
    helper_next(get, arguments, bundle_gunzipped);
    return 0;
}

/* --- the tree of dependencies --- */

static void want_add(struct appc_get *get, const char *name, const char *id, json_t *labels)
{
    get->wants =
        mem_grow(get->wants, &get->wants_capacity, get->wants_count + 1, sizeof(*get->wants));
    get->wants[get->wants_count++] = (struct appc_want){str_dup(name), str_dup(id), labels};
    get->seen++;
}

static bool is_found(const struct appc_get *get, const struct appc_image *image)
{
    for (size_t i = 0; i < get->found_count; i++) {
        if (get->found[i] == image)
            return true;
    }
    return false;
}

/* True when all that it depends on is found. */
static bool dependencies_add(struct appc_get *get, const struct appc_image *image)
{
    const json_t *list = json_object_get(image->manifest, "dependencies");
    bool complete = true;
    for (size_t i = json_array_size(list); i > 0; i--) { /* the first on top of the stack */
        const json_t *one = json_array_get(list, i - 1);
        const char *name = json_string_value(json_object_get(one, "imageName"));
        const char *id = json_string_value(json_object_get(one, "imageID"));
        const struct appc_want want = {.name = (char *)(uintptr_t)name,
            .id = (char *)(uintptr_t)id,
            .labels = labels_of(json_object_get(one, "labels"))};
        const struct appc_image *there = image_find(get->store, &want);
        if (there && is_found(get, there)) {
            json_decref(want.labels);
            continue;
        }
        want_add(get, name, id, want.labels);
        complete = false;
    }
    return complete;
}

/* Depth first: an image whose dependencies are all found is found itself. */
static void get_continue(struct appc_get *get)
{
    _cleanup_err_ struct err err = ERR_INIT;
    while (get->wants_count > 0) {
        const struct appc_want *want = &get->wants[get->wants_count - 1];
        const struct appc_image *image = image_find(get->store, want);
        if (get->seen > IMAGES_MAX) {
            err_set(&err, -ELOOP, "the dependencies of %s have no end", want->name);
            get_fail(get, -ELOOP, &err);
            return;
        }
        if (!image) {
            int r = bundle_fetch(get, want, &err);
            if (r < 0)
                get_fail(get, r, &err);
            return;
        }
        if (!is_found(get, image) && !dependencies_add(get, image))
            continue;
        want_release(&get->wants[--get->wants_count]);
        if (is_found(get, image))
            continue;
        get->found =
            mem_realloc(get->found, (get->found_count + 1) * sizeof(struct appc_image *));
        get->found[get->found_count++] = image;
    }
    get_succeed(get);
}

static void appc_get(struct store *base, const struct image *image,
    const struct backend_kind *backend, struct done done)
{
    (void)backend;
    struct appc_store *store = appc_of(base);
    struct appc_get *get = mem_alloc(sizeof(*get));
    json_t *labels = json_object();
    for (size_t i = 0; i < image->labels_count; i++)
        json_object_set_new(labels, image->labels[i].key, json_string(image->labels[i].value));
    *get = (struct appc_get){.store = store, .done = done};
    list_append(&store->gets, &get->node);
    want_add(get, image->name ? image->name : "", image->id, labels);
    get_continue(get);
}

static bool appc_cancel(struct store *base, void *arg)
{
    struct appc_store *store = appc_of(base);
    list_for_each(node, &store->gets) {
        struct appc_get *get = list_entry(node, struct appc_get, node);
        if (get->done.arg != arg)
            continue;
        _cleanup_err_ struct err err = ERR_INIT;
        get_fail(get, err_set(&err, -ECANCELED, "cancelled"), &err);
        return true;
    }
    return false;
}

static void appc_recover(struct store *base, struct done done)
{
    images_load(appc_of(base));
    done_ok(done, NULL);
}

static void appc_free(struct store *base)
{
    struct appc_store *store = appc_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    while (!list_empty(&store->gets))
        get_fail(list_entry(store->gets.next, struct appc_get, node), -ESHUTDOWN, &err);
    images_forget(store);
    free(store->directory);
    free(store);
}

/* Nothing is ever pruned (provisioner.md 4). */
static const struct store_ops appc_ops = {.type = "APPC",
    .provider = "appc",
    .recover = appc_recover,
    .get = appc_get,
    .cancel = appc_cancel,
    .free = appc_free};

int appc_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err)
{
    struct appc_store *store = mem_alloc(sizeof(*store));
    static const char *const parts[] = {"images", "staging"};
    store->base = (struct store){&appc_ops, context->host};
    store->context = *context;
    store->directory = str_dup(flags_other(context->flags, "appc_store_dir"));
    list_init(&store->images);
    list_init(&store->gets);
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", store->directory, parts[i]);
        r = host_mkdir(context->host, path, 0755, true, err);
    }
    if (r < 0) {
        appc_free(&store->base);
        return r;
    }
    images_load(store);
    *ret_store = &store->base;
    return 0;
}
