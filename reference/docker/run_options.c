/* SPDX-License-Identifier: Apache-2.0 */
/* From a container's info, command and resources to the options of `docker run` (docker.md 7). */
#include "reference/docker/run_options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "reference/base/mem.h"

static const struct json_field parameter_fields[] = {
    JSON_FIELD(struct docker_parameter, key, JSON_KIND_STRING),
    JSON_FIELD(struct docker_parameter, value, JSON_KIND_STRING),
};
static const struct json_type parameter_json = {"docker parameter", sizeof(struct docker_parameter),
    parameter_fields, ARRAY_SIZE(parameter_fields), NULL};

#define OPTION(member, kind) JSON_FIELD(struct docker_run_options, member, JSON_KIND_##kind)
static const struct json_field option_fields[] = {
    OPTION(privileged, BOOL),
    OPTION(cpu_shares, OPT_U64),
    OPTION(cpu_quota, OPT_U64),
    OPTION(memory_reservation, OPT_U64),
    OPTION(memory, OPT_U64),
    OPTION(oom_score_adj, OPT_I64),
    JSON_ARRAY_FIELD(
        struct docker_run_options, environment, environment_count, &environment_variable_json),
    OPTION(volumes, STRINGS),
    OPTION(volume_driver, STRING),
    OPTION(network, STRING),
    OPTION(dns, STRINGS),
    OPTION(dns_search, STRINGS),
    OPTION(dns_options, STRINGS),
    OPTION(hostname, STRING),
    OPTION(ports, STRINGS),
    JSON_ARRAY_FIELD(struct docker_run_options, devices, devices_count, &docker_device_json),
    OPTION(entrypoint, STRING),
    OPTION(name, STRING),
    JSON_ARRAY_FIELD(struct docker_run_options, parameters, parameters_count, &parameter_json),
    OPTION(image, STRING),
    OPTION(arguments, STRINGS),
    OPTION(stdout_path, STRING),
    OPTION(stderr_path, STRING),
    OPTION(stdio_uid, OPT_U64),
    OPTION(stdio_gid, OPT_U64),
};
const struct json_type docker_run_options_json = {"docker run options",
    sizeof(struct docker_run_options), option_fields, ARRAY_SIZE(option_fields), NULL};

void docker_run_options_release(struct docker_run_options *options)
{
    json_type_release(&docker_run_options_json, options);
}

/* --- numbers --- */

static uint64_t at_least(double number, uint64_t least)
{
    return number > (double)least ? (uint64_t)number : least;
}

uint64_t docker_cpu_shares(double cpus)
{
    return at_least(1024 * cpus, DOCKER_MIN_CPU_SHARES);
}

uint64_t docker_cpu_quota_us(double cpus)
{
    return at_least(DOCKER_CPU_PERIOD_US * cpus, DOCKER_MIN_CPU_QUOTA_US);
}

uint64_t docker_memory_bytes(double megabytes)
{
    return at_least(megabytes * (1 << 20), DOCKER_MIN_MEMORY_BYTES);
}

/* --- the steps of making options, in the order in which docker.md 7 lists them --- */

struct making {
    const struct docker_run_request *request;
    const struct docker_info *docker;
    struct docker_run_options options;
};

static int make_cpu(struct making *making, struct err *err)
{
    const struct docker_run_request *request = making->request;
    struct docker_run_options *options = &making->options;
    (void)err;
    double cpus = 0;
    bool requested =
        request->requests && resources_scalar(request->requests, "cpus", RESOURCES_ALL, &cpus);
    if (requested)
        options->cpu_shares = (struct opt_u64)OPT(docker_cpu_shares(cpus));
    if (request->limits && request->limits->cpus.set) {
        if (!isinf(request->limits->cpus.value))
            options->cpu_quota =
                (struct opt_u64)OPT(docker_cpu_quota_us(request->limits->cpus.value));
    } else if (requested && request->enable_cfs) {
        options->cpu_quota = (struct opt_u64)OPT(docker_cpu_quota_us(cpus));
    }
    return 0;
}

static int make_memory(struct making *making, struct err *err)
{
    const struct docker_run_request *request = making->request;
    struct docker_run_options *options = &making->options;
    (void)err;
    double mem = 0;
    bool requested =
        request->requests && resources_scalar(request->requests, "mem", RESOURCES_ALL, &mem);
    if (!request->limits || !request->limits->mem.set) {
        if (requested)
            options->memory = (struct opt_u64)OPT(docker_memory_bytes(mem));
        return 0;
    }
    double limit = request->limits->mem.value;
    if (!isinf(limit))
        options->memory = (struct opt_u64)OPT(docker_memory_bytes(limit));
    if (!requested)
        return 0;
    options->memory_reservation = (struct opt_u64)OPT(docker_memory_bytes(mem));
    if ((isinf(limit) || mem < limit) && request->host_memory_bytes > 0) {
        uint64_t bytes = (uint64_t)(mem * (1 << 20));
        options->oom_score_adj = (struct opt_i64)OPT(
            1000 - (int64_t)(1000 * bytes / request->host_memory_bytes));
    }
    return 0;
}

/* Sets a variable; `overwrite`: also one that is there. */
static void environment_set(
    struct docker_run_options *options, const char *name, const char *value, bool overwrite)
{
    for (size_t i = 0; i < options->environment_count; i++) {
        if (!str_equal(options->environment[i].name, name))
            continue;
        if (overwrite)
            str_set(&options->environment[i].value, value);
        return;
    }
    size_t capacity = options->environment_count;
    options->environment = mem_grow(options->environment, &capacity,
        options->environment_count + 1, sizeof(*options->environment));
    options->environment[options->environment_count++] =
        (struct environment_variable){.name = str_dup(name), .value = str_dup(value ? value : "")};
}

static int environment_order(const void *a, const void *b)
{
    const struct environment_variable *left = a;
    const struct environment_variable *right = b;
    return strcmp(left->name, right->name);
}

static int make_environment(struct making *making, struct err *err)
{
    const struct docker_run_request *request = making->request;
    struct docker_run_options *options = &making->options;
    (void)err;
    for (size_t i = 0; i < request->environment_count; i++)
        environment_set(options, request->environment[i].name, request->environment[i].value, true);
    for (size_t i = 0; i < request->command->environment_count; i++) {
        const struct environment_variable *variable = &request->command->environment[i];
        environment_set(options, variable->name, variable->value, false);
    }
    environment_set(options, "MESOS_SANDBOX", request->mapped, true);
    environment_set(options, "MESOS_CONTAINER_NAME", request->name, true);
    if (request->requests && request->requests->count > 0) {
        const char *role = request->requests->items[0].role;
        environment_set(options, "MESOS_ALLOCATION_ROLE", role ? role : "*", true);
    }
    qsort(options->environment, options->environment_count, sizeof(*options->environment),
        environment_order);
    return 0;
}

static int set_driver(struct docker_run_options *options, const char *driver, struct err *err)
{
    if (!driver)
        return 0;
    if (options->volume_driver && !str_equal(options->volume_driver, driver))
        return err_set(err, -EINVAL, "volume driver: \"%s\" and \"%s\" can't be used together",
            options->volume_driver, driver);
    str_set(&options->volume_driver, driver);
    return 0;
}

static int make_volume(struct making *making, const struct volume *volume, struct err *err)
{
    const struct docker_run_request *request = making->request;
    const char *path = volume->container_path ? volume->container_path : "";
    _cleanup_free_ char *target =
        *path == '/' ? str_dup(path) : str_printf("%s/%s", request->mapped, path);
    const char *mode = str_equal(volume->mode, "RO") ? "ro" : "rw";

    if (volume->host_path) {
        bool relative = *volume->host_path != '/';
        if (relative && *path != '/')
            return err_set(err, -EINVAL,
                "volume: host path \"%s\" and container path \"%s\" are both relative",
                volume->host_path, path);
        _cleanup_free_ char *source = relative && !making->docker->volume_driver
            ? str_printf("%s/%s", request->sandbox, volume->host_path)
            : str_dup(volume->host_path);
        strv_add_owned(
            &making->options.volumes, str_printf("%s:%s:%s", source, target, mode));
        return 0;
    }
    if (!volume->source)
        return err_set(err, -EINVAL, "volume %s: neither a host path nor a source", path);
    if (!str_equal(volume->source->type, "DOCKER_VOLUME"))
        return 0;
    const json_t *source = volume->source->docker_volume;
    const char *name = json_string_value(json_object_get(source, "name"));
    if (!name)
        return err_set(err, -EINVAL, "volume %s: the docker volume has no name", path);
    strv_add_owned(&making->options.volumes, str_printf("%s:%s:%s", name, target, mode));
    const char *driver = json_string_value(json_object_get(source, "driver"));
    return set_driver(&making->options, driver, err);
}

static int make_volumes(struct making *making, struct err *err)
{
    const struct container_info *container = making->request->container;
    int r = 0;
    for (size_t i = 0; i < container->volumes_count && r == 0; i++)
        r = make_volume(making, &container->volumes[i], err);
    if (r == 0)
        r = set_driver(&making->options, making->docker->volume_driver, err);
    strv_add_owned(&making->options.volumes,
        str_printf("%s:%s", making->request->sandbox, making->request->mapped));
    return r;
}

static bool is_mode(const struct making *making, const char *mode)
{
    const char *network = making->docker->network;
    return str_equal(network ? network : "HOST", mode);
}

static bool is_network_parameter(const char *key)
{
    return str_equal(key, "net") || str_equal(key, "network");
}

/* The network that ContainerInfo asks for, and then the one that a parameter puts in its place. */
static int make_network(struct making *making, struct err *err)
{
    static const struct {
        const char *mode;
        const char *name;
    } modes[] = {{"HOST", "host"}, {"BRIDGE", "bridge"}, {"NONE", "none"}};
    const struct container_info *container = making->request->container;
    struct docker_run_options *options = &making->options;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (is_mode(making, modes[i].mode))
            options->network = str_dup(modes[i].name);
    if (is_mode(making, "USER")) {
        if (container->network_infos_count != 1 || !container->network_infos[0].name)
            return err_set(err, -EINVAL,
                "network USER: expected exactly one network_infos entry with a name, got %zu",
                container->network_infos_count);
        options->network = str_dup(container->network_infos[0].name);
    }
    if (!options->network)
        return err_set(err, -EINVAL, "network: unknown mode \"%s\"", making->docker->network);

    bool replaced = false;
    const struct docker_info *docker = making->docker;
    if (docker->parameters_count > 0)
        options->parameters = mem_alloc(docker->parameters_count * sizeof(*options->parameters));
    for (size_t i = 0; i < docker->parameters_count; i++) {
        const struct docker_parameter *parameter = &docker->parameters[i];
        if (!replaced && is_network_parameter(parameter->key)) {
            str_set(&options->network, parameter->value);
            replaced = true;
            continue;
        }
        options->parameters[options->parameters_count++] = (struct docker_parameter){
            str_dup(parameter->key), str_dup(parameter->value ? parameter->value : "")};
    }
    return 0;
}

static bool is_dns_parameter(const char *key)
{
    static const char *const keys[] = {"dns", "dns-search", "dns-opt", "dns-option"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_equal(key, keys[i]))
            return true;
    return false;
}

static bool has_dns_parameter(const struct docker_info *docker)
{
    for (size_t i = 0; i < docker->parameters_count; i++)
        if (is_dns_parameter(docker->parameters[i].key))
            return true;
    return false;
}

static char **json_strings(const json_t *array)
{
    char **strings = NULL;
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_is_string(json_array_get(array, i)))
            strv_add(&strings, json_string_value(json_array_get(array, i)));
    return strings;
}

/* The entry of --default_container_dns for this network; NULL when there is none. */
static const json_t *default_dns(const struct making *making)
{
    const json_t *entries = json_object_get(making->request->default_dns, "docker");
    const char *mode = is_mode(making, "BRIDGE") ? "BRIDGE" : is_mode(making, "USER") ? "USER" : "";
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *name = json_string_value(json_object_get(entry, "network_name"));
        if (!str_equal(json_string_value(json_object_get(entry, "network_mode")), mode))
            continue;
        if (str_equal(mode, "BRIDGE"))
            return json_object_get(entry, "dns");
        if (name && str_equal(name, making->request->container->network_infos[0].name))
            return json_object_get(entry, "dns");
        if (!name)
            found = json_object_get(entry, "dns");
    }
    return found;
}

static int make_dns(struct making *making, struct err *err)
{
    (void)err;
    const json_t *dns = has_dns_parameter(making->docker) ? NULL : default_dns(making);
    making->options.dns = json_strings(json_object_get(dns, "nameservers"));
    making->options.dns_search = json_strings(json_object_get(dns, "search"));
    making->options.dns_options = json_strings(json_object_get(dns, "options"));
    return 0;
}

static int make_hostname(struct making *making, struct err *err)
{
    const char *hostname = making->request->container->hostname;
    if (hostname && str_equal(making->options.network, "host"))
        return err_set(
            err, -EINVAL, "hostname \"%s\" can't be set with the host network", hostname);
    making->options.hostname = str_dup(hostname);
    return 0;
}

/* The check uses the network of ContainerInfo, whatever a parameter puts in its place (quirk). */
static int make_ports(struct making *making, struct err *err)
{
    const struct docker_info *docker = making->docker;
    if (docker->port_mappings_count == 0)
        return 0;
    if (!is_mode(making, "BRIDGE") && !is_mode(making, "USER"))
        return err_set(err, -EINVAL, "port mappings need a bridge or user network");
    _cleanup_free_ struct resource_range *ranges = NULL;
    size_t count = making->request->requests
        ? resources_ranges(making->request->requests, "ports", &ranges)
        : 0;
    if (count == 0)
        return err_set(err, -EINVAL, "port mappings need a ports resource");
    for (size_t i = 0; i < docker->port_mappings_count; i++) {
        const struct port_mapping *mapping = &docker->port_mappings[i];
        bool inside = false;
        for (size_t j = 0; j < count; j++)
            inside |= mapping->host_port >= ranges[j].begin && mapping->host_port <= ranges[j].end;
        if (!inside)
            return err_set(err, -EINVAL, "port mapping: host port %ld is not in the ports resource",
                (long)mapping->host_port);
        _cleanup_free_ char *protocol = str_dup(mapping->protocol ? mapping->protocol : "");
        for (char *c = protocol; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        strv_add_owned(&making->options.ports,
            str_printf("%ld:%ld%s%s", (long)mapping->host_port, (long)mapping->container_port,
                *protocol ? "/" : "", protocol));
    }
    return 0;
}

static int make_devices(struct making *making, struct err *err)
{
    const struct docker_run_request *request = making->request;
    for (size_t i = 0; i < request->devices_count; i++) {
        const struct docker_device *device = &request->devices[i];
        if (!device->host_path || *device->host_path != '/')
            return err_set(err, -EINVAL, "device: host path \"%s\" is not absolute",
                device->host_path ? device->host_path : "");
        if (!device->permissions || !*device->permissions)
            return err_set(err, -EINVAL, "device %s: no permissions", device->host_path);
    }
    if (request->devices_count == 0)
        return 0;
    making->options.devices =
        mem_alloc(request->devices_count * sizeof(*making->options.devices));
    making->options.devices_count = request->devices_count;
    for (size_t i = 0; i < request->devices_count; i++)
        json_type_copy(
            &docker_device_json, &making->options.devices[i], &request->devices[i]);
    return 0;
}

static int make_command(struct making *making, struct err *err)
{
    const struct command_info *command = making->request->command;
    struct docker_run_options *options = &making->options;
    if (command->shell) {
        if (!command->value)
            return err_set(err, -EINVAL, "command: shell is set, but there is no value");
        options->entrypoint = str_dup("/bin/sh");
        strv_add(&options->arguments, "-c");
        strv_add(&options->arguments, command->value);
        return 0;
    }
    if (command->value)
        strv_add(&options->arguments, command->value);
    for (size_t i = 0; command->arguments && command->arguments[i]; i++)
        strv_add(&options->arguments, command->arguments[i]);
    return 0;
}

static int check_version(struct making *making, struct err *err)
{
    const struct docker_version *version = making->request->version;
    const struct docker_run_options *options = &making->options;
    if (!version)
        return 0;
    bool user = !str_equal(options->network, "host") && !str_equal(options->network, "bridge") &&
                !str_equal(options->network, "none");
    bool dns = options->dns && options->dns[0];
    bool dns_options = options->dns_options && options->dns_options[0];
    for (size_t i = 0; i < options->parameters_count; i++) {
        dns |= str_equal(options->parameters[i].key, "dns");
        dns_options |= str_equal(options->parameters[i].key, "dns-opt");
    }
    const struct {
        bool used;
        int64_t minor; /* of version 1 */
        const char *what;
    } needs[] = {
        {user, 9, "user networks need"},
        {dns && str_equal(options->network, "host"), 12, "--dns with the host network needs"},
        {dns_options, 9, "--dns-opt needs"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
        if (!needs[i].used || docker_version_compare(version, 1, needs[i].minor, 0) >= 0)
            continue;
        _cleanup_free_ char *text = docker_version_text(version);
        return err_set(err, -EINVAL, "%s docker 1.%ld.0 or newer, this is %s", needs[i].what,
            (long)needs[i].minor, text);
    }
    return 0;
}

int docker_run_options_make(const struct docker_run_request *request,
    struct docker_run_options *ret_options, struct err *err)
{
    static int (*const steps[])(struct making *making, struct err *err) = {
        make_cpu, make_memory, make_environment, make_volumes, make_network, make_dns,
        make_hostname, make_ports, make_devices, make_command, check_version,
    };
    struct making making = {.request = request, .docker = request->container->docker};
    if (!making.docker || !making.docker->image)
        return err_set(err, -EINVAL, "container: no docker image given");
    making.options.privileged = making.docker->privileged;
    making.options.name = str_dup(request->name);
    making.options.image = str_dup(making.docker->image);
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
        r = steps[i](&making, err);
    if (r < 0)
        docker_run_options_release(&making.options);
    else
        *ret_options = making.options;
    return r;
}
