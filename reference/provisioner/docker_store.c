/* SPDX-License-Identifier: Apache-2.0 */
/* The docker store: which images are here, and their layers (provisioner.md 3, 7). */
#include "reference/provisioner/docker_store.h"

#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"

/* One get that waits for a pull. */
struct docker_get {
    struct list node;
    struct docker_store *store;
    struct image_name name;
    const struct backend_kind *backend;
    struct done done;
};

static struct docker_store *docker_of(struct store *store)
{
    return container_of(store, struct docker_store, base);
}

char *docker_layer_path(const struct docker_store *store, const char *id, const char *file)
{
    return str_printf("%s/layers/%s%s%s", store->directory, id, file ? "/" : "", file ? file : "");
}

/* --- records --- */

static void record_free(struct docker_record *record)
{
    if (!record)
        return;
    free(record->reference);
    strv_free(record->layers);
    free(record->config);
    free(record);
}

static void records_forget(struct docker_store *store)
{
    size_t cursor = 0;
    const char *key;
    void *value;
    while (strmap_next(store->records, &cursor, &key, &value)) {
        strmap_remove(store->records, key);
        record_free(value);
    }
}

static json_t *record_json(const struct docker_record *record)
{
    json_t *layers = json_array();
    for (size_t i = 0; record->layers && record->layers[i]; i++)
        json_array_append_new(layers, json_string(record->layers[i]));
    json_t *json = json_pack("{ss so}", "reference", record->reference, "layers", layers);
    if (record->config)
        json_object_set_new(json, "config", json_string(record->config));
    return json;
}

static int records_write(struct docker_store *store, struct err *err)
{
    json_t *list = json_array();
    size_t cursor = 0;
    const char *key;
    void *value;
    while (strmap_next(store->records, &cursor, &key, &value))
        json_array_append_new(list, record_json(value));
    json_t *json = json_pack("{so}", "images", list);
    _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
    _cleanup_free_ char *path = str_printf("%s/storedImages", store->directory);
    json_decref(json);
    return host_file_write(store->base.host, path, text, strlen(text), 0644, err);
}

int docker_store_put(struct docker_store *store, struct docker_record *record, struct err *err)
{
    struct docker_record *old = strmap_get(store->records, record->reference);
    strmap_set(store->records, record->reference, record);
    record_free(old);
    return records_write(store, err);
}

static struct docker_record *record_read(const json_t *json)
{
    const char *reference = json_string_value(json_object_get(json, "reference"));
    const json_t *layers = json_object_get(json, "layers");
    const json_t *layer;
    size_t i;
    if (!reference || json_array_size(layers) == 0)
        return NULL;
    struct docker_record *record = mem_alloc(sizeof(*record));
    record->reference = str_dup(reference);
    record->config = str_dup(json_string_value(json_object_get(json, "config")));
    json_array_foreach(layers, i, layer) {
        if (json_is_string(layer))
            strv_add(&record->layers, json_string_value(layer));
    }
    return record;
}

static int records_parse(
    struct docker_store *store, const char *path, const char *text, struct err *err)
{
    json_error_t problem;
    json_t *json = json_loads(text, 0, &problem);
    const json_t *list = json_object_get(json, "images");
    const json_t *item;
    size_t i;
    int r = json_is_array(list) ? 0 : err_set(err, -EBADMSG, "%s: expected a list of images", path);
    json_array_foreach(list, i, item) {
        struct docker_record *record = record_read(item);
        if (!record)
            r = err_set(err, -EBADMSG, "%s: image %zu has no reference or layers", path, i);
        else if (strmap_get(store->records, record->reference))
            record_free(record); /* the first wins */
        else
            strmap_set(store->records, record->reference, record);
    }
    json_decref(json);
    return r;
}

static void docker_recover(struct store *base, struct done done)
{
    struct docker_store *store = docker_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = str_printf("%s/storedImages", store->directory);
    _cleanup_free_ char *text = NULL;
    records_forget(store);
    int r = host_file_read(base->host, path, &text, NULL, &err);
    if (r == -ENOENT) {
        r = 0;
    } else if (r == 0 && !*text) {
        log_warning("docker store: %s is empty, no images are known", path); /* MESOS-8871 */
    } else if (r == 0) {
        r = records_parse(store, path, text, &err);
    }
    done_result(done, r, &err);
}

/* --- get --- */

/* All that the record names is there for this backend. */
static bool record_complete(const struct docker_store *store, const struct docker_record *record,
    const struct backend_kind *backend)
{
    bool complete = true;
    for (size_t i = 0; complete && record->layers[i]; i++) {
        _cleanup_free_ char *tree = docker_layer_path(store, record->layers[i], backend->tree);
        complete = host_file_exists(store->base.host, tree);
    }
    if (complete && record->config) {
        _cleanup_free_ char *config = docker_layer_path(store, record->config, NULL);
        complete = host_file_exists(store->base.host, config);
    }
    return complete;
}

static void image_answer(const struct docker_store *store, const struct docker_record *record,
    const struct backend_kind *backend, struct done done)
{
    _cleanup_strv_ char **layers = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    json_error_t problem;
    const char *top = record->layers[strv_length(record->layers) - 1];
    for (size_t i = 0; record->layers[i]; i++)
        strv_add_owned(&layers, docker_layer_path(store, record->layers[i], backend->tree));
    _cleanup_free_ char *path = record->config ? docker_layer_path(store, record->config, NULL)
                                               : docker_layer_path(store, top, "json");
    int r = host_file_read(store->base.host, path, &text, NULL, &err);
    json_t *manifest = r == 0 ? json_loads(text, 0, &problem) : NULL;
    if (r == 0 && !json_is_object(manifest))
        r = err_set(&err, -EBADMSG, "%s: expected a JSON object", path);
    const struct stored_image image = {.layers = layers,
        .docker_manifest = manifest,
        .config_path = record->config ? path : NULL};
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, &image);
    json_decref(manifest);
}

static void get_free(struct docker_get *get)
{
    list_remove(&get->node);
    image_name_release(&get->name);
    free(get);
}

static void get_pulled(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct docker_get *get = arg;
    struct docker_store *store = get->store;
    const struct docker_record *record =
        result == 0 ? strmap_get(store->records, get->name.text) : NULL;
    struct done done = get->done;
    const struct backend_kind *backend = get->backend;
    _cleanup_free_ char *name = str_dup(get->name.text);
    get_free(get);
    if (record) {
        image_answer(store, record, backend, done);
        return;
    }
    _cleanup_err_ struct err why = ERR_INIT;
    err_copy(&why, err);
    if (result == 0)
        result = err_set(&why, -ENOENT, "it was pruned");
    done_fail(done, err_wrap(&why, result, "image %s", name), &why);
}

static void docker_get(struct store *base, const struct image *image,
    const struct backend_kind *backend, struct done done)
{
    struct docker_store *store = docker_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct image_name name;
    int r = image_name_parse(image->name ? image->name : "", &name, &err);
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    const struct docker_record *record = strmap_get(store->records, name.text);
    if (record && image->cached && record_complete(store, record, backend)) {
        image_name_release(&name);
        image_answer(store, record, backend, done);
        return;
    }
    struct docker_get *get = mem_alloc(sizeof(*get));
    *get = (struct docker_get){.store = store, .name = name, .backend = backend, .done = done};
    list_append(&store->gets, &get->node);
    const struct docker_request request = {&get->name, backend};
    _cleanup_free_ char *key = str_printf("%s\n%s", name.text, backend->tree);
    pulls_join(&store->pulls, key, &request, DONE(get_pulled, get));
}

static bool docker_cancel(struct store *base, void *arg)
{
    struct docker_store *store = docker_of(base);
    list_for_each(node, &store->gets) {
        struct docker_get *get = list_entry(node, struct docker_get, node);
        if (get->done.arg == arg)
            return pulls_leave(&store->pulls, get);
    }
    return false;
}

/* --- prune --- */

/* The entry of layers/ that an active path is in: layers by their trees, a config is only kept by
 * its record (quirk). */
static void keep_active(const struct docker_store *store, char *const *active, char ***kept)
{
    _cleanup_free_ char *layers = docker_layer_path(store, "", NULL);
    for (size_t i = 0; active && active[i]; i++) {
        if (!str_starts(active[i], layers))
            continue;
        const char *rest = active[i] + strlen(layers);
        strv_add_owned(kept, str_ndup(rest, strcspn(rest, "/")));
    }
}

static void keep_record(const struct docker_record *record, char ***kept)
{
    for (size_t i = 0; record->layers[i]; i++)
        strv_add(kept, record->layers[i]);
    if (record->config)
        strv_add(kept, record->config);
}

static int names_normalize(char *const *keep, char ***ret_names, struct err *err)
{
    for (size_t i = 0; keep && keep[i]; i++) {
        struct image_name name;
        int r = image_name_parse(keep[i], &name, err);
        if (r < 0)
            return r;
        strv_add(ret_names, name.text);
        image_name_release(&name);
    }
    return 0;
}

static void records_reduce(struct docker_store *store, char *const *names, char ***kept)
{
    size_t cursor = 0;
    const char *key;
    void *value;
    while (strmap_next(store->records, &cursor, &key, &value)) {
        struct docker_record *record = value;
        if (strv_contains(names, record->reference)) {
            keep_record(record, kept);
            continue;
        }
        strmap_remove(store->records, record->reference);
        record_free(record);
    }
}

static int prune(
    struct docker_store *store, char *const *keep, char *const *active, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_strv_ char **kept = NULL;
    _cleanup_free_ char *layers = str_printf("%s/layers", store->directory);
    if (!list_empty(&store->pulls.list))
        return err_set(err, -EBUSY, "prune images: a pull is under way");
    int r = names_normalize(keep, &names, err);
    if (r < 0)
        return r;
    records_reduce(store, names, &kept);
    r = records_write(store, err);
    if (r < 0)
        return r;
    keep_active(store, active, &kept);
    return garbage_sweep(&store->garbage, layers, kept, err);
}

static void docker_prune(
    struct store *base, char *const *keep, char *const *active, struct done done)
{
    struct docker_store *store = docker_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = prune(store, keep, active, &err);
    if (r < 0) {
        done_fail(done, err_wrap(&err, r, "docker store"), &err);
        return;
    }
    garbage_collect(&store->garbage);
    done_ok(done, NULL);
}

/* As the docker containerizer tells of its own pulls: how many, and the time that they took. */
static void docker_metrics(struct store *base, json_t *into)
{
#define METRIC_PULL "containerizer/mesos/provisioner/docker_store/image_pull"
    const struct docker_store *store = docker_of(base);
    json_object_set_new(into, METRIC_PULL "/count", json_integer((json_int_t)store->pulled));
    json_object_set_new(into, METRIC_PULL "_ms", json_real((double)store->pulled_ns / 1e6));
}

static void docker_free(struct store *base)
{
    struct docker_store *store = docker_of(base);
    pulls_release(&store->pulls);
    garbage_release(&store->garbage);
    records_forget(store);
    strmap_free(store->records);
    free(store->directory);
    free(store);
}

static const struct store_ops docker_ops = {.type = "DOCKER",
    .provider = "docker",
    .recover = docker_recover,
    .get = docker_get,
    .cancel = docker_cancel,
    .prune = docker_prune,
    .metrics = docker_metrics,
    .free = docker_free};

int docker_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err)
{
    struct docker_store *store = mem_alloc(sizeof(*store));
    const char *directory = flags_other(context->flags, "docker_store_dir");
    store->base = (struct store){&docker_ops, context->host};
    store->context = *context;
    store->directory = str_dup(directory);
    store->records = strmap_new();
    list_init(&store->gets);
    pulls_init(&store->pulls, &docker_pull_ops, store);
    garbage_init(&store->garbage, context->host, directory);
    static const char *const parts[] = {"staging", "gc"};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, parts[i]);
        r = host_mkdir(context->host, path, 0755, true, err);
    }
    if (r < 0)
        docker_free(&store->base);
    else
        *ret_store = &store->base;
    return r;
}
