/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/cgroups/devices.h"

#include <errno.h>
#include <sys/sysmacros.h>

static const struct {
    const char *name;
    unsigned bit;
} accesses[] = {{"read", DEVICE_READ}, {"write", DEVICE_WRITE}, {"mknod", DEVICE_MKNOD}};

static int entry_read(struct host *host, const json_t *json, size_t index,
    struct device_entry *ret_entry, struct err *err)
{
    const char *path = json_string_value(json_object_get(json_object_get(json, "device"), "path"));
    const json_t *access = json_object_get(json, "access");
    struct file_info info;
    int r;

    *ret_entry = (struct device_entry){0};
    if (!path)
        return err_set(
            err, -EINVAL, "allowed_devices[%zu].device.path: required field is missing", index);
    for (size_t i = 0; i < ARRAY_SIZE(accesses); i++)
        ret_entry->access |=
            json_is_true(json_object_get(access, accesses[i].name)) ? accesses[i].bit : 0;
    if (ret_entry->access == 0)
        return err_set(err, -EINVAL,
            "allowed_devices[%zu].access: expected at least one of read, write and mknod", index);
    r = host_file_info(host, path, true, &info);
    if (r < 0)
        return err_errno(err, r, "allowed_devices[%zu].device.path: %s", index, path);
    if (info.type != 'b' && info.type != 'c')
        return err_set(err, -EINVAL,
            "allowed_devices[%zu].device.path: expected a block or character device, got %s", index,
            path);
    ret_entry->type = info.type;
    ret_entry->major = major(info.rdev);
    ret_entry->minor = minor(info.rdev);
    return 0;
}

int devices_allowed(
    struct host *host, const struct flags *flags, struct device_list *ret_list, struct err *err)
{
    const json_t *configured = json_object_get(flags->allowed_devices, "allowed_devices");
    const json_t *json;
    size_t index;

    for (const char *const *text = device_defaults; *text; text++) {
        struct device_entry entry;
        int r = device_parse(*text, &entry, err);

        if (r < 0)
            return r;
        device_list_add(ret_list, &entry);
    }
    json_array_foreach(configured, index, json)
    {
        struct device_entry entry;
        int r = entry_read(host, json, index, &entry, err);

        if (r < 0)
            return r;
        device_list_add(ret_list, &entry);
    }
    return 0;
}
