/* SPDX-License-Identifier: Apache-2.0 */
/* What cgroups/devices needs on both versions. */
#pragma once

#include "reference/cgroups/device.h"
#include "reference/cgroups/device_manager.h"
#include "reference/isolators/cgroups/subsystem.h"

/*
 * The default list followed by `--allowed_devices`: each of those has a path to a block or
 * character device and at least one access. -EINVAL names the entry and the field.
 */
int devices_allowed(
    struct host *host, const struct flags *flags, struct device_list *ret_list, struct err *err);

/* For gpu/nvidia: the device manager of the cgroups object, which stays its own; NULL on v1.
 * -EINVAL: the object has no devices subsystem. */
int cgroups_device_manager(
    struct isolator *cgroups, struct device_manager **ret_manager, struct err *err);
