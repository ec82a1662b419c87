/* SPDX-License-Identifier: Apache-2.0 */
/* MOUNTING: the persistent volumes of a command task, mounted into its sandbox (docker.md 5). */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/docker/docker_container.h"

static bool is_persistent(const struct resource *resource)
{
    return resource->disk && resource->disk->persistence && resource->disk->container_path;
}

/* Where a volume lives: its disk source's own root, or below the work directory (containerizer.md
 * 6.3). */
static char *volume_source(const struct docker_container *container, const struct resource *volume)
{
    const struct disk_source *source = volume->disk->source;
    const char *role = volume->role ? volume->role : "*";
    if (source && source->root && str_equal(source->type, "MOUNT"))
        return str_dup(source->root);
    return str_printf("%s/volumes/roles/%s/%s",
        source && source->root ? source->root : container->docker->options.work_dir, role,
        volume->disk->persistence->id);
}

/* A shared volume that another container already uses keeps its owner. */
static bool used_by_another(const struct docker_container *container, const struct resource *volume)
{
    size_t cursor = 0;
    void *value = NULL;
    while (strmap_next(container->docker->containers, &cursor, NULL, &value)) {
        const struct docker_container *other = value;
        for (size_t i = 0; other != container && i < other->requests.count; i++) {
            const struct resource *used = &other->requests.items[i];
            if (is_persistent(used) &&
                str_equal(used->disk->persistence->id, volume->disk->persistence->id))
                return true;
        }
    }
    return false;
}

static int mount_one(
    struct docker_container *container, const struct resource *volume, struct err *err)
{
    struct host *host = container->docker->host;
    /* The mount table shows no links: the sandbox itself is mounted into. */
    const char *sandbox = container->config.directory;
    _cleanup_free_ char *source = volume_source(container, volume);
    _cleanup_free_ char *target = str_printf("%s/%s", sandbox, volume->disk->container_path);
    struct file_info owner;
    int r = host_file_info(host, sandbox, true, &owner);
    if (r < 0)
        return err_errno(err, r, "sandbox %s", sandbox);
    if (!used_by_another(container, volume))
        r = host_chown(host, source, owner.uid, owner.gid, false, err);
    if (r == 0)
        r = host_mkdir_below(host, sandbox, volume->disk->container_path, 0755, err);
    struct mount_entry entry = {
        .target = target, .source = source, .flags = MS_BIND | MS_REC};
    if (r == 0)
        r = host_mount_below(host, sandbox, &entry, err);
    if (r == 0)
        container->mounted = true;
    entry.flags |= MS_REMOUNT | MS_RDONLY;
    if (r == 0 && str_equal(volume->disk->volume_mode, "RO"))
        r = host_mount_below(host, sandbox, &entry, err);
    return r;
}

int docker_volumes_mount(struct docker_container *container, struct err *err)
{
    for (size_t i = 0; i < container->requests.count; i++) {
        const struct resource *volume = &container->requests.items[i];
        if (!is_persistent(volume))
            continue;
        if (strchr(volume->disk->container_path, '/')) {
            log_warning("container %s: persistent volume path %s is not a plain name, skipped",
                container->id, volume->disk->container_path);
            continue;
        }
        int r = mount_one(container, volume, err);
        if (r == 0)
            continue;
        err_wrap(err, r, "persistent volume %s", volume->disk->persistence->id);
        /* the destroy after a failed launch only drops the record */
        docker_volumes_unmount(container->docker, container->id, NULL);
        return r;
    }
    return 0;
}

int docker_volumes_unmount(struct docker_containerizer *docker, const char *id, struct err *err)
{
    struct mount_info *mounts = NULL;
    size_t count = 0;
    int result = host_mounts(docker->host, 0, &mounts, &count, err);
    if (result < 0)
        return err_wrap(err, result, "persistent volumes of %s", id);
    for (size_t i = count; i > 0; i--) {
        const char *target = mounts[i - 1].target;
        _cleanup_err_ struct err failure = ERR_INIT;
        if (!str_starts(target, docker->options.work_dir) || !strstr(target, id))
            continue;
        int r = host_unmount(docker->host, target, MNT_DETACH, &failure);
        if (r < 0 && result == 0) {
            result = r;
            err_set(err, r, "%s", err_text(&failure));
        }
    }
    mount_info_free(mounts, count);
    return result < 0 ? err_wrap(err, result, "persistent volumes of %s", id) : 0;
}
