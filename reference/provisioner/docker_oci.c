/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI image layout (image-layout.md and manifest.md of the OCI image specification), which is
 * also what newer versions of `docker save` write.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/provisioner/docker_archive.h"

#define INDEX_DEPTH_MAX 4
#define SHA256 "sha256:"

/* "sha256:HEX" -> "blobs/sha256/HEX"; only what can be verified is taken. */
static int blob_name(const json_t *descriptor, char **ret_name, struct err *err)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    if (!digest || !str_starts(digest, SHA256) ||
        strspn(digest + strlen(SHA256), "0123456789abcdef") != 64 ||
        strlen(digest) != strlen(SHA256) + 64)
        return err_set(err, -EBADMSG, "digest: expected sha256 and 64 digits, got \"%s\"",
            digest ? digest : "");
    *ret_name = str_printf("blobs/sha256/%s", digest + strlen(SHA256));
    return 0;
}

/* The JSON of a blob, which is remembered for its verification. */
static int blob_json(struct host *host, const char *directory, const json_t *descriptor,
    struct archive_image *image, json_t **ret_json, struct err *err)
{
    _cleanup_free_ char *name = NULL;
    char *path = NULL;
    int r = blob_name(descriptor, &name, err);
    if (r == 0)
        r = archive_path(host, directory, name, &path, err);
    if (r == 0)
        strv_add_owned(&image->blobs, path);
    return r < 0 ? r : archive_json(host, directory, name, ret_json, err);
}

static bool names_it(const json_t *descriptor, const struct image_name *name)
{
    const json_t *notes = json_object_get(descriptor, "annotations");
    const char *reference =
        json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name"));
    const char *full = json_string_value(json_object_get(notes, "io.containerd.image.name"));
    const char *tag = name->tag ? name->tag : "latest";
    _cleanup_free_ char *ending = str_printf("%s:%s", name->repository, tag);
    if (name->digest)
        return str_equal(
            json_string_value(json_object_get(descriptor, "digest")), name->digest);
    return (full && str_ends(full, ending)) || str_equal(reference, tag) ||
           str_equal(reference, ending);
}

static bool is_for_us(const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *os = json_string_value(json_object_get(platform, "os"));
    const char *architecture = json_string_value(json_object_get(platform, "architecture"));
#ifdef __aarch64__
    const char *ours = "arm64";
#else
    const char *ours = "amd64";
#endif
    return (!os || str_equal(os, "linux")) && (!architecture || str_equal(architecture, ours));
}

/* Of an index: the one with the name, else the only one for this machine. */
static const json_t *choose(const json_t *index, const struct image_name *name)
{
    const json_t *descriptor;
    const json_t *ours = NULL;
    size_t i;
    size_t count = 0;
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor) {
        if (names_it(descriptor, name))
            return descriptor;
        if (!is_for_us(descriptor))
            continue;
        ours = descriptor;
        count++;
    }
    return count == 1 ? ours : NULL;
}

/* From the index, through indexes of platforms, to the manifest. */
static int manifest_find(struct host *host, const char *directory, const struct image_name *name,
    struct archive_image *image, json_t **ret_manifest, struct err *err)
{
    json_t *json = NULL;
    int r = archive_json(host, directory, "index.json", &json, err);
    for (unsigned depth = 0; r == 0 && json_object_get(json, "manifests"); depth++) {
        json_t *next = NULL;
        const json_t *descriptor = choose(json, name);
        if (!descriptor || depth == INDEX_DEPTH_MAX)
            r = err_set(err, -EBADMSG, "index.json: there is no manifest of \"%s\"", name->text);
        else
            r = blob_json(host, directory, descriptor, image, &next, err);
        json_decref(json);
        json = next;
    }
    if (r < 0)
        json_decref(json);
    else
        *ret_manifest = json;
    return r;
}

static int layer_add(struct host *host, const char *directory, const json_t *descriptor,
    struct archive_image *image, struct err *err)
{
    _cleanup_free_ char *name = NULL;
    int r = blob_name(descriptor, &name, err);
    if (r < 0)
        return r;
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    for (size_t i = 0; i < image->layers_count; i++) {
        if (str_equal(image->layers[i].id, digest))
            return 0; /* repeated ones once, as with manifests of registries */
    }
    struct archive_layer *layer = archive_layer_add(image);
    layer->id = str_dup(digest);
    layer->digest = str_dup(digest + strlen(SHA256));
    return archive_path(host, directory, name, &layer->tar, err);
}

static int config_read(struct host *host, const char *directory, const json_t *descriptor,
    struct archive_image *image, struct err *err)
{
    json_t *config = NULL;
    int r = blob_json(host, directory, descriptor, image, &config, err);
    if (r < 0)
        return r;
    image->config = json_dumps(config, JSON_COMPACT);
    image->config_digest = str_dup(json_string_value(json_object_get(descriptor, "digest")));
    json_decref(config);
    return 0;
}

int docker_oci_read(struct host *host, const char *directory, const struct image_name *name,
    struct archive_image *ret_image, struct err *err)
{
    json_t *manifest = NULL;
    const json_t *descriptor;
    size_t i;
    int r = manifest_find(host, directory, name, ret_image, &manifest, err);
    if (r < 0)
        return r;
    const json_t *layers = json_object_get(manifest, "layers");
    if (json_array_size(layers) == 0)
        r = err_set(err, -EBADMSG, "the manifest of \"%s\" has no layers", name->text);
    json_array_foreach(layers, i, descriptor) {
        if (r == 0)
            r = layer_add(host, directory, descriptor, ret_image, err);
    }
    if (r == 0)
        r = config_read(host, directory, json_object_get(manifest, "config"), ret_image, err);
    json_decref(manifest);
    return r;
}
