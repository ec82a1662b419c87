/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/devices on v1: deny everything, then allow the defaults and --allowed_devices
 * (isolators.md 3.8). */
#include <errno.h>

#include "reference/isolators/cgroups/devices.h"

static int devices_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    struct device_list *allowed = mem_alloc(sizeof(*allowed));

    subsystem->data = allowed;
    return devices_allowed(subsystem->object->base.host, &subsystem->object->flags, allowed, err);
}

static int devices_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    const struct device_list *allowed = subsystem->data;
    int r = cgroup_write(subsystem->fs, container->path, "devices.deny", "a *:* rwm", err);

    for (size_t i = 0; r == 0 && i < allowed->count; i++) {
        _cleanup_free_ char *text = device_format(&allowed->items[i]);

        r = cgroup_write(subsystem->fs, container->path, "devices.allow", text, err);
    }
    return r;
}

static void devices_free(struct cgroup_subsystem *subsystem)
{
    device_list_release(subsystem->data);
    free(subsystem->data);
}

const struct cgroup_subsystem_ops cgroup_devices_v1_ops = {
    .name = "devices",
    .controller_v1 = "devices",
    .create = devices_create,
    .prepare = devices_prepare,
    .free = devices_free,
};
