/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filesystem/shared: executors share the host's file system, but for paths over which volumes of
 * their own are mounted, such as a private /tmp (isolators.md 6.3).
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/target.h"

struct filesystem_shared {
    struct isolator base;
};

/* One inside the other would hide it: `a` is `b`, or begins with it (without regard to components,
 * as upstream compares texts). */
static int masks_check(char *const *paths, const char *path, struct err *err)
{
    for (; *paths; paths++) {
        if (str_starts(path, *paths) || str_starts(*paths, path))
            return err_set(err, -EINVAL,
                "volume.container_path: \"%s\" and \"%s\" would mask each other", path, *paths);
    }
    return 0;
}

/* In the sandbox, with mode and owner of what it will cover. */
static int source_make(
    struct host *host, const char *source, const struct file_info *covered, struct err *err)
{
    int r;

    if (strstr(source, "/./") || volume_path_escapes(source))
        return err_set(err, -EINVAL,
            "volume.host_path: \"%s\" must not have relative components", source);
    r = host_mkdir(host, source, covered->mode & 07777, true, err);
    return r < 0 ? r : host_chown(host, source, covered->uid, covered->gid, false, err);
}

static int source_of(struct host *host, const char *directory, const struct volume *volume,
    const struct file_info *covered, char **ret_source, struct err *err)
{
    _cleanup_free_ char *source = NULL;

    if (*volume->host_path == '/') {
        if (!host_file_exists(host, volume->host_path))
            return err_set(
                err, -ENOENT, "volume.host_path: \"%s\" does not exist", volume->host_path);
        *ret_source = str_dup(volume->host_path);
        return 0;
    }
    source = str_printf("%s/%s", directory, volume->host_path);
    if (host_path_links(host, directory, volume->host_path))
        return err_set(
            err, -ELOOP, "volume.host_path: \"%s\" leads over a link", volume->host_path);
    int r = source_make(host, source, covered, err);
    if (r == 0)
        *ret_source = TAKE_PTR(source);
    return r;
}

static int volume_add(struct host *host, const struct container_config *config,
    const struct volume *volume, char ***paths, struct launch_info *info, struct err *err)
{
    const char *path = volume->container_path;
    _cleanup_free_ char *source = NULL;
    struct file_info covered;
    int r;

    if (!path || host_file_info(host, path, true, &covered) < 0)
        return err_set(err, -ENOENT,
            "volume.container_path: \"%s\" must exist on the host for filesystem/shared",
            path ? path : "");
    if (!volume->host_path)
        return err_set(err, -EINVAL,
            "volume.host_path: required field is missing for filesystem/shared (\"%s\")", path);
    r = masks_check(*paths, path, err);
    if (r == 0)
        r = source_of(host, config->directory, volume, &covered, &source, err);
    if (r < 0)
        return r;
    strv_add(paths, path);
    launch_add_mount(info, source, path, NULL, MS_BIND | MS_REC, NULL);
    return 0;
}

static void shared_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    const struct container_info *container =
        config->executor_info ? config->executor_info->container : NULL;
    _cleanup_strv_ char **paths = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    (void)id;
    if (!container) {
        done_ok(done, NULL);
        return;
    }
    if (container->type != CONTAINER_TYPE_MESOS)
        r = err_set(&err, -EINVAL, "container_info.type: filesystem/shared takes MESOS only");
    launch_add_clone(&info, NS_MNT);
    strv_add(&paths, config->directory);
    for (size_t i = 0; r == 0 && i < container->volumes_count; i++)
        r = volume_add(isolator->host, config, &container->volumes[i], &paths, &info, &err);
    launch_result(done, r, &info, &err);
}

static void shared_free(struct isolator *isolator)
{
    free(container_of(isolator, struct filesystem_shared, base));
}

/* Nothing to recover or clean up: the mounts end with their namespace, the rest is the sandbox. */
static const struct isolator_ops shared_ops = {.prepare = shared_prepare, .free = shared_free};

int isolator_filesystem_shared_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct filesystem_shared *shared;

    if (!(context->host->facts.namespaces & NS_BIT(NS_MNT)))
        return err_set(err, -ENOTSUP, "mount namespaces can't be made here");
    shared = mem_alloc(sizeof(*shared));
    shared->base = (struct isolator){
        .ops = &shared_ops, .name = "filesystem/shared", .host = context->host};
    *ret_isolator = &shared->base;
    return 0;
}
