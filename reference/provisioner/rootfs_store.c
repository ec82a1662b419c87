/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of type ROOTFS, which Mesos does not know: a directory on this machine is itself the one
 * layer; a tar is unpacked once, under the SHA-256 of its content. Names are absolute, or below
 * --docker_registry where that is a folder.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/provisioner/garbage.h"
#include "reference/provisioner/pulls.h"
#include "reference/provisioner/store.h"

#define DIGEST_DIGITS 64

struct rootfs_store {
    struct store base;
    struct store_context context;
    char *directory;
    struct strmap *digests; /* path of a tar -> its id in the store, owned */
    struct pulls pulls;
    struct garbage garbage;
    struct list gets; /* of struct rootfs_get */
};

struct rootfs_get {
    struct list node;
    struct rootfs_store *store;
    char *path;
    struct done done;
};

struct rootfs_pull {
    struct pull *pull;
    struct rootfs_store *store;
    char *path;
    char *id; /* once it is known */
    char *staging;
    struct helper_call *helper;
};

static struct rootfs_store *rootfs_of(struct store *store)
{
    return container_of(store, struct rootfs_store, base);
}

static char *tree_path(const struct rootfs_store *store, const char *id)
{
    return str_printf("%s/layers/%s/rootfs", store->directory, id);
}

/* --- pulls --- */

static void work_free(struct rootfs_pull *work)
{
    _cleanup_err_ struct err err = ERR_INIT;
    helper_cancel(work->helper);
    int r = work->staging ? host_tree_remove(work->store->base.host, work->staging, &err) : 0;
    if (r < 0 && r != -ESHUTDOWN)
        log_warning("rootfs store: %s", err_text(&err));
    free(work->path);
    free(work->id);
    free(work->staging);
    free(work);
}

static void pull_end(struct rootfs_pull *work, int result, const struct err *err)
{
    struct pull *pull = work->pull;
    work_free(work);
    pull_settle(pull, result, err);
}

static void digest_note(struct rootfs_store *store, const char *path, const char *id)
{
    char *old = strmap_get(store->digests, path);
    strmap_set(store->digests, path, str_dup(id));
    free(old);
}

static int tree_commit(struct rootfs_pull *work, struct err *err)
{
    struct host *host = work->store->base.host;
    _cleanup_free_ char *target = str_printf("%s/layers/%s", work->store->directory, work->id);
    _cleanup_free_ char *layers = str_printf("%s/layers", work->store->directory);
    int r = host_mkdir(host, layers, 0755, true, err);
    if (r == 0 && !host_file_exists(host, target))
        r = host_rename(host, work->staging, target, err);
    if (r == 0)
        digest_note(work->store, work->path, work->id);
    return r;
}

static void tree_unpacked(void *arg, int result, const void *value, const struct err *given)
{
    (void)value;
    struct rootfs_pull *work = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    work->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else
        result = tree_commit(work, &err);
    pull_end(work, result, &err);
}

static int tree_unpack(struct rootfs_pull *work, struct err *err)
{
    struct host *host = work->store->base.host;
    _cleanup_free_ char *uuid = host_uuid(host, "provisioner");
    work->staging = str_printf("%s/staging/%s", work->store->directory, uuid);
    _cleanup_free_ char *tree = str_printf("%s/rootfs", work->staging);
    int r = host_mkdir(host, work->staging, 0755, true, err);
    char *const arguments[] = {(char *)(uintptr_t)"archive", work->path, tree, NULL};
    if (r == 0)
        work->helper =
            helper_start(host, work->store->context.helper, arguments, DONE(tree_unpacked, work));
    return r;
}

static void digest_read(void *arg, int result, const void *value, const struct err *given)
{
    struct rootfs_pull *work = arg;
    struct rootfs_store *store = work->store;
    const char *output = value;
    _cleanup_err_ struct err err = ERR_INIT;
    work->helper = NULL;
    if (result < 0)
        err_copy(&err, given);
    else if (strcspn(output, " ") != DIGEST_DIGITS)
        result = err_set(&err, -EBADMSG, "no digest of %s", work->path);
    if (result == 0) {
        work->id = str_printf("sha256:%.*s", DIGEST_DIGITS, output);
        _cleanup_free_ char *tree = tree_path(store, work->id);
        if (host_file_exists(store->base.host, tree)) {
            digest_note(store, work->path, work->id);
            pull_end(work, 0, NULL);
            return;
        }
        result = tree_unpack(work, &err);
    }
    if (result < 0)
        pull_end(work, result, &err);
}

static void pull_start(struct pull *pull, const void *request)
{
    struct rootfs_store *store = pull->pulls->owner;
    struct rootfs_pull *work = mem_alloc(sizeof(*work));
    *work = (struct rootfs_pull){.pull = pull, .store = store, .path = str_dup(request)};
    pull->work = work;
    char *const arguments[] = {
        (char *)(uintptr_t)"digest", (char *)(uintptr_t)"sha256", work->path, NULL};
    work->helper =
        helper_start(store->base.host, store->context.helper, arguments, DONE(digest_read, work));
}

static void pull_cancel(struct pull *pull)
{
    work_free(pull->work);
}
static const struct pull_ops pull_ops = {.start = pull_start, .cancel = pull_cancel};

/* --- get --- */

static void get_pulled(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct rootfs_get *get = arg;
    struct done done = get->done;
    const char *id = result == 0 ? strmap_get(get->store->digests, get->path) : NULL;
    _cleanup_free_ char *tree = id ? tree_path(get->store, id) : NULL;
    char *const layers[] = {tree, NULL};
    const struct stored_image image = {.layers = layers};
    list_remove(&get->node);
    free(get->path);
    free(get);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, &image);
}

static char *image_path(const struct rootfs_store *store, const char *name)
{
    const char *folder = flags_other(store->context.flags, "docker_registry");
    if (*name == '/' || !folder || *folder != '/')
        return str_dup(name);
    return str_printf("%s/%s", folder, name);
}

/* The real path of what the name names, and whether it is a directory. */
static int image_find(const struct rootfs_store *store, const char *name, char **ret_path,
    bool *ret_directory, struct err *err)
{
    struct file_info info;
    _cleanup_free_ char *path = image_path(store, name);
    if (*path != '/')
        return err_set(err, -EINVAL,
            "image %s: expected an absolute path, or --docker_registry to be a folder", name);
    int r = host_real_path(store->base.host, path, ret_path, err);
    if (r == 0 && host_file_info(store->base.host, *ret_path, true, &info) == 0)
        *ret_directory = info.type == 'd';
    return r < 0 ? err_wrap(err, r, "image %s", name) : 0;
}

static void rootfs_get(struct store *base, const struct image *image,
    const struct backend_kind *backend, struct done done)
{
    (void)backend;
    struct rootfs_store *store = rootfs_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = NULL;
    bool directory = false;
    int r = image_find(store, image->name ? image->name : "", &path, &directory, &err);
    if (r < 0) {
        done_fail(done, r, &err);
        return;
    }
    if (directory) {
        char *const layers[] = {path, NULL};
        const struct stored_image stored = {.layers = layers};
        done_ok(done, &stored);
        return;
    }
    struct rootfs_get *get = mem_alloc(sizeof(*get));
    *get = (struct rootfs_get){.store = store, .path = str_dup(path), .done = done};
    list_append(&store->gets, &get->node);
    pulls_join(&store->pulls, path, path, DONE(get_pulled, get));
}

static bool rootfs_cancel(struct store *base, void *arg)
{
    struct rootfs_store *store = rootfs_of(base);
    list_for_each(node, &store->gets) {
        struct rootfs_get *get = list_entry(node, struct rootfs_get, node);
        if (get->done.arg == arg)
            return pulls_leave(&store->pulls, get);
    }
    return false;
}

/* --- the rest --- */

static void rootfs_recover(struct store *base, struct done done)
{
    (void)base;
    done_ok(done, NULL);
}

/* Trees that no container has and no kept tar of this agent's life gave. */
static void rootfs_prune(
    struct store *base, char *const *keep, char *const *active, struct done done)
{
    struct rootfs_store *store = rootfs_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **kept = NULL;
    _cleanup_free_ char *layers = str_printf("%s/layers/", store->directory);
    for (size_t i = 0; keep && keep[i]; i++) {
        _cleanup_free_ char *path = image_path(store, keep[i]);
        const char *id = strmap_get(store->digests, path);
        if (id)
            strv_add(&kept, id);
    }
    for (size_t i = 0; active && active[i]; i++) {
        const char *rest = active[i] + strlen(layers);
        if (str_starts(active[i], layers))
            strv_add_owned(&kept, str_ndup(rest, strcspn(rest, "/")));
    }
    int r = host_file_exists(base->host, layers)
                ? garbage_sweep(&store->garbage, layers, kept, &err)
                : 0;
    if (r < 0) {
        done_fail(done, err_wrap(&err, r, "rootfs store"), &err);
        return;
    }
    garbage_collect(&store->garbage);
    done_ok(done, NULL);
}

static void rootfs_free(struct store *base)
{
    struct rootfs_store *store = rootfs_of(base);
    size_t cursor = 0;
    const char *path;
    void *id;
    pulls_release(&store->pulls);
    garbage_release(&store->garbage);
    while (strmap_next(store->digests, &cursor, &path, &id))
        free(id);
    strmap_free(store->digests);
    free(store->directory);
    free(store);
}

static const struct store_ops rootfs_ops = {.type = "ROOTFS",
    .provider = "rootfs",
    .recover = rootfs_recover,
    .get = rootfs_get,
    .cancel = rootfs_cancel,
    .prune = rootfs_prune,
    .free = rootfs_free};

int rootfs_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err)
{
    (void)err;
    struct rootfs_store *store = mem_alloc(sizeof(*store));
    const char *directory = flags_other(context->flags, "rootfs_store_dir");
    store->base = (struct store){&rootfs_ops, context->host};
    store->context = *context;
    store->directory = str_dup(directory);
    store->digests = strmap_new();
    list_init(&store->gets);
    pulls_init(&store->pulls, &pull_ops, store);
    garbage_init(&store->garbage, context->host, directory);
    *ret_store = &store->base;
    return 0;
}
