/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive puller (provisioner.md 3.4): unpacks the archive into staging/, extracts the layers
 * that the store lacks, moves them, and puts the record. A rename is what commits a layer.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/provisioner/docker_archive.h"
#include "reference/provisioner/docker_store.h"

struct docker_pull {
    struct pull *pull;
    struct docker_store *store;
    struct image_name name;
    const struct backend_kind *backend;
    char *staging;  /* made; removed at the end */
    char *unpacked; /* the archive's files */
    struct archive_image image;
    struct helper_call *helper;
    uint64_t started_ns;
};

static struct host *host_of(const struct docker_pull *work)
{
    return work->store->base.host;
}

static void work_free(struct docker_pull *work)
{
    _cleanup_err_ struct err err = ERR_INIT;
    helper_cancel(work->helper);
    int r = work->staging ? host_tree_remove(host_of(work), work->staging, &err) : 0;
    if (r < 0 && r != -ESHUTDOWN)
        log_warning("docker store: %s", err_text(&err));
    archive_image_release(&work->image);
    image_name_release(&work->name);
    free(work->staging);
    free(work->unpacked);
    free(work);
}

static void pull_end(struct docker_pull *work, int result, const struct err *err)
{
    struct pull *pull = work->pull;
    if (result == 0) {
        work->store->pulled++;
        work->store->pulled_ns += host_now_ns(host_of(work)) - work->started_ns;
    }
    work_free(work);
    pull_settle(pull, result, err);
}

/* Starts the helper; the next step comes with its end. */
static void helper_next(struct docker_pull *work, char *const *arguments, done_fn next)
{
    work->helper = helper_start(
        host_of(work), work->store->context.helper, arguments, DONE(next, work));
}

/* --- commit --- */

static char *staged_path(const struct docker_pull *work, const char *id, const char *file)
{
    return str_printf("%s/layers/%s%s%s", work->staging, id, file ? "/" : "", file ? file : "");
}

static int layer_move(struct docker_pull *work, const struct archive_layer *layer, struct err *err)
{
    struct host *host = host_of(work);
    const char *tree = work->backend->tree;
    _cleanup_free_ char *staged = staged_path(work, layer->id, NULL);
    _cleanup_free_ char *staged_tree = staged_path(work, layer->id, tree);
    _cleanup_free_ char *target = docker_layer_path(work->store, layer->id, NULL);
    _cleanup_free_ char *target_tree = docker_layer_path(work->store, layer->id, tree);
    if (!host_file_exists(host, staged) || host_file_exists(host, target_tree))
        return 0; /* the store had it, or another pull was faster */
    if (host_file_exists(host, target))
        return host_rename(host, staged_tree, target_tree, err);
    return host_rename(host, staged, target, err);
}

static int config_write(struct docker_pull *work, struct err *err)
{
    const struct archive_image *image = &work->image;
    if (!image->config)
        return 0;
    _cleanup_free_ char *path = docker_layer_path(work->store, image->config_digest, NULL);
    return host_file_write(
        host_of(work), path, image->config, strlen(image->config), 0644, err);
}

static int pull_commit(struct docker_pull *work, struct err *err)
{
    _cleanup_free_ char *layers = docker_layer_path(work->store, "", NULL);
    int r = host_mkdir(host_of(work), layers, 0755, true, err);
    for (size_t i = 0; r == 0 && i < work->image.layers_count; i++)
        r = layer_move(work, &work->image.layers[i], err);
    if (r == 0)
        r = config_write(work, err);
    if (r < 0)
        return r;
    struct docker_record *record = mem_alloc(sizeof(*record));
    record->reference = str_dup(work->name.text);
    record->config = str_dup(work->image.config_digest);
    for (size_t i = 0; i < work->image.layers_count; i++)
        strv_add(&record->layers, work->image.layers[i].id);
    return docker_store_put(work->store, record, err);
}

static void layers_extracted(void *arg, int result, const void *value, const struct err *given)
{
    (void)value;
    struct docker_pull *work = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    work->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else
        result = pull_commit(work, &err);
    pull_end(work, result, &err);
}

/* --- layers --- */

/* Those that the store lacks for this backend, each with its json beside. */
static int layers_stage(struct docker_pull *work, char ***arguments, struct err *err)
{
    struct host *host = host_of(work);
    int r = 0;
    for (size_t i = 0; r == 0 && i < work->image.layers_count; i++) {
        const struct archive_layer *layer = &work->image.layers[i];
        _cleanup_free_ char *there =
            docker_layer_path(work->store, layer->id, work->backend->tree);
        if (host_file_exists(host, there))
            continue;
        _cleanup_free_ char *staged = staged_path(work, layer->id, NULL);
        _cleanup_free_ char *json = staged_path(work, layer->id, "json");
        r = host_mkdir(host, staged, 0755, true, err);
        if (r == 0 && layer->json)
            r = host_file_write(host, json, layer->json, strlen(layer->json), 0644, err);
        strv_add(arguments, layer->tar);
        strv_add_owned(arguments, staged_path(work, layer->id, work->backend->tree));
    }
    return r;
}

static void layers_extract(struct docker_pull *work)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **arguments = NULL;
    strv_add(&arguments, "layers");
    strv_add(&arguments, str_equal(work->backend->tree, "rootfs.overlay") ? "overlay" : "aufs");
    int r = layers_stage(work, &arguments, &err);
    if (r < 0)
        pull_end(work, r, &err);
    else if (strv_length(arguments) > 2)
        helper_next(work, arguments, layers_extracted);
    else
        layers_extracted(work, 0, NULL, NULL);
}

/* --- digests --- */

/* Lines "HEX PATH": each path must be what its digest says. */
static int digests_check(const struct docker_pull *work, const char *output, struct err *err)
{
    _cleanup_strv_ char **lines = strv_split(output, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        const char *slash = strrchr(lines[i], '/');
        size_t length = strcspn(lines[i], " ");
        if (!slash || strlen(slash + 1) != length || strncmp(lines[i], slash + 1, length) != 0)
            return err_set(err, -EBADMSG, "a blob is not what its digest says: %s", lines[i]);
    }
    size_t wanted = strv_length(work->image.blobs) + work->image.layers_count;
    return strv_length(lines) == wanted ? 0 : err_set(err, -EBADMSG, "digests are missing");
}

static void digests_read(void *arg, int result, const void *value, const struct err *given)
{
    struct docker_pull *work = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    work->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else
        result = digests_check(work, value, &err);
    if (result < 0)
        pull_end(work, result, &err);
    else
        layers_extract(work);
}

static void archive_unpacked(void *arg, int result, const void *value, const struct err *given)
{
    (void)value;
    struct docker_pull *work = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    work->helper = NULL;
    bool oci = flags_other_bool(work->store->context.flags, "docker_archive_oci");
    _cleanup_free_ char *directory = NULL;
    if (result < 0)
        err_copy(&err, given);
    if (result == 0)
        result = host_real_path(host_of(work), work->unpacked, &directory, &err);
    if (result == 0)
        result = docker_archive_read(
            host_of(work), directory, &work->name, oci, &work->image, &err);
    if (result < 0) {
        pull_end(work, result, &err);
        return;
    }
    if (!work->image.config) {
        layers_extract(work);
        return;
    }
    _cleanup_strv_ char **arguments = NULL;
    strv_add(&arguments, "digest");
    strv_add(&arguments, "sha256");
    for (size_t i = 0; work->image.blobs[i]; i++)
        strv_add(&arguments, work->image.blobs[i]);
    for (size_t i = 0; i < work->image.layers_count; i++)
        strv_add(&arguments, work->image.layers[i].tar);
    helper_next(work, arguments, digests_read);
}

/* --- the archive --- */

static int archive_find(const struct docker_pull *work, char **ret_path, struct err *err)
{
    const char *registry = flags_other(work->store->context.flags, "docker_registry");
    if (!registry || *registry != '/')
        return err_set(err, -EOPNOTSUPP,
            "--docker_registry=%s: expected a folder of archives (a path that begins with /)",
            registry ? registry : "");
    _cleanup_free_ char *path = str_printf("%s/%s.tar", registry, work->name.text);
    if (!host_file_exists(host_of(work), path))
        return err_set(err, -ENOENT, "the archive %s is not found", path);
    *ret_path = TAKE_PTR(path);
    return 0;
}

static void pull_start(struct pull *pull, const void *arg)
{
    const struct docker_request *request = arg;
    struct docker_store *store = pull->pulls->owner;
    struct docker_pull *work = mem_alloc(sizeof(*work));
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *archive = NULL;
    *work = (struct docker_pull){.pull = pull,
        .store = store,
        .backend = request->backend,
        .started_ns = host_now_ns(store->base.host)};
    pull->work = work;
    image_name_parse(request->name->text, &work->name, NULL);
    _cleanup_free_ char *uuid = host_uuid(store->base.host, "provisioner");
    int r = archive_find(work, &archive, &err);
    if (r == 0) {
        work->staging = str_printf("%s/staging/%s", store->directory, uuid);
        work->unpacked = str_printf("%s/archive", work->staging);
        r = host_mkdir(store->base.host, work->unpacked, 0755, true, &err);
    }
    if (r < 0) {
        pull_end(work, r, &err);
        return;
    }
    char *const arguments[] = {(char *)(uintptr_t)"archive", archive, work->unpacked, NULL};
    helper_next(work, arguments, archive_unpacked);
}

static void pull_cancel(struct pull *pull)
{
    work_free(pull->work);
}

const struct pull_ops docker_pull_ops = {.start = pull_start, .cancel = pull_cancel};
