/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/devices on v2: no control file but a program on the non-leaf cgroup, by the device
 * manager (isolators.md 3.8).
 */
#include <errno.h>

#include "reference/cgroups/device_manager.h"
#include "reference/isolators/cgroups/devices.h"

struct devices_v2 {
    struct device_manager *manager;
    struct device_list allowed;
};

static int devices_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    const struct flags *flags = &subsystem->object->flags;
    struct host *host = subsystem->object->base.host;
    _cleanup_free_ char *meta = str_printf("%s/meta", flags->work_dir);
    _cleanup_free_ char *state = str_printf("%s/devices", meta);
    struct devices_v2 *devices = mem_alloc(sizeof(*devices));
    int r;

    subsystem->data = devices;
    devices->manager = device_manager_new(subsystem->fs, state);
    r = devices_allowed(host, flags, &devices->allowed, err);
    return r < 0 ? r : host_mkdir(host, meta, 0755, true, err);
}

static int devices_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    const struct device_list nothing = {0};
    struct devices_v2 *devices = subsystem->data;

    return device_manager_configure(
        devices->manager, container->path, &devices->allowed, &nothing, err);
}

/* The manager's file is about all containers at once; see devices_recover_all. */
static void devices_cleanup(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct devices_v2 *devices = subsystem->data;

    device_manager_remove(devices->manager, container->path);
}

static int devices_recover_all(
    struct cgroup_subsystem *subsystem, char *const *paths, struct err *err)
{
    struct devices_v2 *devices = subsystem->data;

    return device_manager_recover(devices->manager, paths, err);
}

static void devices_free(struct cgroup_subsystem *subsystem)
{
    struct devices_v2 *devices = subsystem->data;

    if (!devices)
        return;
    device_manager_free(devices->manager);
    device_list_release(&devices->allowed);
    free(devices);
}

const struct cgroup_subsystem_ops cgroup_devices_v2_ops = {
    .name = "devices",
    .controller_v2 = "",
    .create = devices_create,
    .prepare = devices_prepare,
    .recover_all = devices_recover_all,
    .cleanup = devices_cleanup,
    .free = devices_free,
};

int cgroups_device_manager(
    struct isolator *cgroups, struct device_manager **ret_manager, struct err *err)
{
    struct cgroups_object *object =
        cgroups ? container_of(cgroups, struct cgroups_object, base) : NULL;

    *ret_manager = NULL;
    for (unsigned i = 0; object && i < object->count; i++) {
        const struct cgroup_subsystem *subsystem = &object->subsystems[i];

        if (subsystem->ops == &cgroup_devices_v2_ops)
            *ret_manager = ((struct devices_v2 *)subsystem->data)->manager;
        if (subsystem->ops == &cgroup_devices_v2_ops || subsystem->ops == &cgroup_devices_v1_ops)
            return 0;
    }
    return err_set(
        err, -EINVAL, "isolation: gpu/nvidia requires cgroups/devices or cgroups/all");
}
