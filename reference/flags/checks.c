/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one value that rows of the table name; the rules are flags.md's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/flags/internal.h"
#include "reference/model/config.h"

#define SOCKET_PATH_BYTES 108 /* sizeof(sockaddr_un.sun_path) */
#define EPHEMERAL_PORTS_LEAST 16
#define REREGISTRATION_MOST_NS (15 * NS_PER_SEC)

static int handle_parse(const char *text, const char *value, struct err *err)
{
    char *end = NULL;
    unsigned long handle = str_starts(text, "0x") || str_starts(text, "0X")
        ? strtoul(text + 2, &end, 16) : 0;
    if (!end || end == text + 2 || *end != '\0' || handle == 0 || handle > UINT16_MAX)
        return err_set(err, -EINVAL, "expected 0x1 to 0xffff, got \"%s\"", value);
    return 0;
}

int flag_check_net_cls_handle(const char *value, struct err *err)
{
    return handle_parse(value, value, err);
}

int flag_check_net_cls_handles(const char *value, struct err *err)
{
    _cleanup_strv_ char **ends = strv_split(value, ",");
    if (strv_length(ends) != 2 || handle_parse(ends[0], value, NULL) < 0
        || handle_parse(ends[1], value, NULL) < 0
        || strtoul(ends[0], NULL, 16) > strtoul(ends[1], NULL, 16))
        return err_set(err, -EINVAL, "expected a range of handles as 0xA,0xB, got \"%s\"", value);
    return 0;
}

int flag_check_containerizers(const char *value, struct err *err)
{
    _cleanup_strv_ char **names = strv_split(value, ",");
    if (!names[0])
        return err_set(err, -EINVAL, "names no containerizer");
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], "mesos") != 0 && strcmp(names[i], "docker") != 0)
            return err_set(err, -EINVAL, "expected mesos or docker, got \"%s\"", names[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return err_set(err, -EINVAL, "\"%s\" is repeated", names[i]);
    }
    return 0;
}

int flag_check_fraction(const char *value, struct err *err)
{
    double number = strtod(value, NULL);
    if (number < 0 || number > 1)
        return err_set(err, -EINVAL, "expected 0 to 1, got %s", value);
    return 0;
}

int flag_check_ephemeral_ports(const char *value, struct err *err)
{
    unsigned long count = strtoul(value, NULL, 10);
    if (count < EPHEMERAL_PORTS_LEAST || (count & (count - 1)) != 0)
        return err_set(err, -EINVAL, "expected a power of two from %d, got %s",
            EPHEMERAL_PORTS_LEAST, value);
    return 0;
}

int flag_check_absolute(const char *value, struct err *err)
{
    if (value[0] != '/')
        return err_set(err, -EINVAL, "expected an absolute path, got \"%s\"", value);
    return 0;
}

int flag_check_uri_prefix(const char *value, struct err *err)
{
    if (value[0] != '/' && !str_starts(value, "http://") && !str_starts(value, "https://"))
        return err_set(
            err, -EINVAL, "expected /…, http://… or https://…, got \"%s\"", value);
    return 0;
}

int flag_check_domain_socket(const char *value, struct err *err)
{
    if (!str_starts(value, "systemd:") && strlen(value) >= SOCKET_PATH_BYTES)
        return err_set(err, -EINVAL, "a socket's path has less than %d bytes, this has %zu",
            SOCKET_PATH_BYTES, strlen(value));
    return 0;
}

int flag_check_rate_per_cpu(const char *value, struct err *err)
{
    uint64_t ignored;
    return strcmp(value, "auto") == 0 ? 0 : bytes_parse(value, &ignored, err);
}

int flag_check_reregistration(const char *value, struct err *err)
{
    uint64_t ns;
    int result = duration_parse(value, &ns, err);
    if (result == 0 && ns > REREGISTRATION_MOST_NS)
        return err_set(err, -EINVAL, "expected at most 15secs, got %s", value);
    return result;
}

/* Decodes by the table only to see whether it can be. */
static int check_type(const struct json_type *type, const char *value, struct err *err)
{
    void *object = mem_alloc(type->size);
    int result = json_type_decode_text(type, value, strlen(value), object, "", err);
    if (result == 0)
        json_type_release(type, object);
    free(object);
    return result;
}

int flag_check_capabilities(const char *value, struct err *err)
{
    return check_type(&capability_info_json, value, err);
}

int flag_check_container_info(const char *value, struct err *err)
{
    return check_type(&container_info_json, value, err);
}

struct device {
    char *path;
};
struct device_access {
    bool read;
    bool write;
    bool mknod;
};
struct device_entry {
    struct device device;
    struct device_access access;
};
struct device_whitelist {
    struct device_entry *allowed_devices;
    size_t allowed_devices_count;
};

static const struct json_field device_fields[] = {
    JSON_FIELD(struct device, path, JSON_KIND_STRING, .required = true),
};
static const struct json_type device_json = {
    "device", sizeof(struct device), device_fields, ARRAY_SIZE(device_fields), NULL};

static const struct json_field device_access_fields[] = {
    JSON_FIELD(struct device_access, read, JSON_KIND_BOOL),
    JSON_FIELD(struct device_access, write, JSON_KIND_BOOL),
    JSON_FIELD(struct device_access, mknod, JSON_KIND_BOOL),
};
static const struct json_type device_access_json = {"access", sizeof(struct device_access),
    device_access_fields, ARRAY_SIZE(device_access_fields), NULL};

static const struct json_field device_entry_fields[] = {
    JSON_FIELD(struct device_entry, device, JSON_KIND_OBJECT, .type = &device_json,
        .required = true),
    JSON_FIELD(struct device_entry, access, JSON_KIND_OBJECT, .type = &device_access_json,
        .required = true),
};
static const struct json_type device_entry_json = {"allowed_device", sizeof(struct device_entry),
    device_entry_fields, ARRAY_SIZE(device_entry_fields), NULL};

static const struct json_field device_whitelist_fields[] = {
    JSON_ARRAY_FIELD(struct device_whitelist, allowed_devices, allowed_devices_count,
        &device_entry_json),
};
static const struct json_type device_whitelist_json = {"allowed_devices",
    sizeof(struct device_whitelist), device_whitelist_fields, ARRAY_SIZE(device_whitelist_fields),
    NULL};

int flag_check_allowed_devices(const char *value, struct err *err)
{
    return check_type(&device_whitelist_json, value, err);
}

int flag_check_environment(const char *value, struct err *err)
{
    json_t *json = json_loads(value, 0, NULL);
    int result = json_is_object(json) ? 0 : err_set(err, -EINVAL, "expected an object of texts");
    const char *name;
    json_t *text;
    json_object_foreach (json, name, text) {
        if (result == 0 && !json_is_string(text))
            result = err_set(err, -EINVAL, "%s: expected a text", name);
    }
    json_decref(json);
    return result;
}

struct image_watch {
    int64_t nanoseconds;
};
struct image_gc {
    double image_disk_headroom;
    struct image_watch image_disk_watch_interval;
    struct image *excluded_images;
    size_t excluded_images_count;
};

static const struct json_field image_watch_fields[] = {
    JSON_FIELD(struct image_watch, nanoseconds, JSON_KIND_INT, .required = true),
};
static const struct json_type image_watch_json = {"image_disk_watch_interval",
    sizeof(struct image_watch), image_watch_fields, ARRAY_SIZE(image_watch_fields), NULL};

static const struct json_field image_gc_fields[] = {
    JSON_FIELD(struct image_gc, image_disk_headroom, JSON_KIND_DOUBLE, .required = true),
    JSON_FIELD(struct image_gc, image_disk_watch_interval, JSON_KIND_OBJECT,
        .type = &image_watch_json, .required = true),
    JSON_ARRAY_FIELD(struct image_gc, excluded_images, excluded_images_count, &image_json),
};
static const struct json_type image_gc_json = {
    "image_gc_config", sizeof(struct image_gc), image_gc_fields, ARRAY_SIZE(image_gc_fields), NULL};

int flag_check_image_gc(const char *value, struct err *err)
{
    return check_type(&image_gc_json, value, err);
}
