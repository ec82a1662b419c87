/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/disk/paths.h"

#include "reference/base/mem.h"

#define MEGABYTE (UINT64_C(1) << 20)

static struct disk_path *path_get(struct disk_path **paths, size_t *count, const char *path)
{
    for (size_t i = 0; i < *count; i++) {
        if (str_equal((*paths)[i].path, path))
            return &(*paths)[i];
    }
    *paths = mem_realloc(*paths, (*count + 1) * sizeof(**paths));
    (*paths)[*count] = (struct disk_path){.path = str_dup(path), .quota_bytes = UINT64_MAX};
    return &(*paths)[(*count)++];
}

static void path_release(struct disk_path *path)
{
    resources_release(&path->resources);
    json_decref(path->source);
    json_decref(path->persistence);
    free(path->path);
}

void disk_paths_free(struct disk_path *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        path_release(&paths[i]);
    free(paths);
}

static void resource_append(struct resources *list, const struct resource *resource)
{
    list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (struct resource){0};
    json_type_copy(&resource_json, &list->items[list->count++], resource);
}

static void quota_add(struct disk_path *path, const struct resource *resource)
{
    const uint64_t bytes = (uint64_t)(resource->scalar.value * (double)MEGABYTE);

    path->quota_bytes = path->quota_bytes == UINT64_MAX ? bytes : path->quota_bytes + bytes;
    resource_append(&path->resources, resource);
}

static char *volume_path(const char *directory, const char *container_path)
{
    return *container_path == '/' ? str_dup(container_path)
                                  : str_printf("%s/%s", directory, container_path);
}

static void volume_add(
    struct disk_path **paths, size_t *count, const char *directory, const struct resource *resource)
{
    const struct resource_disk *disk = resource->disk;
    _cleanup_free_ char *where = volume_path(directory, disk->container_path);
    struct disk_path *path = path_get(paths, count, where);

    path->volume = true;
    path->mount_source = disk->source && str_equal(disk->source->type, "MOUNT");
    if (disk->persistence && !path->persistence)
        path->persistence = json_pack("{s:s}", "id", disk->persistence->id);
    if (disk->persistence && disk->persistence->principal)
        json_object_set_new(
            path->persistence, "principal", json_string(disk->persistence->principal));
    if (disk->source && !path->source)
        path->source =
            json_pack("{s:s?,s:s?}", "type", disk->source->type, "root", disk->source->root);
    quota_add(path, resource);
}

static void sandbox_add(struct disk_path **paths, size_t *count, const char *directory,
    char *const *ephemeral, const struct resource *resource)
{
    struct disk_path *path = path_get(paths, count, directory);

    path->sandbox = path->root_of_sandbox = true;
    quota_add(path, resource);
    for (; ephemeral && *ephemeral; ephemeral++) {
        path = path_get(paths, count, *ephemeral);
        path->sandbox = true;
        quota_add(path, resource);
    }
}

/* What was measured stays known for paths that are still there. */
static void results_keep(
    struct disk_path *paths, size_t count, const struct disk_path *old, size_t old_count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < old_count; k++) {
            if (!str_equal(paths[i].path, old[k].path))
                continue;
            paths[i].used_bytes = old[k].used_bytes;
            paths[i].last_turn = old[k].last_turn;
        }
    }
}

void disk_paths_update(struct disk_path **paths, size_t *count, const char *directory,
    char *const *ephemeral, const struct resources *resources)
{
    struct disk_path *now = NULL;
    size_t now_count = 0;

    for (size_t i = 0; directory && i < resources->count; i++) {
        const struct resource *resource = &resources->items[i];

        if (!str_equal(resource->name, "disk"))
            continue;
        if (resource->disk && resource->disk->container_path)
            volume_add(&now, &now_count, directory, resource);
        else
            sandbox_add(&now, &now_count, directory, ephemeral, resource);
    }
    results_keep(now, now_count, *paths, *count);
    disk_paths_free(*paths, *count);
    *paths = now;
    *count = now_count;
}

static void statistics_add(struct statistics *into, const struct disk_path *path)
{
    struct disk_statistics *item;

    into->disk_statistics = mem_realloc(
        into->disk_statistics, (into->disk_statistics_count + 1) * sizeof(*into->disk_statistics));
    item = &into->disk_statistics[into->disk_statistics_count++];
    *item = (struct disk_statistics){
        .source = json_deep_copy(path->source), .persistence = json_deep_copy(path->persistence)};
    item->limit_bytes = (struct opt_u64)OPT(path->quota_bytes);
    item->used_bytes = path->used_bytes;
}

void disk_paths_volumes(const struct disk_path *paths, size_t count, struct statistics *into)
{
    for (size_t i = 0; i < count; i++) {
        if (!paths[i].volume)
            continue;
        statistics_add(into, &paths[i]);
        if (paths[i].mount_source)
            into->disk_statistics[into->disk_statistics_count - 1].limit_bytes.set = false;
    }
}

void disk_paths_usage(const struct disk_path *paths, size_t count, struct statistics *into)
{
    for (size_t i = 0; i < count; i++) {
        if (paths[i].volume || paths[i].root_of_sandbox)
            statistics_add(into, &paths[i]);
        if (!paths[i].sandbox)
            continue;
        into->disk_limit_bytes = (struct opt_u64)OPT(paths[i].quota_bytes);
        into->disk_used_bytes.set = true; /* 0 before the first measurement */
        into->disk_used_bytes.value += paths[i].used_bytes.value;
    }
}
