/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/resources.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

static const char *const resource_type_names[] = {"SCALAR", "RANGES", "SET", NULL};
static const char *const disk_source_type_names[] = {"PATH", "MOUNT", "BLOCK", "RAW", NULL};
static const char *const volume_mode_names[] = {"RW", "RO", NULL};

static int resource_range_check(const void *object, const char *path, struct err *err)
{
    const struct resource_range *range = object;
    if (range->begin >= 0 && range->begin <= range->end)
        return 0;
    return err_set(err, -EINVAL, "%s: %lld-%lld is not a range", path, (long long)range->begin,
        (long long)range->end);
}

static const struct json_field resource_range_fields[] = {
    JSON_FIELD(struct resource_range, begin, JSON_KIND_INT, .required = true),
    JSON_FIELD(struct resource_range, end, JSON_KIND_INT, .required = true),
};
static const struct json_type resource_range_json = {"resource_range",
    sizeof(struct resource_range), resource_range_fields, ARRAY_SIZE(resource_range_fields),
    resource_range_check};

static const struct json_field disk_persistence_fields[] = {
    JSON_FIELD(struct disk_persistence, id, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct disk_persistence, principal, JSON_KIND_STRING),
};
static const struct json_type disk_persistence_json = {"disk_persistence",
    sizeof(struct disk_persistence), disk_persistence_fields, ARRAY_SIZE(disk_persistence_fields),
    NULL};

static const struct json_field disk_source_fields[] = {
    JSON_FIELD(struct disk_source, type, JSON_KIND_STRING, .enum_names = disk_source_type_names,
        .required = true),
    JSON_FIELD(struct disk_source, root, JSON_KIND_STRING),
};
static const struct json_type disk_source_json = {"disk_source", sizeof(struct disk_source),
    disk_source_fields, ARRAY_SIZE(disk_source_fields), NULL};

static const struct json_field resource_disk_fields[] = {
    JSON_FIELD(struct resource_disk, persistence, JSON_KIND_OBJECT_PTR,
        .type = &disk_persistence_json),
    JSON_FIELD(struct resource_disk, container_path, JSON_KIND_STRING),
    JSON_FIELD(struct resource_disk, volume_mode, JSON_KIND_STRING,
        .enum_names = volume_mode_names),
    JSON_FIELD(struct resource_disk, source, JSON_KIND_OBJECT_PTR, .type = &disk_source_json),
};
static const struct json_type resource_disk_json = {"resource_disk", sizeof(struct resource_disk),
    resource_disk_fields, ARRAY_SIZE(resource_disk_fields), NULL};

/* The value must be of the type that is said. */
static int resource_check(const void *object, const char *path, struct err *err)
{
    const struct resource *resource = object;
    bool given[] = {resource->scalar.set, resource->ranges_count > 0, resource->set != NULL};
    static const char *const members[] = {"scalar", "ranges", "set"};
    for (int i = 0; i < (int)ARRAY_SIZE(given); i++)
        if (given[i] && i != resource->type)
            return err_set(err, -EINVAL, "%s: a resource of type %s has no %s", path,
                resource_type_names[resource->type], members[i]);
    if (resource->type == RESOURCE_SCALAR && !resource->scalar.set)
        return err_set(err, -EINVAL, "%s.scalar: required field is missing", path);
    if (resource->scalar.set && resource->scalar.value < 0)
        return err_set(err, -EINVAL, "%s.scalar: expected a number that is not negative, got %g",
            path, resource->scalar.value);
    return 0;
}

static const struct json_field resource_fields[] = {
    JSON_FIELD(struct resource, name, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct resource, type, JSON_KIND_ENUM, .enum_names = resource_type_names,
        .required = true),
    JSON_FIELD(struct resource, scalar, JSON_KIND_OPT_DOUBLE),
    JSON_ARRAY_FIELD(struct resource, ranges, ranges_count, &resource_range_json),
    JSON_FIELD(struct resource, set, JSON_KIND_STRINGS),
    JSON_FIELD(struct resource, role, JSON_KIND_STRING),
    JSON_FIELD(struct resource, disk, JSON_KIND_OBJECT_PTR, .type = &resource_disk_json),
    JSON_FIELD(struct resource, revocable, JSON_KIND_BOOL),
    JSON_FIELD(struct resource, shared, JSON_KIND_BOOL),
};
const struct json_type resource_json = {"resource", sizeof(struct resource), resource_fields,
    ARRAY_SIZE(resource_fields), resource_check};

static const struct json_field resources_fields[] = {
    {.name = "items",
        .kind = JSON_KIND_OBJECTS,
        .offset = offsetof(struct resources, items),
        .count_offset = offsetof(struct resources, count),
        .type = &resource_json},
};
/* For copying and releasing; in JSON resources are an array of their owner. */
static const struct json_type resources_list = {
    "resources", sizeof(struct resources), resources_fields, ARRAY_SIZE(resources_fields), NULL};

static const struct json_field resource_limits_fields[] = {
    JSON_FIELD(struct resource_limits, cpus, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct resource_limits, mem, JSON_KIND_OPT_DOUBLE),
};
const struct json_type resource_limits_json = {"resource_limits", sizeof(struct resource_limits),
    resource_limits_fields, ARRAY_SIZE(resource_limits_fields), NULL};

static bool resource_is(const struct resource *resource, const char *name,
    enum resources_which which)
{
    if (which == RESOURCES_REVOCABLE && !resource->revocable)
        return false;
    if (which == RESOURCES_FIRM && resource->revocable)
        return false;
    return str_equal(resource->name, name);
}

bool resources_scalar(const struct resources *resources, const char *name,
    enum resources_which which, double *ret_value)
{
    double sum = 0;
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = &resources->items[i];
        if (resource->type == RESOURCE_SCALAR && resource_is(resource, name, which))
            sum += resource->scalar.value;
    }
    if (sum == 0)
        return false;
    if (ret_value)
        *ret_value = sum;
    return true;
}

static bool resource_is_plain(const struct resource *resource)
{
    bool everyone = !resource->role || strcmp(resource->role, "*") == 0;
    return everyone && !resource->disk && !resource->revocable && !resource->shared;
}

void resources_add_scalar(struct resources *resources, const char *name, double value)
{
    assert(name);
    for (size_t i = 0; i < resources->count; i++) {
        struct resource *resource = &resources->items[i];
        if (resource->type == RESOURCE_SCALAR && resource_is(resource, name, RESOURCES_FIRM)
            && resource_is_plain(resource)) {
            resource->scalar = (struct opt_double)OPT(resource->scalar.value + value);
            return;
        }
    }
    resources->items =
        mem_realloc(resources->items, (resources->count + 1) * sizeof(*resources->items));
    resources->items[resources->count++] = (struct resource){
        .name = str_dup(name), .type = RESOURCE_SCALAR, .scalar = OPT(value)};
}

static int range_compare(const void *a, const void *b)
{
    const struct resource_range *first = a;
    const struct resource_range *second = b;
    if (first->begin != second->begin)
        return first->begin < second->begin ? -1 : 1;
    return first->end < second->end ? -1 : first->end > second->end;
}

size_t resources_ranges(const struct resources *resources, const char *name,
    struct resource_range **ret_ranges)
{
    size_t count = 0;
    size_t capacity = 0;
    struct resource_range *ranges = NULL;
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = &resources->items[i];
        if (resource->type != RESOURCE_RANGES || !resource_is(resource, name, RESOURCES_ALL))
            continue;
        ranges = mem_grow(ranges, &capacity, count + resource->ranges_count, sizeof(*ranges));
        for (size_t j = 0; j < resource->ranges_count; j++)
            ranges[count++] = resource->ranges[j];
    }
    if (count > 0)
        qsort(ranges, count, sizeof(*ranges), range_compare);
    size_t merged = 0;
    for (size_t i = 0; i < count; i++) {
        struct resource_range *last = merged ? &ranges[merged - 1] : NULL;
        bool joins = last && (last->end == INT64_MAX || ranges[i].begin <= last->end + 1);
        if (!joins)
            ranges[merged++] = ranges[i];
        else if (ranges[i].end > last->end)
            last->end = ranges[i].end;
    }
    *ret_ranges = ranges;
    return merged;
}

void resources_copy(struct resources *to, const struct resources *from)
{
    if (to == from)
        return;
    resources_release(to);
    json_type_copy(&resources_list, to, from);
}

void resources_release(struct resources *resources)
{
    json_type_release(&resources_list, resources);
}
