/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/blkio on v1: statistics only (isolators.md 3.11, statistics.md 2.4). */

#include "reference/isolators/cgroups/blkio_parse.h"
#include "reference/isolators/cgroups/subsystem.h"

/* The CFQ files of kernels before 5.0 and the throttle files of all: the field that each fills. */
static const struct {
    const char *file;  /* without the prefix and suffix */
    const char *field; /* of the entry */
} cfq_files[] =
    {
        {"time", "time"},
        {"sectors", "sectors"},
        {"io_service_bytes", "io_service_bytes"},
        {"io_serviced", "io_serviced"},
        {"io_service_time", "io_service_time"},
        {"io_wait_time", "io_wait_time"},
        {"io_merged", "io_merged"},
        {"io_queued", "io_queued"},
},
  throttle_files[] = {
      {"io_service_bytes", "io_service_bytes"},
      {"io_serviced", "io_serviced"},
};

/* time and sectors are single numbers; the others are lists of {op, value}. */
static bool is_single(const char *field)
{
    return str_equal(field, "time") || str_equal(field, "sectors");
}

/* The entry of a device in the list, made on first use; the entry without device is the total. */
static json_t *entry_of(json_t *list, const struct blkio_value *value)
{
    json_t *entry, *device;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        device = json_object_get(entry, "device");
        if (!device && !value->has_device)
            return entry;
        if (device && value->has_device &&
            json_integer_value(json_object_get(device, "major_number")) == value->major &&
            json_integer_value(json_object_get(device, "minor_number")) == value->minor)
            return entry;
    }
    entry = json_object();
    if (value->has_device)
        json_object_set_new(entry, "device",
            json_pack("{s:I,s:I}", "major_number", (json_int_t)value->major, "minor_number",
                (json_int_t)value->minor));
    json_array_append_new(list, entry);
    return entry;
}

static void value_put(json_t *entry, const char *field, const struct blkio_value *value)
{
    json_t *values = json_object_get(entry, field);

    if (is_single(field)) {
        json_object_set_new(entry, field, json_integer((json_int_t)value->value));
        return;
    }
    if (!values) {
        values = json_array();
        json_object_set_new(entry, field, values);
    }
    json_array_append_new(
        values, json_pack("{s:s,s:I}", "op", value->operation, "value", (json_int_t)value->value));
}

static int file_read(struct cgroup_subsystem *subsystem, const char *path, const char *file,
    const char *field, json_t *list, json_t *total, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    int r = cgroup_read(subsystem->fs, path, file, &text, err);

    if (r < 0)
        return r;
    lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        struct blkio_value value;

        r = blkio_parse(lines[i], &value, err);
        if (r < 0)
            return err_wrap(err, r, "%s", file);
        value_put(value.has_device ? entry_of(list, &value) : total, field, &value);
    }
    return 0;
}

static bool has_cfq(struct cgroup_subsystem *subsystem, const char *path)
{
    return cgroup_file_exists(subsystem->fs, path, "blkio.time");
}

static int cfq_read(struct cgroup_subsystem *subsystem, const char *path, const char *suffix,
    json_t *statistics, const char *name, struct err *err)
{
    json_t *list = json_array();
    json_t *total = json_object();
    int r = 0;

    for (size_t i = 0; r == 0 && has_cfq(subsystem, path) && i < ARRAY_SIZE(cfq_files); i++) {
        _cleanup_free_ char *file = str_printf("blkio.%s%s", cfq_files[i].file, suffix);

        r = file_read(subsystem, path, file, cfq_files[i].field, list, total, err);
    }
    json_array_append_new(list, total); /* always last */
    json_object_set_new(statistics, name, list);
    return r;
}

static int throttle_read(
    struct cgroup_subsystem *subsystem, const char *path, json_t *statistics, struct err *err)
{
    json_t *list = json_array();
    json_t *total = json_object();
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(throttle_files); i++) {
        _cleanup_free_ char *file = str_printf("blkio.throttle.%s", throttle_files[i].file);

        r = file_read(subsystem, path, file, throttle_files[i].field, list, total, err);
    }
    json_array_append_new(list, total);
    json_object_set_new(statistics, "throttling", list);
    return r;
}

static int blkio_usage(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct statistics *into, struct err *err)
{
    json_t *statistics = json_object();
    int r = cfq_read(subsystem, container->path, "", statistics, "cfq", err);

    if (r == 0)
        r = cfq_read(subsystem, container->path, "_recursive", statistics, "cfq_recursive", err);
    if (r == 0)
        r = throttle_read(subsystem, container->path, statistics, err);
    if (r < 0)
        json_decref(statistics);
    else
        into->blkio_statistics = statistics;
    return r;
}

const struct cgroup_subsystem_ops cgroup_blkio_ops = {
    .name = "blkio",
    .controller_v1 = "blkio",
    .usage = blkio_usage,
};
