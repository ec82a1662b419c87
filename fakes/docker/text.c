/* SPDX-License-Identifier: Apache-2.0 */
/* What the docker CLI prints for each answer. */
#include "fakes/docker/engine.h"
#include "reference/base/strbuf.h"

static json_t *strings_json(char *const *strings)
{
    if (!strings)
        return json_null();
    json_t *array = json_array();
    for (size_t i = 0; strings[i]; i++)
        json_array_append_new(array, json_string(strings[i]));
    return array;
}

static json_t *devices_json(const struct docker_inspection *inspection)
{
    json_t *array = json_array();
    for (size_t i = 0; i < inspection->devices_count; i++)
        json_array_append_new(array,
            json_pack("{s:s,s:s,s:s}", "PathOnHost", inspection->devices[i].host_path,
                "PathInContainer", inspection->devices[i].container_path, "CgroupPermissions",
                inspection->devices[i].permissions));
    return array;
}

static char *dump(json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(4));
    json_decref(json);
    char *line = str_printf("%s\n", text);
    free(text);
    return line;
}

static char *inspection_text(const void *value)
{
    const struct docker_inspection *inspection = value;
    const char *ipv4 = inspection->ipv4 ? inspection->ipv4 : "";
    return dump(json_pack("[{s:s,s:s,s:{s:I,s:s},s:{s:s,s:o,s:o,s:o,s:o},s:{s:s,s:{s:{s:s,s:s}}}}]",
        "Id", inspection->id, "Name", inspection->name,
        "State", "Pid", (json_int_t)inspection->pid.value, "StartedAt",
        inspection->started ? "2024-01-01T00:00:00.000000001Z" : "0001-01-01T00:00:00Z",
        "HostConfig", "NetworkMode", inspection->network_mode, "Dns",
        strings_json(inspection->dns), "DnsOptions", strings_json(inspection->dns_options),
        "DnsSearch", strings_json(inspection->dns_search), "Devices", devices_json(inspection),
        "NetworkSettings", "IPAddress", ipv4, "Networks", inspection->network_mode, "IPAddress",
        ipv4, "GlobalIPv6Address", inspection->ipv6 ? inspection->ipv6 : ""));
}

static char *image_text(const void *value)
{
    const struct docker_image *image = value;
    return dump(json_pack("[{s:{s:o,s:o}}]", "ContainerConfig", "Entrypoint",
        strings_json(image->entrypoint), "Env", strings_json(image->environment)));
}

static char *version_text(const void *value)
{
    _cleanup_free_ char *version = docker_version_text(value);
    return str_printf("Docker version %s, build simulated\n", version);
}

static char *names_text(const void *value)
{
    const struct docker_names *all = value;
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n");
    for (size_t i = 0; all->names && all->names[i]; i++)
        strbuf_addf(&text, "%012zx   image     \"run it\"  now       Up                  %s\n", i,
            all->names[i]);
    return strbuf_take(&text);
}

static char *(*const texts[DOCKER_VERB_COUNT])(const void *value) = {
    [DOCKER_VERSION] = version_text,
    [DOCKER_INSPECT] = inspection_text,
    [DOCKER_PS] = names_text,
    [DOCKER_IMAGE_INSPECT] = image_text,
};

char *answer_text(enum docker_verb verb, const void *value)
{
    return texts[verb] && value ? texts[verb](value) : NULL;
}
