/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/filesystem/persistent_volume.h"

bool persistent_volume_is(const struct resource *resource)
{
    return resource->disk && resource->disk->persistence && resource->disk->container_path;
}

const struct resource *persistent_volume_find(const struct resources *resources, const char *id)
{
    for (size_t i = 0; i < resources->count; i++) {
        if (persistent_volume_is(&resources->items[i]) &&
            str_equal(resources->items[i].disk->persistence->id, id))
            return &resources->items[i];
    }
    return NULL;
}

char *persistent_volume_source(const char *work_dir, const struct resource *resource)
{
    const struct disk_source *source = resource->disk->source;

    return str_printf("%s/volumes/roles/%s/%s", source && source->root ? source->root : work_dir,
        resource->role ? resource->role : "*", resource->disk->persistence->id);
}

int persistent_volume_give(
    struct host *host, const char *sandbox, const char *source, struct err *err)
{
    struct file_info info;
    int r = host_file_info(host, sandbox, true, &info);

    if (r < 0)
        return err_errno(err, r, "sandbox %s", sandbox);
    if (info.uid == 0)
        return 0;
    return host_chown(host, source, info.uid, info.gid, false, err);
}
