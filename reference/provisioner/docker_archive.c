/* SPDX-License-Identifier: Apache-2.0 */
/* The classic form of `docker save`: repositories, and per layer a json and a tar. */
#include "reference/provisioner/docker_archive.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

#define LAYERS_MAX 1000

void archive_image_release(struct archive_image *image)
{
    for (size_t i = 0; i < image->layers_count; i++) {
        free(image->layers[i].id);
        free(image->layers[i].json);
        free(image->layers[i].tar);
        free(image->layers[i].digest);
    }
    free(image->layers);
    free(image->config);
    free(image->config_digest);
    strv_free(image->blobs);
    *image = (struct archive_image){0};
}

struct archive_layer *archive_layer_add(struct archive_image *image)
{
    image->layers =
        mem_realloc(image->layers, (image->layers_count + 1) * sizeof(*image->layers));
    struct archive_layer *layer = &image->layers[image->layers_count++];
    *layer = (struct archive_layer){0};
    return layer;
}

int archive_path(
    struct host *host, const char *directory, const char *name, char **ret_path, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
    _cleanup_free_ char *below = str_printf("%s/", directory);
    _cleanup_free_ char *real = NULL;
    int r = host_real_path(host, path, &real, NULL);
    if (r < 0)
        return err_set(err, r, "the archive has no %s", name);
    if (!str_starts(real, below))
        return err_set(err, -EBADMSG, "%s leads out of the archive", name);
    *ret_path = TAKE_PTR(real);
    return 0;
}

static int archive_text(
    struct host *host, const char *directory, const char *name, char **ret_text, struct err *err)
{
    _cleanup_free_ char *path = NULL;
    int r = archive_path(host, directory, name, &path, err);
    return r < 0 ? r : host_file_read(host, path, ret_text, NULL, err);
}

int archive_json(
    struct host *host, const char *directory, const char *name, json_t **ret_json, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    json_error_t problem;
    int r = archive_text(host, directory, name, &text, err);
    if (r < 0)
        return r;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(err, -EBADMSG, "%s: expected a JSON object: %s", name,
            json ? "it is none" : problem.text);
    }
    *ret_json = json;
    return 0;
}

/* The id of the top layer of the name, by `repositories`. */
static int top_layer(
    const json_t *repositories, const struct image_name *name, char **ret_id, struct err *err)
{
    const char *tag = name->tag ? name->tag : "latest";
    json_t *tags = json_object_get(repositories, name->repository);
    if (!tags && name->registry) {
        _cleanup_free_ char *full = str_printf("%s/%s", name->registry, name->repository);
        tags = json_object_get(repositories, full);
    }
    if (!json_is_object(tags))
        return err_set(
            err, -EBADMSG, "repositories: there is no repository \"%s\"", name->repository);
    const char *id = json_string_value(json_object_get(tags, tag));
    if (!id)
        return err_set(err, -EBADMSG, "repositories: \"%s\" has no tag \"%s\"", name->repository,
            tag);
    *ret_id = str_dup(id);
    return 0;
}

/* Ids are names of files here and in the store. */
static bool is_id(const char *id)
{
    return *id && !strchr(id, '/') && !str_equal(id, ".") && !str_equal(id, "..");
}

/* What the layer stands on: *ret_parent NULL when on nothing. */
static int layer_read(struct host *host, const char *directory, const char *id,
    struct archive_layer *layer, char **ret_parent, struct err *err)
{
    _cleanup_free_ char *json_name = str_printf("%s/json", id);
    _cleanup_free_ char *tar_name = str_printf("%s/layer.tar", id);
    json_t *json = NULL;
    layer->id = str_dup(id);
    int r = archive_json(host, directory, json_name, &json, err);
    if (r < 0)
        return r;
    const json_t *parent = json_object_get(json, "parent");
    if (parent && !json_is_null(parent) && !json_is_string(parent))
        r = err_set(err, -EBADMSG, "%s: parent: expected a text", json_name);
    else if (json_string_length(parent) > 0)
        *ret_parent = str_dup(json_string_value(parent));
    json_decref(json);
    if (r == 0)
        r = archive_text(host, directory, json_name, &layer->json, err);
    return r < 0 ? r : archive_path(host, directory, tar_name, &layer->tar, err);
}

static void layers_reverse(struct archive_image *image)
{
    for (size_t i = 0; i < image->layers_count / 2; i++) {
        struct archive_layer *other = &image->layers[image->layers_count - 1 - i];
        struct archive_layer kept = image->layers[i];
        image->layers[i] = *other;
        *other = kept;
    }
}

static bool has_layer(const struct archive_image *image, const char *id)
{
    for (size_t i = 0; i < image->layers_count; i++) {
        if (str_equal(image->layers[i].id, id))
            return true;
    }
    return false;
}

static int chain_read(struct host *host, const char *directory, char *top,
    struct archive_image *image, struct err *err)
{
    char *id = top;
    int r = 0;
    while (id && r == 0) {
        char *parent = NULL;
        if (!is_id(id))
            r = err_set(err, -EBADMSG, "\"%s\" is no id of a layer", id);
        else if (has_layer(image, id) || image->layers_count == LAYERS_MAX)
            r = err_set(err, -EBADMSG, "the layers have no end: %s is its own ancestor", id);
        else
            r = layer_read(host, directory, id, archive_layer_add(image), &parent, err);
        free(id);
        id = parent;
    }
    free(id);
    layers_reverse(image);
    return r;
}

static int classic_read(struct host *host, const char *directory, const struct image_name *name,
    struct archive_image *image, struct err *err)
{
    json_t *repositories = NULL;
    char *top = NULL;
    int r = archive_json(host, directory, "repositories", &repositories, err);
    if (r == 0)
        r = top_layer(repositories, name, &top, err);
    json_decref(repositories);
    return r < 0 ? r : chain_read(host, directory, top, image, err);
}

int docker_archive_read(struct host *host, const char *directory, const struct image_name *name,
    bool oci, struct archive_image *ret_image, struct err *err)
{
    struct archive_image image = {0};
    _cleanup_free_ char *index = str_printf("%s/index.json", directory);
    int r = oci && host_file_exists(host, index)
                ? docker_oci_read(host, directory, name, &image, err)
                : classic_read(host, directory, name, &image, err);
    if (r < 0)
        archive_image_release(&image);
    else
        *ret_image = image;
    return r;
}
