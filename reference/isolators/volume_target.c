/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume_target.h"

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

bool volume_path_links(struct host *host, const char *base, const char *path)
{
    _cleanup_strv_ char **parts = strv_split(path, "/");
    _cleanup_free_ char *at = str_dup(base);
    struct file_info info;

    for (size_t i = 0; parts && parts[i]; i++) {
        char *next = str_printf("%s/%s", at, parts[i]);

        free(at);
        at = next;
        if (host_file_info(host, at, false, &info) < 0)
            return false;
        if (info.type == 'l')
            return true;
    }
    return false;
}

int volume_make(struct host *host, const char *path, bool directory, struct err *err)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = slash ? str_ndup(path, (size_t)(slash - path)) : NULL;
    int r;

    if (host_file_exists(host, path))
        return 0;
    if (directory)
        return host_mkdir(host, path, 0755, true, err);
    r = parent && *parent ? host_mkdir(host, parent, 0755, true, err) : 0;
    return r < 0 ? r : host_file_write(host, path, "", 0, 0644, err);
}

int volume_target(struct host *host, const struct flags *flags,
    const struct container_config *config, const char *container_path, bool directory,
    char **ret_target, struct err *err)
{
    _cleanup_free_ char *target = NULL;
    _cleanup_free_ char *point = NULL;
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
        target = str_printf("%s%s", config->rootfs, container_path);
        /* By a link of the image, only the init finds the place: it looks things up in the root,
         * and makes what is missing there. */
        r = volume_path_links(host, config->rootfs, container_path)
                ? 0
                : volume_make(host, target, directory, err);
    } else {
        point = str_printf("%s/%s", config->directory, container_path);
        target = config->rootfs ? str_printf("%s%s/%s", config->rootfs, flags->sandbox_directory,
                                      container_path)
                                : str_dup(point);
        r = volume_make(host, point, directory, err);
    }
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
