/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what docker prints. */
#include "reference/docker/docker_values.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"

static const struct json_field version_fields[] = {
    JSON_FIELD(struct docker_version, major, JSON_KIND_INT),
    JSON_FIELD(struct docker_version, minor, JSON_KIND_INT),
    JSON_FIELD(struct docker_version, patch, JSON_KIND_INT),
    JSON_FIELD(struct docker_version, prerelease, JSON_KIND_STRING),
};
const struct json_type docker_version_json = {"docker version", sizeof(struct docker_version),
    version_fields, ARRAY_SIZE(version_fields), NULL};

static const struct json_field exit_fields[] = {
    JSON_FIELD(struct docker_exit, status, JSON_KIND_INT),
};
const struct json_type docker_exit_json = {
    "docker exit", sizeof(struct docker_exit), exit_fields, ARRAY_SIZE(exit_fields), NULL};

static const struct json_field names_fields[] = {
    JSON_FIELD(struct docker_names, names, JSON_KIND_STRINGS),
};
const struct json_type docker_names_json = {
    "docker names", sizeof(struct docker_names), names_fields, ARRAY_SIZE(names_fields), NULL};

static const struct json_field device_fields[] = {
    JSON_FIELD(struct docker_device, host_path, JSON_KIND_STRING),
    JSON_FIELD(struct docker_device, container_path, JSON_KIND_STRING),
    JSON_FIELD(struct docker_device, permissions, JSON_KIND_STRING),
};
const struct json_type docker_device_json = {
    "docker device", sizeof(struct docker_device), device_fields, ARRAY_SIZE(device_fields), NULL};

static const struct json_field inspection_fields[] = {
    JSON_FIELD(struct docker_inspection, id, JSON_KIND_STRING),
    JSON_FIELD(struct docker_inspection, name, JSON_KIND_STRING),
    JSON_FIELD(struct docker_inspection, pid, JSON_KIND_OPT_I64),
    JSON_FIELD(struct docker_inspection, started, JSON_KIND_BOOL),
    JSON_FIELD(struct docker_inspection, network_mode, JSON_KIND_STRING),
    JSON_FIELD(struct docker_inspection, ipv4, JSON_KIND_STRING),
    JSON_FIELD(struct docker_inspection, ipv6, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct docker_inspection, devices, devices_count, &docker_device_json),
    JSON_FIELD(struct docker_inspection, dns, JSON_KIND_STRINGS),
    JSON_FIELD(struct docker_inspection, dns_options, JSON_KIND_STRINGS),
    JSON_FIELD(struct docker_inspection, dns_search, JSON_KIND_STRINGS),
    JSON_FIELD(struct docker_inspection, text, JSON_KIND_STRING),
};
const struct json_type docker_inspection_json = {"docker inspection",
    sizeof(struct docker_inspection), inspection_fields, ARRAY_SIZE(inspection_fields), NULL};

static const struct json_field inspections_fields[] = {
    JSON_ARRAY_FIELD(struct docker_inspections, items, count, &docker_inspection_json),
};
const struct json_type docker_inspections_json = {"docker inspections",
    sizeof(struct docker_inspections), inspections_fields, ARRAY_SIZE(inspections_fields), NULL};

static const struct json_field image_fields[] = {
    JSON_FIELD(struct docker_image, entrypoint, JSON_KIND_STRINGS),
    JSON_FIELD(struct docker_image, environment, JSON_KIND_STRINGS),
};
const struct json_type docker_image_json = {
    "docker image", sizeof(struct docker_image), image_fields, ARRAY_SIZE(image_fields), NULL};

/* --- versions --- */

/* The last space-separated word of the part before the first comma. */
static char *version_word(const char *text)
{
    size_t length = strcspn(text, ",");
    const char *blanks = " \t\r\n";
    while (length > 0 && strchr(blanks, text[length - 1]))
        length--;
    size_t start = length;
    while (start > 0 && !strchr(blanks, text[start - 1]))
        start--;
    return str_ndup(text + start, length - start);
}

/* A component: digits, of which leading zeros do not count. False when it is something else. */
static bool version_number(const char *text, size_t length, int64_t *ret_number)
{
    int64_t number = 0;
    if (length == 0 || length > 9)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

int docker_version_parse(const char *text, struct docker_version *ret_version, struct err *err)
{
    _cleanup_free_ char *word = version_word(text);
    int64_t numbers[3] = {0};
    const char *at = word;
    size_t count = 0;
    for (; count < 3; count++) {
        size_t length = strcspn(at, ".-+");
        if (!version_number(at, length, &numbers[count]))
            return err_set(err, -EBADMSG, "version: \"%s\" is not a version", word);
        at += length;
        if (*at != '.') {
            count++;
            break;
        }
        at++;
    }
    *ret_version = (struct docker_version){numbers[0], numbers[1], numbers[2], NULL};
    /* what a '+' begins is of the build; after the third dot all is dropped, as in 1.7.1.fc22 */
    if (*at == '-')
        ret_version->prerelease = str_ndup(at + 1, strcspn(at + 1, "."));
    return 0;
}

int docker_version_compare(const struct docker_version *version, int64_t major, int64_t minor,
    int64_t patch)
{
    const int64_t mine[3] = {version->major, version->minor, version->patch};
    const int64_t other[3] = {major, minor, patch};
    for (size_t i = 0; i < 3; i++)
        if (mine[i] != other[i])
            return mine[i] < other[i] ? -1 : 1;
    return 0;
}

char *docker_version_text(const struct docker_version *version)
{
    return str_printf("%ld.%ld.%ld%s%s", (long)version->major, (long)version->minor,
        (long)version->patch, version->prerelease ? "-" : "",
        version->prerelease ? version->prerelease : "");
}

/* --- ends of the CLI --- */

char *docker_exit_text(int wait_status)
{
    /* What `docker run` says of itself rather than of the command (docker's manual). */
    static const struct {
        int status;
        const char *meaning;
    } meanings[] = {
        {125, " (docker could not run it)"},
        {126, " (its command can't be invoked)"},
        {127, " (its command was not found)"},
    };
    if (WIFSIGNALED(wait_status))
        return str_printf("killed by signal %d", WTERMSIG(wait_status));
    const char *meaning = "";
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
        if (meanings[i].status == WEXITSTATUS(wait_status))
            meaning = meanings[i].meaning;
    return str_printf("exit status %d%s", WEXITSTATUS(wait_status), meaning);
}

/* --- fields of a JSON text --- */

static const char *json_type_name(const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a fraction",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null",
    };
    return json ? names[json_typeof(json)] : "nothing";
}

/* A member by a path of names between dots, in an element of the array; NULL when absent or null.
 */
static const json_t *field_find(const json_t *json, const char *path)
{
    while (json && *path) {
        size_t length = strcspn(path, ".");
        _cleanup_free_ char *name = str_ndup(path, length);
        json = json_object_get(json, name);
        path += length + (path[length] == '.');
    }
    return json && json_typeof(json) == JSON_NULL ? NULL : json;
}

static int field_refuse(size_t item, const char *path, const char *expected, const json_t *found,
    struct err *err)
{
    return err_set(err, -EBADMSG, "[%zu].%s: expected %s, got %s", item, path, expected,
        json_type_name(found));
}

static int field_text(const json_t *json, size_t item, const char *path, bool required,
    char **ret_text, struct err *err)
{
    const json_t *found = field_find(json, path);
    if (!found && !required)
        return 0;
    if (!json_is_string(found))
        return field_refuse(item, path, "a text", found, err);
    *ret_text = str_dup(json_string_value(found));
    return 0;
}

/* Absent and null are an empty list, which is NULL. */
static int field_texts(
    const json_t *json, size_t item, const char *path, char ***ret_texts, struct err *err)
{
    const json_t *found = field_find(json, path);
    if (!found)
        return 0;
    if (!json_is_array(found))
        return field_refuse(item, path, "an array", found, err);
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *text = json_array_get(found, i);
        if (!json_is_string(text)) {
            _cleanup_free_ char *place = str_printf("%s[%zu]", path, i);
            return field_refuse(item, place, "a text", text, err);
        }
        strv_add(ret_texts, json_string_value(text));
    }
    return 0;
}

static json_t *parse_array(const char *text, struct err *err)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (!json) {
        err_set(err, -EBADMSG, "line %d, column %d: %s", error.line, error.column, error.text);
        return NULL;
    }
    if (json_is_array(json) && json_array_size(json) > 0)
        return json;
    err_set(err, -EBADMSG, "expected an array with at least one object, got %s",
        json_is_array(json) ? "an empty one" : json_type_name(json));
    json_decref(json);
    return NULL;
}

static void json_free(json_t **json)
{
    json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(json_free)))

/* --- containers --- */

/* When a container has never started, its start is the zero of Go's time. */
#define NEVER_STARTED "0001-01-01T00:00:00Z"

static int inspection_state(
    const json_t *json, size_t item, struct docker_inspection *inspection, struct err *err)
{
    const json_t *pid = field_find(json, "State.Pid");
    if (!json_is_integer(pid) || json_integer_value(pid) < 0)
        return field_refuse(item, "State.Pid", "a pid or 0", pid, err);
    if (json_integer_value(pid) > 0)
        inspection->pid = (struct opt_i64)OPT(json_integer_value(pid));
    _cleanup_free_ char *started = NULL;
    int r = field_text(json, item, "State.StartedAt", true, &started, err);
    if (r == 0)
        inspection->started = !str_equal(started, NEVER_STARTED);
    return r;
}

/* Addresses stand with the network that the mode names; older versions have only one of all. */
static int inspection_addresses(
    const json_t *json, size_t item, struct docker_inspection *inspection, struct err *err)
{
    const json_t *networks = field_find(json, "NetworkSettings.Networks");
    const char *mode = inspection->network_mode;
    const json_t *network = mode ? json_object_get(networks, mode) : NULL;
    /* a user network's mode may be its id: then the only entry is meant */
    if (mode && !network && json_object_size(networks) == 1)
        network = json_object_iter_value(json_object_iter((json_t *)networks));
    int r = 0;
    if (network) {
        r = field_text(network, item, "IPAddress", false, &inspection->ipv4, err);
        if (r == 0)
            r = field_text(network, item, "GlobalIPv6Address", false, &inspection->ipv6, err);
    }
    if (r == 0 && !inspection->ipv4)
        r = field_text(json, item, "NetworkSettings.IPAddress", false, &inspection->ipv4, err);
    if (inspection->ipv4 && !*inspection->ipv4)
        str_set(&inspection->ipv4, NULL);
    if (inspection->ipv6 && !*inspection->ipv6)
        str_set(&inspection->ipv6, NULL);
    return r;
}

static int inspection_devices(
    const json_t *json, size_t item, struct docker_inspection *inspection, struct err *err)
{
    const json_t *devices = field_find(json, "HostConfig.Devices");
    if (!devices)
        return 0;
    if (!json_is_array(devices))
        return field_refuse(item, "HostConfig.Devices", "an array", devices, err);
    size_t count = json_array_size(devices);
    inspection->devices = mem_alloc(count * sizeof(*inspection->devices) + 1);
    inspection->devices_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct {
            const char *name;
            char **field;
        } members[] = {
            {"PathOnHost", &inspection->devices[i].host_path},
            {"PathInContainer", &inspection->devices[i].container_path},
            {"CgroupPermissions", &inspection->devices[i].permissions},
        };
        for (size_t j = 0; j < ARRAY_SIZE(members); j++) {
            const json_t *found = json_object_get(json_array_get(devices, i), members[j].name);
            if (!json_is_string(found)) {
                _cleanup_free_ char *place =
                    str_printf("HostConfig.Devices[%zu].%s", i, members[j].name);
                return field_refuse(item, place, "a text", found, err);
            }
            *members[j].field = str_dup(json_string_value(found));
        }
    }
    return 0;
}

static int inspection_read(
    const json_t *json, size_t item, struct docker_inspection *inspection, struct err *err)
{
    if (!json_is_object(json))
        return err_set(
            err, -EBADMSG, "[%zu]: expected an object, got %s", item, json_type_name(json));
    int r = field_text(json, item, "Id", true, &inspection->id, err);
    if (r == 0)
        r = field_text(json, item, "Name", true, &inspection->name, err);
    if (r == 0)
        r = inspection_state(json, item, inspection, err);
    if (r == 0)
        r = field_text(json, item, "HostConfig.NetworkMode", false, &inspection->network_mode, err);
    if (r == 0)
        r = inspection_addresses(json, item, inspection, err);
    if (r == 0)
        r = inspection_devices(json, item, inspection, err);
    if (r == 0)
        r = field_texts(json, item, "HostConfig.Dns", &inspection->dns, err);
    if (r == 0)
        r = field_texts(json, item, "HostConfig.DnsOptions", &inspection->dns_options, err);
    if (r == 0)
        r = field_texts(json, item, "HostConfig.DnsSearch", &inspection->dns_search, err);
    return r;
}

int docker_inspections_parse(
    const char *text, struct docker_inspections *ret_inspections, struct err *err)
{
    _cleanup_json_ json_t *json = parse_array(text, err);
    if (!json)
        return -EBADMSG;
    struct docker_inspections all = {0};
    all.count = json_array_size(json);
    all.items = mem_alloc(all.count * sizeof(*all.items));
    int r = 0;
    for (size_t i = 0; i < all.count && r == 0; i++)
        r = inspection_read(json_array_get(json, i), i, &all.items[i], err);
    if (r < 0)
        json_type_release(&docker_inspections_json, &all);
    else
        *ret_inspections = all;
    return r;
}

int docker_inspection_parse(
    const char *text, struct docker_inspection *ret_inspection, struct err *err)
{
    struct docker_inspections all = {0};
    int r = docker_inspections_parse(text, &all, err);
    if (r < 0)
        return r;
    if (all.count != 1) {
        r = err_set(err, -EBADMSG, "expected one object, got %zu", all.count);
    } else {
        *ret_inspection = all.items[0];
        memset(&all.items[0], 0, sizeof(all.items[0]));
        ret_inspection->text = str_dup(text);
    }
    json_type_release(&docker_inspections_json, &all);
    return r;
}

/* --- images --- */

static int environment_check(char *const *environment, struct err *err)
{
    struct strmap *names = strmap_new();
    int r = 0;
    for (size_t i = 0; environment && environment[i] && r == 0; i++) {
        const char *equals = strchr(environment[i], '=');
        const char *path = "[0].ContainerConfig.Env";
        if (!equals) {
            r = err_set(err, -EBADMSG, "%s[%zu]: expected NAME=value, got \"%s\"", path, i,
                environment[i]);
            continue;
        }
        _cleanup_free_ char *name = str_ndup(environment[i], (size_t)(equals - environment[i]));
        if (strmap_get(names, name))
            r = err_set(err, -EBADMSG, "%s[%zu]: \"%s\" stands there twice", path, i, name);
        strmap_set(names, name, environment[i]);
    }
    strmap_free(names);
    return r;
}

int docker_image_parse(const char *text, struct docker_image *ret_image, struct err *err)
{
    _cleanup_json_ json_t *json = parse_array(text, err);
    if (!json)
        return -EBADMSG;
    const json_t *item = json_array_get(json, 0);
    const json_t *config = json_object_get(item, "ContainerConfig");
    static const char *const members[] = {"Entrypoint", "Env"};
    if (!json_is_object(config))
        return field_refuse(0, "ContainerConfig", "an object", config, err);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        /* null is an empty list; that it is not there at all is an error */
        _cleanup_free_ char *path = str_printf("ContainerConfig.%s", members[i]);
        if (!json_object_get(config, members[i]))
            return field_refuse(0, path, "an array or null", NULL, err);
    }
    struct docker_image image = {0};
    int r = field_texts(item, 0, "ContainerConfig.Entrypoint", &image.entrypoint, err);
    if (r == 0)
        r = field_texts(item, 0, "ContainerConfig.Env", &image.environment, err);
    if (r == 0)
        r = environment_check(image.environment, err);
    if (r < 0)
        json_type_release(&docker_image_json, &image);
    else
        *ret_image = image;
    return r;
}

/* --- lists --- */

char **docker_ps_parse(const char *text, const char *prefix)
{
    char **names = NULL;
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    for (size_t i = 1; lines && lines[0] && lines[i]; i++) {
        size_t end = strlen(lines[i]);
        while (end > 0 && strchr(" \t\r", lines[i][end - 1]))
            end--;
        size_t start = end;
        while (start > 0 && !strchr(" \t", lines[i][start - 1]))
            start--;
        _cleanup_free_ char *name = str_ndup(lines[i] + start, end - start);
        if (*name && str_starts(name, prefix))
            strv_add(&names, name);
    }
    return names;
}
