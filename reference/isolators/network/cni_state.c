/* SPDX-License-Identifier: Apache-2.0 */
/* What network/cni keeps on disk, so that the next agent can detach what this one attached. */
#include <string.h>

#include "reference/base/map.h"
#include "reference/isolators/network/cni.h"
#include "reference/isolators/network/cni_config.h"

char *cni_path(const struct network_cni *cni, const char *id, const char *file)
{
    return str_printf("%s/%s%s%s", cni->root, id, file ? "/" : "", file ? file : "");
}

struct cni_container *cni_container_new(struct network_cni *cni, const char *id)
{
    struct cni_container *container = mem_alloc(sizeof(*container));

    container->id = str_dup(id);
    strmap_set(cni->containers, id, container);
    return container;
}

static void network_release(struct cni_network *network)
{
    json_type_release(&network_info_json, &network->info);
    json_decref(network->config);
    json_decref(network->result);
    free(network->interface);
    free(network->name);
}

void cni_container_free(struct cni_container *container)
{
    if (!container)
        return;
    for (size_t i = 0; i < container->networks_count; i++)
        network_release(&container->networks[i]);
    free(container->networks);
    free(container->hostname);
    free(container->id);
    free(container);
}

struct cni_network *cni_container_add(struct cni_container *container, const char *name)
{
    struct cni_network *network;

    container->networks = mem_realloc(
        container->networks, (container->networks_count + 1) * sizeof(*container->networks));
    network = &container->networks[container->networks_count];
    *network = (struct cni_network){.name = str_dup(name)};
    network->interface = str_printf("eth%zu", container->networks_count++);
    return network;
}

static int json_write(struct host *host, const char *path, const json_t *json, struct err *err)
{
    char *text = json_dumps(json, JSON_COMPACT);
    int r = host_file_write(host, path, text, strlen(text), 0600, err);

    free(text);
    return r;
}

int cni_state_write_config(
    struct network_cni *cni, const char *id, const struct cni_network *network, struct err *err)
{
    _cleanup_free_ char *directory = cni_path(cni, id, network->name);
    _cleanup_free_ char *interface = str_printf("%s/%s", directory, network->interface);
    _cleanup_free_ char *path = str_printf("%s/network.conf", directory);
    int r = host_mkdir(cni->base.host, interface, 0755, true, err);

    return r < 0 ? r : json_write(cni->base.host, path, network->config, err);
}

int cni_state_write_result(
    struct network_cni *cni, const char *id, const struct cni_network *network, struct err *err)
{
    _cleanup_free_ char *directory = cni_path(cni, id, network->name);
    _cleanup_free_ char *path = str_printf("%s/%s/network.info", directory, network->interface);

    return json_write(cni->base.host, path, network->result, err);
}

static json_t *json_read(struct host *host, const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (host_file_read(host, path, &text, &length, NULL) < 0)
        return NULL;
    return json_loadb(text, length, 0, NULL);
}

static bool is_directory(struct host *host, const char *path)
{
    struct file_info info;

    return host_file_info(host, path, false, &info) == 0 && info.type == 'd';
}

static void info_read(struct cni_network *network)
{
    const json_t *args = json_object_get(network->config, "args");
    const json_t *info = json_object_get(json_object_get(args, CNI_ARGS_KEY), "network_info");

    json_type_init(&network_info_json, &network->info);
    if (!info || json_type_decode(&network_info_json, info, &network->info, "network", NULL) < 0)
        str_set(&network->info.name, network->name);
}

/* The plugin may have been called as soon as its configuration is there. */
static void network_read(
    struct network_cni *cni, struct cni_container *container, const char *name)
{
    struct host *host = cni->base.host;
    _cleanup_free_ char *directory = cni_path(cni, container->id, name);
    _cleanup_free_ char *config = str_printf("%s/network.conf", directory);
    _cleanup_strv_ char **interfaces = NULL;
    struct cni_network *network;

    if (!is_directory(host, directory) || host_list(host, directory, &interfaces, NULL) < 0)
        return;
    network = cni_container_add(container, name);
    network->config = json_read(host, config);
    network->attached = network->config != NULL;
    info_read(network);
    for (size_t i = 0; interfaces[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, interfaces[i]);
        _cleanup_free_ char *result = str_printf("%s/network.info", path);

        if (!is_directory(host, path))
            continue;
        str_set(&network->interface, interfaces[i]);
        network->result = json_read(host, result);
    }
}

struct cni_container *cni_state_read(struct network_cni *cni, const char *id)
{
    _cleanup_free_ char *directory = cni_path(cni, id, NULL);
    _cleanup_strv_ char **names = NULL;
    struct cni_container *container;

    if (!is_directory(cni->base.host, directory) ||
        host_list(cni->base.host, directory, &names, NULL) < 0)
        return NULL;
    container = cni_container_new(cni, id);
    container->on_disk = true;
    for (size_t i = 0; names[i]; i++)
        network_read(cni, container, names[i]);
    return container;
}
