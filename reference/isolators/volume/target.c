/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume/target.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/launch_build.h"

bool volume_is_read_only(const struct volume *volume)
{
    return str_equal(volume->mode, "RO");
}

bool volume_path_escapes(const char *path)
{
    _cleanup_strv_ char **parts = strv_split(path, "/");

    return strv_contains(parts, "..");
}

/* The sandbox may be somebody else's already: one of a nested container lies in its parent's. */
static int point_make(struct host *host, const char *sandbox, const char *path, bool directory,
    struct err *err)
{
    _cleanup_free_ char *point = str_printf("%s/%s", sandbox, path);
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *above = slash ? str_ndup(path, (size_t)(slash - path)) : NULL;
    int r;

    if (directory)
        return host_mkdir_below(host, sandbox, path, 0755, err);
    if (host_path_links(host, sandbox, path))
        return err_set(err, -ELOOP, "container_path: \"%s\" leads over a symbolic link", path);
    if (host_file_exists(host, point))
        return 0;
    r = above && *above ? host_mkdir_below(host, sandbox, above, 0755, err) : 0;
    return r < 0 ? r : host_file_write(host, point, "", 0, 0644, err);
}

int volume_target(struct host *host, const struct flags *flags,
    const struct container_config *config, const char *container_path, bool directory,
    char **ret_target, struct err *err)
{
    _cleanup_free_ char *target = NULL;
    int r;

    if (volume_path_escapes(container_path))
        return err_set(err, -EINVAL, "container_path: expected a path without \"..\", got \"%s\"",
            container_path);
    if (*container_path == '/' && !config->rootfs) {
        if (!host_file_exists(host, container_path))
            return err_set(
                err, -ENOENT, "the mount point \"%s\" does not exist on the host", container_path);
        *ret_target = str_dup(container_path);
        return 0;
    }
    if (*container_path == '/') {
        /* What is missing there is made by the init, which looks things up in the root: the image,
         * or another container of it, may have links that would lead the agent to the host. */
        *ret_target = str_printf("%s%s", config->rootfs, container_path);
        return 0;
    }
    target = config->rootfs ? str_printf("%s%s/%s", config->rootfs, flags->sandbox_directory,
                                  container_path)
                            : str_printf("%s/%s", config->directory, container_path);
    r = point_make(host, config->directory, container_path, directory, err);
    if (r == 0)
        *ret_target = TAKE_PTR(target);
    return r;
}

void volume_bind(
    struct launch_info *info, const struct volume *volume, const char *source, const char *target)
{
    launch_add_mount(info, source, target, NULL,
        MS_BIND | MS_REC | (volume_is_read_only(volume) ? MS_RDONLY : 0UL), NULL);
}
