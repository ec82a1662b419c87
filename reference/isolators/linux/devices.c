/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/devices: makes the devices of `--allowed_devices` appear in a container's root file system
 * (isolators.md 8). Whether they can be opened is the devices controller's matter.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"

struct linux_devices {
    struct isolator base;
    struct flags flags;
};

/* The owner may do what is allowed, and so may everybody else; the controller decides. */
static mode_t node_mode(const json_t *access)
{
    const bool reads = json_is_true(json_object_get(access, "read"));
    const bool writes = json_is_true(json_object_get(access, "write"));

    return (mode_t)(0600 | (reads ? 0044 : 0) | (writes ? 0022 : 0));
}

static int device_add(struct linux_devices *devices, const char *directory, const char *rootfs,
    const json_t *device, struct launch_info *info, struct err *err)
{
    struct host *host = devices->base.host;
    const char *path =
        json_string_value(json_object_get(json_object_get(device, "device"), "path"));
    const char *name = path && str_starts(path, "/dev/") ? path + strlen("/dev/") : NULL;
    _cleanup_free_ char *node = NULL;
    _cleanup_free_ char *target = NULL;
    char *slash;
    int r;

    if (!name || !*name)
        return err_set(err, -EINVAL, "allowed_devices: expected a path below /dev, got \"%s\"",
            path ? path : "");
    node = str_printf("%s/%s", directory, name);
    target = str_printf("%s/dev/%s", rootfs, name);
    slash = strrchr(node, '/');
    *slash = '\0';
    r = host_mkdir(host, node, 0755, true, err);
    *slash = '/';
    if (r == 0 && !host_file_exists(host, node))
        r = host_node_copy(host, path, node, node_mode(json_object_get(device, "access")), err);
    if (r == 0)
        launch_add_mount(info, node, target, NULL, MS_BIND, NULL);
    return r;
}

static void devices_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct linux_devices *devices = container_of(isolator, struct linux_devices, base);
    const json_t *list = json_object_get(devices->flags.allowed_devices, "allowed_devices");
    _cleanup_free_ char *directory = launch_runtime_file(devices->flags.runtime_dir, id, "devices");
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    const json_t *device;
    size_t i;
    int r = 0;

    if (!config->rootfs || json_array_size(list) == 0) {
        done_ok(done, NULL);
        return;
    }
    if (!host_file_exists(isolator->host, directory))
        r = err_set(&err, -ENOENT, "the devices directory %s is missing", directory);
    json_array_foreach(list, i, device)
    {
        if (r == 0)
            r = device_add(devices, directory, config->rootfs, device, &info, &err);
    }
    launch_result(done, r, &info, &err);
}

static void devices_free(struct isolator *isolator)
{
    struct linux_devices *devices = container_of(isolator, struct linux_devices, base);

    flags_release(&devices->flags);
    free(devices);
}

static const struct isolator_ops devices_ops = {.prepare = devices_prepare, .free = devices_free};

int isolator_linux_devices_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct linux_devices *devices = mem_alloc(sizeof(*devices));

    (void)err;
    devices->base =
        (struct isolator){.ops = &devices_ops, .name = "linux/devices", .host = context->host};
    flags_copy(&devices->flags, context->flags);
    *ret_isolator = &devices->base;
    return 0;
}
