/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/gpu/devices.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/resources.h"

#define GPU_MAJOR 195 /* Documentation/admin-guide/devices.txt: NVIDIA graphics devices */
#define GPUS "/proc/driver/nvidia/gpus"

const char *const gpu_control_paths[] = {
    "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", NULL};

static int by_minor(const void *a, const void *b)
{
    const struct gpu *left = a;
    const struct gpu *right = b;

    return (left->minor > right->minor) - (left->minor < right->minor);
}

static void pool_add(struct gpu_pool *pool, uint32_t minor)
{
    pool->items = mem_realloc(pool->items, (pool->count + 1) * sizeof(*pool->items));
    pool->items[pool->count++] = (struct gpu){.major = GPU_MAJOR, .minor = minor};
}

/* A directory for each, whose file `information` has a line "Device Minor: N". */
static int pool_detect(struct host *host, struct gpu_pool *pool, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, GPUS, &names, NULL);

    if (r < 0)
        return err_set(err, -ENODEV, "there is no NVIDIA driver: " GPUS " is missing");
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *path = str_printf(GPUS "/%s/information", names[i]);
        _cleanup_free_ char *text = NULL;
        const char *line;
        unsigned minor;
        size_t length;

        r = host_file_read(host, path, &text, &length, err);
        if (r < 0)
            return r;
        line = strstr(text, "Device Minor:");
        if (!line || sscanf(line, "Device Minor: %u", &minor) != 1)
            return err_set(err, -EBADMSG, "%s: there is no \"Device Minor\"", path);
        pool_add(pool, minor);
    }
    if (pool->count > 0)
        qsort(pool->items, pool->count, sizeof(*pool->items), by_minor);
    return 0;
}

/* Whether --resources names gpus at all, and how many. */
static int gpus_offered(
    const struct flags *flags, bool *ret_given, double *ret_count, struct err *err)
{
    struct resources resources = {0};
    int r = flags->resources ? resources_parse_text(flags->resources, &resources, err) : 0;

    *ret_given = false;
    *ret_count = 0;
    for (size_t i = 0; r == 0 && i < resources.count; i++) {
        if (!str_equal(resources.items[i].name, "gpus"))
            continue;
        *ret_given = true;
        *ret_count += resources.items[i].scalar.value;
    }
    resources_release(&resources);
    return r;
}

static int index_parse(const char *text, size_t detected, const bool *chosen, size_t *ret_index,
    struct err *err)
{
    char *end = NULL;
    const unsigned long index = strtoul(text, &end, 10);

    if (end == text || *end || *text == '-')
        return err_set(
            err, -EINVAL, "--nvidia_gpu_devices: expected indices, got \"%s\"", text);
    if (index >= detected)
        return err_set(err, -EINVAL, "--nvidia_gpu_devices: there are %zu GPUs, but no %lu",
            detected, index);
    if (chosen[index])
        return err_set(err, -EINVAL, "--nvidia_gpu_devices: duplicate index %lu", index);
    *ret_index = index;
    return 0;
}

/* Keeps the listed ones only. */
static int pool_choose(struct gpu_pool *pool, const char *list, struct err *err)
{
    _cleanup_strv_ char **texts = strv_split(list, ",");
    _cleanup_free_ bool *chosen = mem_alloc((pool->count + 1) * sizeof(*chosen));
    size_t kept = 0;

    for (size_t i = 0; texts && texts[i]; i++) {
        size_t index = 0;
        int r = index_parse(texts[i], pool->count, chosen, &index, err);

        if (r < 0)
            return r;
        chosen[index] = true;
    }
    for (size_t i = 0; i < pool->count; i++) {
        if (chosen[i])
            pool->items[kept++] = pool->items[i];
    }
    pool->count = kept;
    return 0;
}

static int pool_restrict(struct gpu_pool *pool, const struct flags *flags, struct err *err)
{
    const char *list = flags_other(flags, "nvidia_gpu_devices");
    bool given;
    double offered;
    int r = gpus_offered(flags, &given, &offered, err);

    if (r < 0)
        return r;
    if (given && offered != floor(offered))
        return err_set(err, -EINVAL, "--resources: gpus must be a whole number");
    if (given && offered == 0 && !list) {
        pool->count = 0;
        return 0;
    }
    if (given != (list != NULL))
        return err_set(err, -EINVAL,
            "--nvidia_gpu_devices and gpus of --resources: both or neither must be given");
    if (!list)
        return 0;
    r = pool_choose(pool, list, err);
    if (r == 0 && (double)pool->count != offered)
        r = err_set(err, -EINVAL,
            "--nvidia_gpu_devices has %zu devices, but --resources has gpus:%g", pool->count,
            offered);
    return r;
}

int gpu_pool_open(
    struct host *host, const struct flags *flags, struct gpu_pool *ret_pool, struct err *err)
{
    struct gpu_pool pool = {0};
    int r = pool_detect(host, &pool, err);

    if (r == 0)
        r = pool_restrict(&pool, flags, err);
    if (r == 0)
        *ret_pool = pool;
    else
        gpu_pool_close(&pool);
    return r;
}

void gpu_pool_close(struct gpu_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        free(pool->items[i].owner);
    free(pool->items);
    *pool = (struct gpu_pool){0};
}

size_t gpu_pool_owned(const struct gpu_pool *pool, const char *owner)
{
    size_t count = 0;

    for (size_t i = 0; i < pool->count; i++)
        count += pool->items[i].owner && str_equal(pool->items[i].owner, owner);
    return count;
}

struct gpu *gpu_pool_take(struct gpu_pool *pool, const char *owner)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->items[i].owner)
            continue;
        pool->items[i].owner = str_dup(owner);
        return &pool->items[i];
    }
    return NULL;
}

int gpu_pool_take_this(
    struct gpu_pool *pool, uint32_t minor, const char *owner, struct err *err)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->items[i].minor != minor)
            continue;
        if (pool->items[i].owner)
            return err_set(err, -EBUSY, "GPU %u of container %s belongs to container %s", minor,
                owner, pool->items[i].owner);
        pool->items[i].owner = str_dup(owner);
        return 0;
    }
    return err_set(err, -ENODEV, "GPU %u of container %s is none of the agent's", minor, owner);
}

struct gpu *gpu_pool_first(struct gpu_pool *pool, const char *owner)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->items[i].owner && str_equal(pool->items[i].owner, owner))
            return &pool->items[i];
    }
    return NULL;
}

void gpu_release(struct gpu *gpu)
{
    free(gpu->owner);
    gpu->owner = NULL;
}
