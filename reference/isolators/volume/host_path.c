/* SPDX-License-Identifier: Apache-2.0 */
/* volume/host_path: bind mounts of host files and directories (isolators.md 10). */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/target.h"

struct host_path {
    struct isolator base;
    struct flags flags;
    char **creatable; /* prefixes below which a missing source may be made */
};

/* The host path of a volume of this kind: an absolute host_path, or a HOST_PATH source; else NULL.
 */
static int source_of(const struct volume *volume, const char **ret_path, struct err *err)
{
    const char *path = volume->host_path && *volume->host_path == '/' ? volume->host_path : NULL;

    if (volume->source && str_equal(volume->source->type, "HOST_PATH")) {
        path = json_string_value(json_object_get(volume->source->host_path, "path"));
        if (!path)
            return err_set(err, -EINVAL, "volume.source.host_path: required field is missing");
        if (*path != '/')
            return err_set(err, -EINVAL,
                "volume.source.host_path.path: expected an absolute path, got \"%s\"", path);
    }
    *ret_path = path;
    return 0;
}

/* Without "." components and doubled slashes; ".." is refused before. */
static char *path_normalize(const char *path)
{
    _cleanup_strv_ char **parts = strv_split(path, "/");
    char *normal = str_dup("");

    for (size_t i = 0; parts && parts[i]; i++) {
        char *longer;

        if (str_equal(parts[i], "."))
            continue;
        longer = str_printf("%s/%s", normal, parts[i]);
        free(normal);
        normal = longer;
    }
    return normal;
}

static bool may_create(const struct host_path *host_path, const char *source)
{
    for (char *const *prefix = host_path->creatable; prefix && *prefix; prefix++) {
        _cleanup_free_ char *below = str_printf("%s/", *prefix);

        if (str_equal(source, *prefix) || str_starts(source, below))
            return true;
    }
    return false;
}

static int source_ready(
    struct host_path *host_path, const char *source, bool *ret_directory, struct err *err)
{
    struct host *host = host_path->base.host;
    _cleanup_free_ char *normal = path_normalize(source);
    struct file_info info;
    int r;

    if (volume_path_escapes(source))
        return err_set(err, -EINVAL, "the host path \"%s\" has a \"..\" in it", source);
    *ret_directory = true;
    r = host_file_info(host, source, true, &info);
    if (r == 0)
        *ret_directory = info.type == 'd';
    if (r != -ENOENT)
        return r < 0 ? err_errno(err, r, "the host path \"%s\"", source) : 0;
    if (!may_create(host_path, normal))
        return err_set(err, -ENOENT, "the host path \"%s\" does not exist", source);
    return host_mkdir(host, normal, 0755, true, err);
}

/* BIDIRECTIONAL: the mount that holds the source must be shared; a marker keeps its target so. */
static int propagation_add(struct host *host, const struct volume *volume, const char *source,
    const char *target, struct launch_info *info, struct err *err)
{
    struct mount_info *mounts = NULL;
    const struct mount_info *holder = NULL;
    size_t count = 0;
    int r;

    if (!str_equal(volume->mount_propagation, "BIDIRECTIONAL"))
        return 0;
    r = host_mounts(host, 0, &mounts, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *at = mounts[i].target;
        const size_t length = strlen(at);
        const bool inside =
            str_equal(at, "/") ||
            (str_starts(source, at) && (source[length] == '/' || source[length] == '\0'));

        if (inside && (!holder || length >= strlen(holder->target)))
            holder = &mounts[i];
    }
    if (r == 0 && (!holder || !holder->shared))
        r = err_set(
            err, -EINVAL, "bidirectional propagation: the mount of \"%s\" is not shared", source);
    if (r == 0)
        launch_add_mount(info, NULL, target, NULL, MS_SHARED, NULL);
    mount_info_free(mounts, count);
    return r;
}

static int volume_add(struct host_path *host_path, const struct container_config *config,
    const struct volume *volume, struct launch_info *info, struct err *err)
{
    _cleanup_free_ char *target = NULL;
    const char *source = NULL;
    bool directory = true;
    int r = source_of(volume, &source, err);

    if (r < 0 || !source)
        return r;
    if (config->container_class == CONTAINER_CLASS_DEBUG)
        return err_set(err, -EINVAL, "a DEBUG container can't have host path volumes");
    r = source_ready(host_path, source, &directory, err);
    if (r == 0)
        r = volume_target(host_path->base.host, &host_path->flags, config, volume->container_path,
            directory, &target, err);
    if (r < 0)
        return r;
    if (!str_equal(source, target) || volume_is_read_only(volume))
        volume_bind(info, volume, source, target);
    return propagation_add(host_path->base.host, volume, source, target, info, err);
}

static void host_path_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct host_path *host_path = container_of(isolator, struct host_path, base);
    const struct container_info *container = config->container_info;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    (void)id;
    for (size_t i = 0; container && r == 0 && i < container->volumes_count; i++)
        r = volume_add(host_path, config, &container->volumes[i], &info, &err);
    if (r == 0 && info.mounts_count > 0)
        launch_add_clone(&info, NS_MNT);
    launch_result(done, r, &info, &err);
}

static void host_path_free(struct isolator *isolator)
{
    struct host_path *host_path = container_of(isolator, struct host_path, base);

    strv_free(host_path->creatable);
    flags_release(&host_path->flags);
    free(host_path);
}

static const struct isolator_ops host_path_ops = {
    .prepare = host_path_prepare, .free = host_path_free};

int isolator_volume_host_path_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct host_path *host_path = mem_alloc(sizeof(*host_path));
    const char *creatable = context->flags->host_path_volume_force_creation;

    (void)err;
    host_path->base =
        (struct isolator){.ops = &host_path_ops, .name = "volume/host_path", .host = context->host};
    host_path->creatable = creatable ? strv_split(creatable, ":") : NULL;
    flags_copy(&host_path->flags, context->flags);
    *ret_isolator = &host_path->base;
    return 0;
}
