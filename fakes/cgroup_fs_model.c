/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroup_fs_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "reference/cgroups/cgroup_fs_mount.h"

struct model_fs {
    struct cgroup_fs base;
    struct cgroup_root *root;
    struct cgroup_caller caller;
    struct cgroup_fs *files; /* NULL: direct */
    struct cgroup_fs_server server;
};

struct cgroup_fs_watch {
    struct cgroup_notify *notify;
    cgroup_watch_fn fn;
    void *arg;
};

static struct model_fs *model_of(struct cgroup_fs *fs)
{
    return container_of(fs, struct model_fs, base);
}

static int model_create(struct cgroup_fs *fs, const char *path, mode_t mode)
{
    struct model_fs *model = model_of(fs);
    return cgroup_mkdir(model->root, path, mode, &model->caller);
}

static int model_remove(struct cgroup_fs *fs, const char *path)
{
    struct model_fs *model = model_of(fs);
    return cgroup_rmdir(model->root, path, &model->caller);
}

static int model_read(struct cgroup_fs *fs, const char *path, const char *file, char **ret_text)
{
    struct model_fs *model = model_of(fs);
    size_t length = 0;
    return cgroup_file_read(model->root, path, file, &model->caller, ret_text, &length);
}

static int model_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, size_t length)
{
    struct model_fs *model = model_of(fs);
    return cgroup_file_write(model->root, path, file, data, length, &model->caller);
}

static int model_list(struct cgroup_fs *fs, const char *path, char ***ret_names)
{
    return cgroup_children(model_of(fs)->root, path, ret_names);
}

static bool model_exists(struct cgroup_fs *fs, const char *path, const char *file)
{
    struct cgroup_root *root = model_of(fs)->root;
    return file ? cgroup_file_present(root, path, file) == 0 : cgroup_lookup(root, path) != NULL;
}

static int model_chown(
    struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid)
{
    return cgroup_chown_path(model_of(fs)->root, path, file, uid, gid);
}

static void watch_happened(void *arg, int result, uint64_t count)
{
    struct cgroup_fs_watch *watch = arg;
    cgroup_watch_fn fn = watch->fn;
    void *fn_arg = watch->arg;
    if (result < 0) {
        cgroup_notify_stop(watch->notify);
        free(watch);
    }
    fn(fn_arg, result, count);
}

static struct cgroup_fs_watch *watch_new(cgroup_watch_fn fn, void *arg)
{
    struct cgroup_fs_watch *watch = mem_alloc(sizeof(*watch));
    watch->fn = fn;
    watch->arg = arg;
    return watch;
}

static int watch_started(
    struct cgroup_fs_watch *watch, int result, struct cgroup_fs_watch **ret_watch)
{
    if (result < 0)
        free(watch);
    else
        *ret_watch = watch;
    return result;
}

static int model_watch(struct cgroup_fs *fs, const char *path, const char *file,
    cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch)
{
    struct cgroup_fs_watch *watch = watch_new(fn, arg);
    int r = cgroup_file_watch(
        model_of(fs)->root, path, file, watch_happened, watch, &watch->notify);
    return watch_started(watch, r, ret_watch);
}

static int model_listen(struct cgroup_fs *fs, const char *path, const char *file,
    const char *arguments, cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch)
{
    struct cgroup_fs_watch *watch = watch_new(fn, arg);
    int r = cgroup_event_listen(
        model_of(fs)->root, path, file, arguments, watch_happened, watch, &watch->notify);
    return watch_started(watch, r, ret_watch);
}

static void model_unwatch(struct cgroup_fs *fs, struct cgroup_fs_watch *watch)
{
    (void)fs;
    cgroup_notify_stop(watch->notify);
    free(watch);
}

static void model_free(struct cgroup_fs *fs)
{
    struct model_fs *model = model_of(fs);
    if (model->files)
        model->files->ops->free(model->files);
    cgroup_fs_release(fs);
    free(model);
}

static const struct cgroup_fs_ops model_ops = {
    .create = model_create,
    .remove = model_remove,
    .read = model_read,
    .write = model_write,
    .list = model_list,
    .exists = model_exists,
    .chown = model_chown,
    .watch = model_watch,
    .listen = model_listen,
    .unwatch = model_unwatch,
    .free = model_free,
};

/* The same model, reached as files, while whoever serves them may touch it. */

static struct cgroup_fs *files_begin(struct cgroup_fs *fs)
{
    const struct model_fs *model = model_of(fs);
    if (model->server.let)
        model->server.let(model->server.arg);
    return model->files;
}

static int files_end(struct cgroup_fs *fs, int result)
{
    const struct model_fs *model = model_of(fs);
    if (model->server.take)
        model->server.take(model->server.arg);
    return result;
}

static int files_create(struct cgroup_fs *fs, const char *path, mode_t mode)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->create(files, path, mode));
}

static int files_remove(struct cgroup_fs *fs, const char *path)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->remove(files, path));
}

static int files_read(struct cgroup_fs *fs, const char *path, const char *file, char **ret_text)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->read(files, path, file, ret_text));
}

static bool file_takes_pids(const char *file)
{
    return str_equal(file, "cgroup.procs") || str_equal(file, "cgroup.threads") ||
        str_equal(file, "tasks");
}

/* The FUSE server sees the real process that writes; "0" means the simulated one. */
static int files_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, size_t length)
{
    char pid[16];
    if (length == 1 && data[0] == '0' && file_takes_pids(file)) {
        snprintf(pid, sizeof(pid), "%d", (int)model_of(fs)->caller.pid);
        data = pid;
        length = strlen(pid);
    }
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->write(files, path, file, data, length));
}

static int files_list(struct cgroup_fs *fs, const char *path, char ***ret_names)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->list(files, path, ret_names));
}

static bool files_exists(struct cgroup_fs *fs, const char *path, const char *file)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->exists(files, path, file));
}

static int files_chown(
    struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid)
{
    struct cgroup_fs *files = files_begin(fs);
    return files_end(fs, files->ops->chown(files, path, file, uid, gid));
}

static const struct cgroup_fs_ops files_ops = {
    .create = files_create,
    .remove = files_remove,
    .read = files_read,
    .write = files_write,
    .list = files_list,
    .exists = files_exists,
    .chown = files_chown,
    .watch = model_watch,
    .listen = model_listen,
    .unwatch = model_unwatch,
    .free = model_free,
};

/* base, or base/name unless v2 stands alone. */
static char *place(const struct kernel *kernel, const char *base, const char *name)
{
    return kernel->layout == CGROUP_LAYOUT_V2 ? str_dup(base) : str_printf("%s/%s", base, name);
}

static struct cgroup_fs *model_new(struct kernel *kernel, struct cgroup_root *root,
    struct host *host, const char *mount_point, pid_t writer, const struct cgroup_fs_server *server)
{
    const char *name = cgroup_root_name(root);
    struct model_fs *model = mem_alloc(sizeof(*model));
    model->root = root;
    model->caller = cgroup_caller_root;
    model->caller.pid = writer;
    _cleanup_free_ char *mounted = place(kernel, mount_point, name);
    if (server) {
        _cleanup_free_ char *reached = place(kernel, server->directory, name);
        model->server = *server;
        model->files = cgroup_fs_mount_new(host, name, reached, mounted);
    }
    cgroup_fs_init(&model->base, server ? &files_ops : &model_ops, host, name, mounted);
    return &model->base;
}

static struct cgroup_hierarchy hierarchy_new(struct kernel *kernel, struct cgroup_root *root,
    struct host *host, const char *mount_point, pid_t writer, const struct cgroup_fs_server *server)
{
    struct cgroup_hierarchy hierarchy = {.v2 = cgroup_root_is_v2(root)};
    const char *const *controllers = cgroup_root_controllers(root);
    bool named = !hierarchy.v2 && (!controllers || !*controllers);
    hierarchy.name = str_printf("%s%s", named ? "name=" : "", cgroup_root_name(root));
    for (const char *const *name = controllers; name && *name; name++)
        strv_add(&hierarchy.controllers, *name);
    if (named)
        strv_add(&hierarchy.controllers, hierarchy.name);
    hierarchy.fs = model_new(kernel, root, host, mount_point, writer, server);
    return hierarchy;
}

struct cgroup_hierarchies *cgroup_fs_model_hierarchies(struct kernel *kernel, struct host *host,
    const char *mount_point, pid_t writer, const struct cgroup_fs_server *server)
{
    if (kernel->hierarchies_count == 0)
        return NULL;
    struct cgroup_hierarchies *hierarchies = mem_alloc(sizeof(*hierarchies));
    hierarchies->unified = kernel->layout == CGROUP_LAYOUT_V2;
    hierarchies->hybrid = kernel->layout == CGROUP_LAYOUT_HYBRID;
    hierarchies->items = mem_alloc(kernel->hierarchies_count * sizeof(*hierarchies->items));
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        if (cgroup_root_mounted(root))
            hierarchies->items[hierarchies->count++] =
                hierarchy_new(kernel, root, host, mount_point, writer, server);
    }
    return hierarchies;
}

int cgroup_fs_model_mount(struct cgroup_hierarchies *hierarchies, struct kernel *kernel,
    struct host *host, const char *controller, const char *mount_point, pid_t writer,
    const struct cgroup_fs_server *server)
{
    struct cgroup_root *root = cgroup_root_find(kernel, controller);
    if (!root || cgroup_root_is_v2(root))
        return -EINVAL; /* what mount(2) answers for an unknown option */
    if (cgroup_root_mounted(root))
        return -EBUSY;
    cgroup_root_mount(root);
    /* There is room for all of the kernel's from the start. */
    hierarchies->items[hierarchies->count++] =
        hierarchy_new(kernel, root, host, mount_point, writer, server);
    return 0;
}
