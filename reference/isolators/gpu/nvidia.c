/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu/nvidia: gives whole GPUs to root containers, by their devices cgroup, and puts the device
 * nodes into root file systems (isolators.md 13). Nested containers use what their root has.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "reference/cgroups/cgroup_fs.h"
#include "reference/cgroups/device_manager.h"
#include "reference/isolators/cgroups/devices.h"
#include "reference/isolators/gpu/devices.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/model/container_id.h"

#define NODE_MODE 0666

struct gpu_nvidia {
    struct isolator base;
    char *cgroups_root;
    char *runtime_dir;
    struct cgroup_fs *devices;       /* v1 */
    struct device_manager *manager;  /* v2: the cgroups object's */
    struct gpu_pool pool;
};

/* --- access --- */

static int access_set(struct gpu_nvidia *nvidia, const char *id, uint32_t major, uint32_t minor,
    bool allow, struct err *err)
{
    const struct device_list none = {0};
    struct device_entry entry = {'c', major, minor, DEVICE_READ | DEVICE_WRITE};
    const struct device_list one = {&entry, 1};
    _cleanup_free_ char *cgroup = launcher_cgroup(nvidia->cgroups_root, id);
    _cleanup_free_ char *text = NULL;

    if (nvidia->manager)
        return device_manager_reconfigure(
            nvidia->manager, cgroup, allow ? &one : &none, allow ? &none : &one, err);
    entry.access |= DEVICE_MKNOD;
    text = device_format(&entry);
    return cgroup_write(
        nvidia->devices, cgroup, allow ? "devices.allow" : "devices.deny", text, err);
}

static int controls_allow(struct gpu_nvidia *nvidia, const char *id, struct err *err)
{
    int r = 0;

    for (const char *const *path = gpu_control_paths; r == 0 && *path; path++) {
        struct file_info info;

        if (host_file_info(nvidia->base.host, *path, true, &info) == 0 && info.type == 'c')
            r = access_set(nvidia, id, major(info.rdev), minor(info.rdev), true, err);
    }
    return r;
}

/* Takes or gives back until the container has as many. */
static int gpus_set(
    struct gpu_nvidia *nvidia, const char *id, const struct resources *requests, struct err *err)
{
    size_t owned = gpu_pool_owned(&nvidia->pool, id);
    double wanted = 0;
    int r = 0;

    resources_scalar(requests, "gpus", RESOURCES_ALL, &wanted);
    if (wanted != floor(wanted) || wanted < 0)
        return err_set(err, -EINVAL, "gpus: expected a whole number, got %g", wanted);
    for (; r == 0 && (double)owned < wanted; owned++) {
        const struct gpu *gpu = gpu_pool_take(&nvidia->pool, id);

        if (!gpu)
            return err_set(err, -EBUSY, "gpus: %g are asked for, but only %zu can be had", wanted,
                owned);
        r = access_set(nvidia, id, gpu->major, gpu->minor, true, err);
    }
    for (; r == 0 && (double)owned > wanted; owned--) {
        struct gpu *gpu = gpu_pool_first(&nvidia->pool, id);

        r = access_set(nvidia, id, gpu->major, gpu->minor, false, err);
        if (r == 0)
            gpu_release(gpu);
    }
    return r;
}

static void gpus_return(struct gpu_nvidia *nvidia, const char *id)
{
    struct gpu *gpu;

    while ((gpu = gpu_pool_first(&nvidia->pool, id)))
        gpu_release(gpu);
}

/* --- device nodes --- */

static int node_add(struct gpu_nvidia *nvidia, const char *id, const char *rootfs,
    const char *name, struct launch_info *info, struct err *err)
{
    struct host *host = nvidia->base.host;
    _cleanup_free_ char *file = str_printf("devices/%s", name);
    _cleanup_free_ char *node = launch_runtime_file(nvidia->runtime_dir, id, file);
    _cleanup_free_ char *device = str_printf("/dev/%s", name);
    _cleanup_free_ char *target = str_printf("%s/dev/%s", rootfs, name);
    int r = host_file_exists(host, node) ? 0 : host_node_copy(host, device, node, NODE_MODE, err);

    if (r == 0)
        launch_add_mount(info, node, target, NULL, MS_BIND, NULL);
    return r;
}

/* All /dev/nvidia* that are devices; which of them may be opened is the cgroup's matter. */
static int nodes_add(struct gpu_nvidia *nvidia, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    struct host *host = nvidia->base.host;
    _cleanup_strv_ char **names = NULL;
    int r = 0;

    if (!config->rootfs || config->container_class == CONTAINER_CLASS_DEBUG)
        return 0;
    if (!config->docker)
        return err_set(err, -ENOTSUP, "gpu/nvidia takes no root file system but of docker images");
    r = host_list(host, "/dev", &names, err);
    for (size_t i = 0; r == 0 && names[i]; i++) {
        _cleanup_free_ char *path = str_printf("/dev/%s", names[i]);
        struct file_info node;

        if (!str_starts(names[i], "nvidia") || host_file_info(host, path, false, &node) < 0)
            continue;
        if (node.type == 'c') /* nvidia-caps is a directory */
            r = node_add(nvidia, id, config->rootfs, names[i], info, err);
    }
    return r;
}

/* --- the calls --- */

static void nvidia_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct gpu_nvidia *nvidia = container_of(isolator, struct gpu_nvidia, base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    if (!container_id_is_nested(id)) {
        if (gpu_pool_first(&nvidia->pool, id))
            r = err_set(&err, -EEXIST, "container %s has already been prepared", id);
        if (r == 0)
            r = controls_allow(nvidia, id, &err);
        if (r == 0)
            r = gpus_set(nvidia, id, &config->resources, &err);
    }
    if (r == 0)
        r = nodes_add(nvidia, id, config, &info, &err);
    launch_result(done, r, &info, &err);
}

static void nvidia_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct gpu_nvidia *nvidia = container_of(isolator, struct gpu_nvidia, base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    (void)limits;
    if (container_id_is_nested(id)) {
        done_error(done, -EINVAL, "nested container %s can't have GPUs of its own", id);
        return;
    }
    r = gpus_set(nvidia, id, requests, &err);
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, NULL);
}

/* What the cgroup has in force, on either version. */
static int allowed_read(
    struct gpu_nvidia *nvidia, const char *id, struct device_list *list, struct err *err)
{
    _cleanup_free_ char *cgroup = launcher_cgroup(nvidia->cgroups_root, id);
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    const struct device_list *kept;
    int r = 0;

    if (nvidia->manager) {
        kept = device_manager_allowed(nvidia->manager, cgroup);
        if (kept)
            device_list_copy(list, kept);
        return 0;
    }
    if (!cgroup_exists(nvidia->devices, cgroup))
        return 0; /* it is on its way out */
    r = cgroup_read(nvidia->devices, cgroup, "devices.list", &text, err);
    lines = r == 0 ? strv_split(text, "\n") : NULL;
    for (size_t i = 0; r == 0 && lines && lines[i]; i++) {
        struct device_entry entry;

        r = device_parse(lines[i], &entry, err);
        if (r == 0)
            device_list_add(list, &entry);
    }
    return r;
}

static int container_recover(struct gpu_nvidia *nvidia, const char *id, struct err *err)
{
    struct device_list allowed = {0};
    int r = allowed_read(nvidia, id, &allowed, err);

    for (size_t i = 0; r == 0 && i < allowed.count; i++) {
        const struct device_entry *entry = &allowed.items[i];

        if (entry->type != 'c' || entry->minor == DEVICE_ANY)
            continue;
        for (size_t k = 0; r == 0 && k < nvidia->pool.count; k++) {
            if (nvidia->pool.items[k].major == entry->major &&
                nvidia->pool.items[k].minor == entry->minor)
                r = gpu_pool_take_this(&nvidia->pool, entry->minor, id, err);
        }
    }
    device_list_release(&allowed);
    return r;
}

static void nvidia_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct gpu_nvidia *nvidia = container_of(isolator, struct gpu_nvidia, base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    (void)orphans; /* what they have is free as soon as their cgroup is gone */
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!container_id_is_nested(states[i].id))
            r = container_recover(nvidia, states[i].id, &err);
    }
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, NULL);
}

static void nvidia_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    gpus_return(container_of(isolator, struct gpu_nvidia, base), id);
    done_ok(done, NULL);
}

static void nvidia_free(struct isolator *isolator)
{
    struct gpu_nvidia *nvidia = container_of(isolator, struct gpu_nvidia, base);

    gpu_pool_close(&nvidia->pool);
    free(nvidia->cgroups_root);
    free(nvidia->runtime_dir);
    free(nvidia);
}

static const struct isolator_ops nvidia_ops = {
    .recover = nvidia_recover,
    .prepare = nvidia_prepare,
    .update = nvidia_update,
    .cleanup = nvidia_cleanup,
    .free = nvidia_free,
};

static int devices_find(
    const struct isolator_context *context, struct gpu_nvidia *nvidia, struct err *err)
{
    int r = cgroups_device_manager(context->cgroups, &nvidia->manager, err);

    if (r == 0 && !nvidia->manager)
        nvidia->devices = cgroup_hierarchy_find(context->host->cgroups, "devices")->fs;
    return r;
}

int isolator_gpu_nvidia_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct gpu_nvidia *nvidia = mem_alloc(sizeof(*nvidia));
    int r;

    nvidia->base =
        (struct isolator){.ops = &nvidia_ops, .name = "gpu/nvidia", .host = context->host};
    nvidia->cgroups_root = str_dup(context->flags->cgroups_root);
    nvidia->runtime_dir = str_dup(context->flags->runtime_dir);
    r = devices_find(context, nvidia, err);
    if (r == 0)
        r = gpu_pool_open(context->host, context->flags, &nvidia->pool, err);
    if (r < 0) {
        nvidia_free(&nvidia->base);
        return r;
    }
    *ret_isolator = &nvidia->base;
    return 0;
}
