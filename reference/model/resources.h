/* SPDX-License-Identifier: Apache-2.0 */
/* Resources: a typed list (containerizer.md 2.2). Amounts of mem and disk are MB. */
#pragma once

#include "reference/base/json.h"

enum resource_type { RESOURCE_SCALAR, RESOURCE_RANGES, RESOURCE_SET };

struct resource_range {
    int64_t begin;
    int64_t end; /* inclusive */
};
struct disk_persistence {
    char *id;
    char *principal;
};
struct disk_source {
    char *type; /* PATH, MOUNT, BLOCK, RAW */
    char *root;
};
struct resource_disk {
    struct disk_persistence *persistence;
    char *container_path; /* of the volume */
    char *volume_mode;    /* RW or RO */
    struct disk_source *source;
};
struct resource {
    char *name;
    int type; /* enum resource_type */
    struct opt_double scalar;
    struct resource_range *ranges;
    size_t ranges_count;
    char **set;
    char *role; /* NULL = "*" */
    struct resource_disk *disk;
    bool revocable;
    bool shared;
};
struct resources {
    struct resource *items;
    size_t count;
};

/* Which resource of a name to sum: revocable ones, others, or all. */
enum resources_which { RESOURCES_ALL, RESOURCES_REVOCABLE, RESOURCES_FIRM };

/* A JSON array of resources is an embedded list: use RESOURCES_JSON_FIELD in tables. */
extern const struct json_type resource_json;
#define RESOURCES_JSON_FIELD(type_, member)                                                        \
    {                                                                                              \
        .name = #member, .kind = JSON_KIND_OBJECTS, .offset = offsetof(type_, member.items),       \
        .count_offset = offsetof(type_, member.count), .type = &resource_json                      \
    }

/* Sum of the scalars of that name; false when there is none or the sum is 0 (requests of zero are
 * dropped). */
bool resources_scalar(const struct resources *resources, const char *name,
    enum resources_which which, double *ret_value);
void resources_add_scalar(struct resources *resources, const char *name, double value);
/* The ranges of that name, merged and sorted; caller frees. */
size_t resources_ranges(const struct resources *resources, const char *name,
    struct resource_range **ret_ranges);
void resources_copy(struct resources *to, const struct resources *from); /* to is released first */
void resources_release(struct resources *resources);

/*
 * From the text of the flag --resources, "cpus:1;mem:64;ports(role):[31000-32000];zones:{a,b}", or
 * from a JSON array. Written to ret_resources on success only; the caller releases. -EINVAL.
 */
int resources_parse_text(const char *text, struct resources *ret_resources, struct err *err);

/* Limits: only cpus and mem are interpreted; infinity = unlimited. */
struct resource_limits {
    struct opt_double cpus;
    struct opt_double mem; /* MB */
};
extern const struct json_type resource_limits_json;
