/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the roots of containers, and where it lies (containerizer.md 6.4). */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/provisioner/internal.h"

struct record *record_get(struct images *images, const char *id, bool create)
{
    struct record *record = strmap_get(images->records, id);
    if (!record && create) {
        record = mem_alloc(sizeof(*record));
        record->id = str_dup(id);
        strmap_set(images->records, id, record);
    }
    return record;
}

void record_drop(struct images *images, struct record *record)
{
    strmap_remove(images->records, record->id);
    for (size_t i = 0; i < record->roots_count; i++)
        free(record->roots[i].uuid);
    free(record->roots);
    strv_free(record->layers);
    free(record->config_path);
    err_clear(&record->failure_err);
    free(record->id);
    free(record);
}

char *record_path(const struct images *images, const char *id)
{
    _cleanup_strv_ char **names = strv_split(id, ".");
    struct strbuf path = STRBUF_INIT;
    strbuf_add(&path, images->directory);
    for (size_t i = 0; names && names[i]; i++)
        strbuf_addf(&path, "/containers/%s", names[i]);
    return strbuf_take(&path);
}

void record_add_root(struct record *record, const struct backend_kind *kind, const char *uuid)
{
    record->roots =
        mem_realloc(record->roots, (record->roots_count + 1) * sizeof(*record->roots));
    record->roots[record->roots_count++] = (struct root){kind, str_dup(uuid)};
}

void root_place(const struct images *images, const char *id, const struct root *root,
    char **ret_rootfs, char **ret_scratch)
{
    _cleanup_free_ char *path = record_path(images, id);
    *ret_rootfs = str_printf("%s/backends/%s/rootfses/%s", path, root->kind->name, root->uuid);
    *ret_scratch = str_printf("%s/backends/%s/scratch/%s", path, root->kind->name, root->uuid);
}

int record_write(struct images *images, const struct record *record, struct err *err)
{
    _cleanup_free_ char *directory = record_path(images, record->id);
    _cleanup_free_ char *path = str_printf("%s/layers", directory);
    json_t *layers = json_array();
    for (size_t i = 0; record->layers && record->layers[i]; i++)
        json_array_append_new(layers, json_string(record->layers[i]));
    json_t *json = json_pack("{so}", "layers", layers);
    if (record->config_path)
        json_object_set_new(json, "config", json_string(record->config_path));
    _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return host_file_write(images->base.host, path, text, strlen(text), 0644, err);
}

int record_read(struct images *images, struct record *record, struct err *err)
{
    _cleanup_free_ char *directory = record_path(images, record->id);
    _cleanup_free_ char *path = str_printf("%s/layers", directory);
    _cleanup_free_ char *text = NULL;
    json_error_t problem;
    const json_t *layer;
    size_t i;
    int r = host_file_read(images->base.host, path, &text, NULL, err);
    if (r == -ENOENT || (r == 0 && !*text)) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    json_t *json = json_loads(text, 0, &problem);
    if (!json_is_array(json_object_get(json, "layers")))
        r = err_set(err, -EBADMSG, "%s: expected layers", path);
    json_array_foreach(json_object_get(json, "layers"), i, layer) {
        if (json_is_string(layer))
            strv_add(&record->layers, json_string_value(layer));
    }
    str_set(&record->config_path, json_string_value(json_object_get(json, "config")));
    json_decref(json);
    return r;
}

struct backend backend_of(struct images *images, const struct backend_kind *kind)
{
    return (struct backend){.kind = kind,
        .host = images->base.host,
        .helper = images->helper,
        .remove_errors = &images->counters.bind_remove_rootfs_errors};
}
