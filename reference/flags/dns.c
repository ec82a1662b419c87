/* SPDX-License-Identifier: Apache-2.0 */
/* The flag default_container_dns: which networks get which DNS (flags.md 6). */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/flags/internal.h"

struct network_dns {
    char *network_mode;
    char *network_name;
    json_t *dns;
};
struct container_dns {
    struct network_dns *mesos;
    size_t mesos_count;
    struct network_dns *docker;
    size_t docker_count;
};

/* HOST and UNKNOWN, which the format has too, are refused. */
static const char *const mesos_modes[] = {"CNI", NULL};
static const char *const docker_modes[] = {"BRIDGE", "USER", NULL};

static const struct json_field mesos_dns_fields[] = {
    JSON_FIELD(struct network_dns, network_mode, JSON_KIND_STRING, .enum_names = mesos_modes,
        .required = true),
    JSON_FIELD(struct network_dns, network_name, JSON_KIND_STRING),
    JSON_FIELD(struct network_dns, dns, JSON_KIND_RAW, .required = true),
};
static const struct json_type mesos_dns_json = {"mesos_dns", sizeof(struct network_dns),
    mesos_dns_fields, ARRAY_SIZE(mesos_dns_fields), NULL};

static const struct json_field docker_dns_fields[] = {
    JSON_FIELD(struct network_dns, network_mode, JSON_KIND_STRING, .enum_names = docker_modes,
        .required = true),
    JSON_FIELD(struct network_dns, network_name, JSON_KIND_STRING),
    JSON_FIELD(struct network_dns, dns, JSON_KIND_RAW, .required = true),
};
static const struct json_type docker_dns_json = {"docker_dns", sizeof(struct network_dns),
    docker_dns_fields, ARRAY_SIZE(docker_dns_fields), NULL};

static const struct json_field container_dns_fields[] = {
    JSON_ARRAY_FIELD(struct container_dns, mesos, mesos_count, &mesos_dns_json),
    JSON_ARRAY_FIELD(struct container_dns, docker, docker_count, &docker_dns_json),
};
static const struct json_type container_dns_json = {"container_dns", sizeof(struct container_dns),
    container_dns_fields, ARRAY_SIZE(container_dns_fields), NULL};

/* Which network an entry is for must be clear: one bridge, one without a name, each name once. */
static int check_distinct(const char *which, const struct network_dns *entries, size_t count,
    struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            bool bridge = strcmp(entries[i].network_mode, "BRIDGE") == 0;
            bool same = str_equal(entries[i].network_mode, entries[j].network_mode)
                && (bridge || str_equal(entries[i].network_name, entries[j].network_name));
            if (!same)
                continue;
            if (bridge || !entries[i].network_name)
                return err_set(err, -EINVAL, "%s[%zu]: a second %s%s network", which, i,
                    entries[i].network_mode, bridge ? "" : " entry for the unnamed");
            return err_set(err, -EINVAL, "%s[%zu]: the network \"%s\" is repeated", which, i,
                entries[i].network_name);
        }
    }
    return 0;
}

int flag_check_dns(const char *value, struct err *err)
{
    struct container_dns dns = {0};
    int result = json_type_decode_text(&container_dns_json, value, strlen(value), &dns, "", err);
    if (result == 0)
        result = check_distinct("mesos", dns.mesos, dns.mesos_count, err);
    if (result == 0)
        result = check_distinct("docker", dns.docker, dns.docker_count, err);
    json_type_release(&container_dns_json, &dns);
    return result;
}
