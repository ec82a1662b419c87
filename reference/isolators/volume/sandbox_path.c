/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume/sandbox_path: a directory of the container's own sandbox (SELF) or of its parent's
 * (PARENT) at another place; bind mounts with filesystem/linux, else symlinks (isolators.md 10).
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/target.h"
#include "reference/model/container_id.h"

struct sandbox_path {
    struct isolator base;
    struct flags flags;
    bool binds;
    struct strmap *sandboxes; /* id -> directory, owned */
};

struct request {
    const char *path; /* relative to the sandbox it is in; NULL: not a volume of this kind */
    bool parent;
};

static int request_of(const struct volume *volume, struct request *ret_request, struct err *err)
{
    *ret_request = (struct request){0};
    if (volume->host_path && *volume->host_path != '/')
        ret_request->path = volume->host_path;
    if (volume->source && str_equal(volume->source->type, "SANDBOX_PATH")) {
        const json_t *source = volume->source->sandbox_path;
        const char *type = json_string_value(json_object_get(source, "type"));

        ret_request->path = json_string_value(json_object_get(source, "path"));
        if (!ret_request->path)
            return err_set(
                err, -EINVAL, "volume.source.sandbox_path.path: required field is missing");
        if (!str_equal(type, "SELF") && !str_equal(type, "PARENT"))
            return err_set(err, -EINVAL,
                "volume.source.sandbox_path.type: expected SELF or PARENT, got \"%s\"",
                type ? type : "");
        ret_request->parent = str_equal(type, "PARENT");
    }
    if (ret_request->path && (*ret_request->path == '/' || volume_path_escapes(ret_request->path)))
        return err_set(err, -EINVAL,
            "volume.source.sandbox_path.path: expected a relative path without \"..\", got \"%s\"",
            ret_request->path);
    return 0;
}

static int request_check(const struct sandbox_path *sandbox_path, const char *id,
    const struct container_config *config, const struct volume *volume,
    const struct request *request, struct err *err)
{
    if (config->container_class == CONTAINER_CLASS_DEBUG)
        return err_set(err, -EINVAL, "a DEBUG container can't have sandbox path volumes");
    if (request->parent && !container_id_is_nested(id))
        return err_set(err, -EINVAL, "a PARENT sandbox path volume needs a nested container");
    if (!request->parent && *volume->container_path != '/')
        return err_set(err, -EINVAL, "a SELF sandbox path volume needs an absolute container_path");
    if (!sandbox_path->binds && config->rootfs)
        return err_set(
            err, -ENOTSUP, "sandbox path volumes with a root file system need filesystem/linux");
    if (!sandbox_path->binds && *volume->container_path == '/')
        return err_set(err, -ENOTSUP, "an absolute container_path needs filesystem/linux");
    return 0;
}

static int source_ready(struct sandbox_path *sandbox_path, const char *id,
    const struct container_config *config, const struct request *request, char **ret_source,
    struct err *err)
{
    struct host *host = sandbox_path->base.host;
    _cleanup_free_ char *parent = request->parent ? container_id_parent(id) : NULL;
    const char *sandbox =
        request->parent ? strmap_get(sandbox_path->sandboxes, parent) : config->directory;
    struct file_info owner;
    int r;

    if (!sandbox)
        return err_set(err, -ENOENT, "the sandbox of the parent container %s is unknown", parent);
    *ret_source = str_printf("%s/%s", sandbox, request->path);
    if (sandbox_path->binds && host_path_links(host, sandbox, request->path))
        return err_set(err, -ELOOP, "the sandbox path \"%s\" leads over a symbolic link",
            request->path);
    if (host_file_exists(host, *ret_source))
        return 0;
    r = host_file_info(host, sandbox, true, &owner);
    if (r < 0)
        return err_errno(err, r, "sandbox %s", sandbox);
    r = host_mkdir_below(host, sandbox, request->path, 0755, err);
    /* What is made belongs to whom the sandbox belongs (MESOS-5187, 7830). */
    return r < 0 ? r : host_chown(host, *ret_source, owner.uid, owner.gid, false, err);
}

/* What is below the sandbox of the root container may be changed by those who run in it until the
 * volume is mounted. */
static const char *trusted_root(const struct sandbox_path *sandbox_path, const char *id)
{
    _cleanup_free_ char *root = container_id_root(id);

    return strmap_get(sandbox_path->sandboxes, root);
}

static int volume_link(struct sandbox_path *sandbox_path, const struct container_config *config,
    const struct volume *volume, const char *source, struct err *err)
{
    _cleanup_free_ char *link = str_printf("%s/%s", config->directory, volume->container_path);

    if (volume_is_read_only(volume))
        log_warning("the volume %s can't be made read-only by a symlink", volume->container_path);
    return host_symlink(sandbox_path->base.host, source, link, err);
}

static int volume_add(struct sandbox_path *sandbox_path, const char *id,
    const struct container_config *config, const struct volume *volume, struct launch_info *info,
    struct err *err)
{
    _cleanup_free_ char *source = NULL;
    _cleanup_free_ char *target = NULL;
    struct request request;
    struct file_info file;
    int r = request_of(volume, &request, err);

    if (r < 0 || !request.path)
        return r;
    r = request_check(sandbox_path, id, config, volume, &request, err);
    if (r == 0)
        r = source_ready(sandbox_path, id, config, &request, &source, err);
    if (r < 0)
        return r;
    if (!sandbox_path->binds)
        return volume_link(sandbox_path, config, volume, source, err);
    r = host_file_info(sandbox_path->base.host, source, true, &file);
    if (r < 0)
        return err_errno(err, r, "%s", source);
    r = volume_target(sandbox_path->base.host, &sandbox_path->flags, config, volume->container_path,
        file.type == 'd', &target, err);
    if (r < 0)
        return r;
    volume_bind(info, volume, source, target);
    launch_mount_source_root(info, trusted_root(sandbox_path, id));
    return 0;
}

static void sandbox_keep(struct sandbox_path *sandbox_path, const char *id, const char *directory)
{
    free(strmap_remove(sandbox_path->sandboxes, id));
    if (directory)
        strmap_set(sandbox_path->sandboxes, id, str_dup(directory));
}

static void sandbox_path_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct sandbox_path *sandbox_path = container_of(isolator, struct sandbox_path, base);
    const struct container_info *container = config->container_info;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    sandbox_keep(sandbox_path, id, config->directory);
    for (size_t i = 0; container && r == 0 && i < container->volumes_count; i++)
        r = volume_add(sandbox_path, id, config, &container->volumes[i], &info, &err);
    if (r == 0 && info.mounts_count > 0)
        launch_add_clone(&info, NS_MNT);
    launch_result(done, r, &info, &err);
}

static void sandbox_path_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct sandbox_path *sandbox_path = container_of(isolator, struct sandbox_path, base);

    (void)orphans;
    for (size_t i = 0; i < count; i++)
        sandbox_keep(sandbox_path, states[i].id, states[i].directory);
    done_ok(done, NULL);
}

static void sandbox_path_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    sandbox_keep(container_of(isolator, struct sandbox_path, base), id, NULL);
    done_ok(done, NULL);
}

static void sandbox_path_free(struct isolator *isolator)
{
    struct sandbox_path *sandbox_path = container_of(isolator, struct sandbox_path, base);
    size_t cursor = 0;
    const char *id;
    void *directory;

    while (strmap_next(sandbox_path->sandboxes, &cursor, &id, &directory))
        free(directory);
    strmap_free(sandbox_path->sandboxes);
    flags_release(&sandbox_path->flags);
    free(sandbox_path);
}

static const struct isolator_ops sandbox_path_ops = {
    .recover = sandbox_path_recover,
    .prepare = sandbox_path_prepare,
    .cleanup = sandbox_path_cleanup,
    .free = sandbox_path_free,
};

int isolator_volume_sandbox_path_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct sandbox_path *sandbox_path = mem_alloc(sizeof(*sandbox_path));
    _cleanup_strv_ char **names = strv_split(context->flags->isolation, ",");

    (void)err;
    sandbox_path->base = (struct isolator){
        .ops = &sandbox_path_ops, .name = "volume/sandbox_path", .host = context->host};
    sandbox_path->binds = context->linux_launcher && strv_contains(names, "filesystem/linux");
    sandbox_path->sandboxes = strmap_new();
    flags_copy(&sandbox_path->flags, context->flags);
    *ret_isolator = &sandbox_path->base;
    return 0;
}
