/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: puts an image where the agent's providers look for it. On a real kernel the bottom layer
 * holds the workload program too, at the path by which launches call it, and the directories that
 * containers mount on.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/sha.h"
#include "scenarios/engine/backends/tree.h"
#include "scenarios/engine/run/place.h"
#include "scenarios/engine/steps/steps.h"

static const struct key layer_keys[] = {
    {"id", VALUE_TEXT, 0, NULL, NULL, NULL, "docker: its id (default: made of its content)"},
    {"files", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "files with their content"},
    {"directories", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "directories"},
    {"links", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "symlinks with where they lead"},
    {"hides", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "entries of lower layers that are hidden"},
    {"opaque", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "directories whose entries in lower layers are hidden"},
};
static const struct schema layer_schema = SCHEMA("a layer", layer_keys, NULL);

enum format { FORMAT_DOCKER, FORMAT_OCI, FORMAT_ROOTFS, FORMAT_TAR, FORMAT_APPC };
static const char *const formats[] = {"docker", "oci", "rootfs", "tar", "appc", NULL};
enum breakage {
    BREAK_NOTHING,
    BREAK_NO_REPOSITORIES,
    BREAK_FULL_REPOSITORY,
    BREAK_OTHER_TAG,
    BREAK_NO_JSON,
    BREAK_PARENT,
    BREAK_CYCLE,
    BREAK_DIGEST,
};
static const char *const breakages[] = {"nothing", "no repositories", "full repository",
    "other tag", "no json", "parent", "cycle", "digest", NULL};

static const struct key image_keys[] = {
    {"name", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "its name, as launches give it"},
    {"format", VALUE_ENUM, 0, formats, NULL, NULL,
        "docker (default): an archive as of docker save; oci: an OCI layout; rootfs: a directory; "
        "tar: its tar; appc: a bundle"},
    {"file", VALUE_TEXT, 0, NULL, NULL, NULL, "name of the archive (default: by the name)"},
    {"layers", VALUE_MAP, KEY_LIST, NULL, &layer_schema, NULL,
        "its layers, the bottom first (default: one without files)"},
    {"entrypoint", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "of its configuration; @workload is the workload program"},
    {"cmd", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "likewise (appc: exec)"},
    {"environment", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "variables of its configuration"},
    {"working_directory", VALUE_TEXT, 0, NULL, NULL, NULL, "of its configuration"},
    {"dependencies", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "appc: names of images below it"},
    {"broken", VALUE_ENUM, 0, breakages, NULL, NULL, "what is wrong with the archive"},
};
static const struct schema image_schema = SCHEMA("image", image_keys, "name");

/* What is being written. */
struct making {
    struct run *run;
    const struct node *args;
    enum breakage broken;
    const char *name;
    char *repository;
    char *tag;
    char **ids;   /* of layers, the bottom first */
    char **blobs; /* their archives */
    size_t *lengths;
    size_t count;
};

/* --- layers --- */

static void add_text(struct tree *tree, const char *path, const char *text)
{
    tree_add(tree, path, 'f', text, strlen(text), 0644);
}

static int add_workload(struct run *run, struct tree *tree, struct err *err)
{
    static const char *const directories[] = {
        "proc", "sys", "dev", "tmp", "etc", "mnt", "mnt/mesos", "mnt/mesos/sandbox"};
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        tree_add(tree, directories[i], 'd', NULL, 0, 0755);
    if (run->world->virtual_time)
        return 0;
    _cleanup_free_ char *program = NULL;
    size_t length = 0;
    int result =
        host_file_read(run->world->observer, run->world->workload, &program, &length, err);
    if (result == 0)
        tree_add(tree, run->world->workload, 'f', program, length, 0755);
    return result;
}

static void add_layer(struct tree *tree, const struct node *layer)
{
    const struct node *files = node_get(layer, "files");
    const struct node *links = node_get(layer, "links");
    size_t count;
    struct node *const *list = node_list(layer, "opaque", &count);
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *marker = str_printf("%s/.wh..wh..opq", list[i]->text);
        add_text(tree, marker, "");
    }
    list = node_list(layer, "hides", &count);
    for (size_t i = 0; i < count; i++) {
        const char *path = list[i]->text;
        const char *slash = strrchr(path, '/');
        int above = slash ? (int)(slash - path) : 0;
        _cleanup_free_ char *marker =
            str_printf("%.*s/.wh.%s", above, path, slash ? slash + 1 : path);
        add_text(tree, marker, "");
    }
    list = node_list(layer, "directories", &count);
    for (size_t i = 0; i < count; i++)
        tree_add(tree, list[i]->text, 'd', NULL, 0, 0755);
    for (size_t i = 0; files && i < files->count; i++)
        add_text(tree, files->keys[i]->text, files->items[i]->text);
    for (size_t i = 0; links && i < links->count; i++)
        tree_add(tree, links->keys[i]->text, 'l', links->items[i]->text,
            strlen(links->items[i]->text), 0777);
}

static char *pack(const struct making *making, const struct tree *tree, size_t *ret_length)
{
    return making->run->world->virtual_time ? tree_pack_text(tree, ret_length)
                                            : tree_pack_tar(tree, ret_length);
}

static int make_layers(struct making *making, struct err *err)
{
    size_t count;
    struct node *const *layers = node_list(making->args, "layers", &count);
    making->count = count ? count : 1;
    making->lengths = mem_alloc(making->count * sizeof(size_t));
    int result = 0;
    for (size_t i = 0; i < making->count && result == 0; i++) {
        struct tree tree = {0};
        char digest[SHA_HEX_MAX];
        if (i == 0)
            result = add_workload(making->run, &tree, err);
        if (count)
            add_layer(&tree, layers[i]);
        char *blob = pack(making, &tree, &making->lengths[i]);
        sha_text(false, blob, making->lengths[i], digest);
        const char *id = count ? node_text(layers[i], "id") : NULL;
        strv_add(&making->ids, id ? id : digest);
        strv_add_owned(&making->blobs, blob);
        tree_release(&tree);
    }
    return result;
}

/* --- configuration --- */

static json_t *text_list(const struct making *making, const char *key)
{
    size_t count;
    struct node *const *list = node_list(making->args, key, &count);
    json_t *json = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(json, json_string(str_equal(list[i]->text, PLACE_WORKLOAD)
                                                    ? making->run->world->workload
                                                    : list[i]->text));
    return json;
}

static json_t *docker_config(const struct making *making)
{
    const struct node *environment = node_get(making->args, "environment");
    json_t *variables = json_array();
    for (size_t i = 0; environment && i < environment->count; i++) {
        _cleanup_free_ char *line = str_printf(
            "%s=%s", environment->keys[i]->text, environment->items[i]->text);
        json_array_append_new(variables, json_string(line));
    }
    json_t *config = json_pack("{so so so}", "Entrypoint", text_list(making, "entrypoint"), "Cmd",
        text_list(making, "cmd"), "Env", variables);
    const char *directory = node_text(making->args, "working_directory");
    json_object_set_new(config, "WorkingDir", json_string(directory ? directory : ""));
    return json_pack("{ss ss so}", "architecture", "amd64", "os", "linux", "config", config);
}

static void add_json(struct tree *tree, const char *path, json_t *json)
{
    _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    add_text(tree, path, text);
}

/* --- formats --- */

static void docker_layer(const struct making *making, size_t i, struct tree *tree)
{
    const char *id = making->ids[i];
    bool top = i + 1 == making->count;
    _cleanup_free_ char *json_path = str_printf("%s/json", id);
    _cleanup_free_ char *tar_path = str_printf("%s/layer.tar", id);
    json_t *json = top ? docker_config(making) : json_object();
    json_object_set_new(json, "id", json_string(id));
    if (i > 0)
        json_object_set_new(json, "parent", json_string(making->ids[i - 1]));
    if (i == 0 && making->broken == BREAK_PARENT)
        json_object_set_new(json, "parent", json_integer(5));
    if (i == 0 && making->broken == BREAK_CYCLE)
        json_object_set_new(json, "parent", json_string(making->ids[making->count - 1]));
    if (i == 0 && making->broken == BREAK_NO_JSON)
        json_decref(json);
    else
        add_json(tree, json_path, json);
    tree_add(tree, tar_path, 'f', making->blobs[i], making->lengths[i], 0644);
}

static void docker_archive(const struct making *making, struct tree *tree)
{
    const char *top = making->ids[making->count - 1];
    bool full = making->broken == BREAK_FULL_REPOSITORY;
    const char *slash = strchr(making->repository, '/');
    const char *dot = strpbrk(making->repository, ".:");
    bool registry = slash && dot && dot < slash;
    const char *repository = full || !registry ? making->repository : slash + 1;
    for (size_t i = 0; i < making->count; i++)
        docker_layer(making, i, tree);
    if (making->broken == BREAK_NO_REPOSITORIES)
        return;
    const char *tag = making->broken == BREAK_OTHER_TAG ? "other" : making->tag;
    add_json(tree, "repositories", json_pack("{s{ss}}", repository, tag, top));
}

static json_t *add_blob(
    struct tree *tree, const char *type, const char *data, size_t length, bool broken)
{
    char digest[SHA_HEX_MAX];
    sha_text(false, data, length, digest);
    if (broken)
        digest[0] = digest[0] == '0' ? '1' : '0';
    _cleanup_free_ char *path = str_printf("blobs/sha256/%s", digest);
    _cleanup_free_ char *name = str_printf("sha256:%s", digest);
    tree_add(tree, path, 'f', data, length, 0644);
    return json_pack("{ss ss sI}", "mediaType", type, "digest", name, "size", (json_int_t)length);
}

#define OCI "application/vnd.oci.image."
static void oci_archive(const struct making *making, struct tree *tree)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < making->count; i++)
        json_array_append_new(layers, add_blob(tree, OCI "layer.v1.tar", making->blobs[i],
                                          making->lengths[i], making->broken == BREAK_DIGEST));
    json_t *config_json = docker_config(making);
    _cleanup_free_ char *config = json_dumps(config_json, JSON_COMPACT);
    json_decref(config_json);
    json_t *manifest_json = json_pack("{si so so}", "schemaVersion", 2, "config",
        add_blob(tree, OCI "config.v1+json", config, strlen(config), false), "layers", layers);
    _cleanup_free_ char *manifest = json_dumps(manifest_json, JSON_COMPACT);
    json_decref(manifest_json);
    json_t *descriptor =
        add_blob(tree, OCI "manifest.v1+json", manifest, strlen(manifest), false);
    json_object_set_new(descriptor, "annotations",
        json_pack("{ss}", "org.opencontainers.image.ref.name", making->tag));
    add_json(tree, "index.json", json_pack("{si s[o]}", "schemaVersion", 2, "manifests",
                                     descriptor));
    add_json(tree, "oci-layout", json_pack("{ss}", "imageLayoutVersion", "1.0.0"));
}

static json_t *appc_labels(void)
{
    return json_pack("[{ss ss} {ss ss}]", "name", "os", "value", "linux", "name", "arch", "value",
        "amd64");
}

/* All layers in one tree below rootfs/. */
static int appc_bundle(const struct making *making, struct tree *tree, struct err *err)
{
    size_t count;
    struct tree inner = {0};
    struct node *const *layers = node_list(making->args, "layers", &count);
    int result = add_workload(making->run, &inner, err);
    for (size_t i = 0; i < count; i++)
        add_layer(&inner, layers[i]);
    tree_add(tree, "rootfs", 'd', NULL, 0, 0755);
    for (size_t i = 0; i < inner.count; i++) {
        const struct tree_entry *entry = &inner.entries[i];
        _cleanup_free_ char *path = str_printf("rootfs/%s", entry->path);
        tree_add(tree, path, entry->type, entry->data, entry->length, entry->mode);
    }
    tree_release(&inner);
    json_t *dependencies = json_array();
    struct node *const *below = node_list(making->args, "dependencies", &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(dependencies,
            json_pack("{ss so}", "imageName", below[i]->text, "labels", appc_labels()));
    add_json(tree, "manifest",
        json_pack("{ss ss ss so so s{so ss}}", "acKind", "ImageManifest", "acVersion", "0.8.11",
            "name", making->name, "labels", appc_labels(), "dependencies", dependencies, "app",
            "exec", text_list(making, "cmd"), "user", "0"));
    return result;
}

/* --- places --- */

static int write_bytes(struct run *run, const char *path, const char *data, size_t length,
    mode_t mode, struct err *err)
{
    struct host *host = run->world->observer;
    _cleanup_free_ char *above = str_ndup(path, (size_t)(strrchr(path, '/') - path));
    int result = host_mkdir(host, above, 0755, true, err);
    return result < 0 ? result : host_file_write(host, path, data, length, mode, err);
}

static int write_directory(struct making *making, const char *path, struct err *err)
{
    struct host *host = making->run->world->observer;
    struct tree tree = {0};
    size_t count;
    struct node *const *layers = node_list(making->args, "layers", &count);
    int result = add_workload(making->run, &tree, err);
    for (size_t i = 0; i < count; i++)
        add_layer(&tree, layers[i]);
    for (size_t i = 0; i < tree.count && result == 0; i++) {
        const struct tree_entry *entry = &tree.entries[i];
        _cleanup_free_ char *target = str_printf("%s/%s", path, entry->path);
        if (entry->type == 'd')
            result = host_mkdir(host, target, 0755, true, err);
        else if (entry->type == 'l')
            result = host_symlink(host, entry->data, target, err);
        else
            result = write_bytes(
                making->run, target, entry->data, entry->length, entry->mode, err);
    }
    tree_release(&tree);
    return result;
}

static int write_archive(
    struct making *making, enum format format, const char *path, struct err *err)
{
    struct tree tree = {0};
    size_t length = 0;
    int result = make_layers(making, err);
    if (result < 0)
        return result;
    if (format == FORMAT_TAR)
        return write_bytes(
            making->run, path, making->blobs[0], making->lengths[0], 0644, err);
    if (format == FORMAT_DOCKER)
        docker_archive(making, &tree);
    else if (format == FORMAT_OCI)
        oci_archive(making, &tree);
    else
        result = appc_bundle(making, &tree, err);
    _cleanup_free_ char *bytes = pack(making, &tree, &length);
    tree_release(&tree);
    return result < 0 ? result : write_bytes(making->run, path, bytes, length, 0644, err);
}

static char *image_path(const struct making *making, enum format format, struct err *err)
{
    static const char *const endings[] = {".tar", ".tar", "", "", "-latest-linux-amd64.aci"};
    const char *file = node_text(making->args, "file");
    _cleanup_free_ char *place = file ? str_printf("images:%s", file)
                                      : str_printf("images:%s%s", making->name, endings[format]);
    return place_file(making->run, place, err);
}

static int image_run(struct run *run, const struct step *step, struct err *err)
{
    enum format format = (enum format)node_amount(step->args, "format", 0);
    struct making making = {.run = run,
        .args = step->args,
        .name = node_text(step->args, "name"),
        .broken = (enum breakage)node_amount(step->args, "broken", 0)};
    const char *colon = strrchr(making.name, ':');
    bool tagged = colon && !strchr(colon, '/');
    making.repository = tagged ? str_ndup(making.name, (size_t)(colon - making.name))
                               : str_dup(making.name);
    making.tag = str_dup(tagged ? colon + 1 : "latest");
    _cleanup_free_ char *path = image_path(&making, format, err);
    int result = !path                     ? err->code
                 : format == FORMAT_ROOTFS ? write_directory(&making, path, err)
                                           : write_archive(&making, format, path, err);
    free(making.repository);
    free(making.tag);
    strv_free(making.ids);
    strv_free(making.blobs);
    free(making.lengths);
    return result;
}

const struct step_spec step_image = {"image", &image_schema,
    "puts an image where the agent's providers look for it", NEED(CAPABILITY_IMAGES), NULL,
    image_run, false};
