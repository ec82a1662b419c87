/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/network/cni_config.h"

#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

char *cni_plugin_path(struct host *host, char *const *plugins, const char *type)
{
    for (; plugins && *plugins; plugins++) {
        char *path = str_printf("%s/%s", *plugins, type);

        if (host_file_exists(host, path))
            return path;
        free(path);
    }
    return NULL;
}

/* One file as a configuration; NULL, and logged, when it is none. */
static json_t *config_read(struct host *host, char *const *plugins, const char *path)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *plugin = NULL;
    size_t length;
    json_t *config = host_file_read(host, path, &text, &length, NULL) == 0
                         ? json_loadb(text, length, 0, NULL)
                         : NULL;

    if (!text_of(config, "name") || !text_of(config, "type")) {
        log_warning("%s is no CNI configuration: it needs a name and a type", path);
    } else if (strchr(text_of(config, "type"), '/')) {
        log_warning("%s: the type \"%s\" is a path", path, text_of(config, "type"));
    } else {
        plugin = cni_plugin_path(host, plugins, text_of(config, "type"));
        if (plugin)
            return config;
        log_warning("%s: there is no CNI plugin \"%s\"", path, text_of(config, "type"));
    }
    json_decref(config);
    return NULL;
}

int cni_config_find(struct host *host, const char *directory, char *const *plugins,
    const char *name, json_t **ret_config, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, directory, &names, err);

    if (r < 0)
        return r;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, names[i]);
        struct file_info info;
        json_t *config;

        if (host_file_info(host, path, true, &info) < 0 || info.type != 'f')
            continue;
        config = config_read(host, plugins, path);
        if (config && str_equal(text_of(config, "name"), name)) {
            *ret_config = config;
            return 0;
        }
        json_decref(config);
    }
    return err_set(err, -ENOENT,
        "network_infos.name: there is no CNI configuration of the network \"%s\"", name);
}

int cni_config_add_network(json_t *config, const struct network_info *network, struct err *err)
{
    json_t *args = json_object_get(config, "args");

    if (!args) {
        args = json_object();
        json_object_set_new(config, "args", args);
    }
    if (json_object_get(args, CNI_ARGS_KEY))
        return err_set(err, -EINVAL,
            "the CNI configuration of network \"%s\" has the reserved key args.%s", network->name,
            CNI_ARGS_KEY);
    json_object_set_new(args, CNI_ARGS_KEY,
        json_pack("{s:o}", "network_info", json_type_encode(&network_info_json, network)));
    return 0;
}

static void address_add(json_t *addresses, const char *address)
{
    const bool is_v6 = strchr(address, ':') != NULL;
    const char *slash = strchr(address, '/');
    _cleanup_free_ char *plain =
        slash && !is_v6 ? str_ndup(address, (size_t)(slash - address)) : str_dup(address);

    json_array_append_new(addresses,
        json_pack("{s:s,s:s}", "protocol", is_v6 ? "IPv6" : "IPv4", "ip_address", plain));
}

json_t *cni_result_addresses(const json_t *result)
{
    static const char *const sections[] = {"ip4", "ip6"};
    json_t *addresses = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(result, "ips"), i, item)
    {
        if (text_of(item, "address"))
            address_add(addresses, text_of(item, "address"));
    }
    for (i = 0; i < ARRAY_SIZE(sections); i++) {
        const char *address = text_of(json_object_get(result, sections[i]), "ip");

        if (address)
            address_add(addresses, address);
    }
    return addresses;
}

static void words_add(struct strbuf *text, const char *keyword, const json_t *words)
{
    const json_t *word;
    size_t i;

    if (json_array_size(words) == 0)
        return;
    strbuf_add(text, keyword);
    json_array_foreach(words, i, word)
    {
        strbuf_addf(text, " %s", json_string_value(word) ? json_string_value(word) : "");
    }
    strbuf_add(text, "\n");
}

char *cni_resolv_conf(const json_t *dns)
{
    struct strbuf text = STRBUF_INIT;
    const json_t *server;
    size_t i;

    strbuf_add(&text, "");
    if (text_of(dns, "domain"))
        strbuf_addf(&text, "domain %s\n", text_of(dns, "domain"));
    words_add(&text, "search", json_object_get(dns, "search"));
    words_add(&text, "options", json_object_get(dns, "options"));
    json_array_foreach(json_object_get(dns, "nameservers"), i, server)
    {
        if (json_string_value(server))
            strbuf_addf(&text, "nameserver %s\n", json_string_value(server));
    }
    return strbuf_take(&text);
}

const json_t *cni_default_dns(const json_t *flag, const char *network)
{
    const json_t *unnamed = NULL;
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(flag, "mesos"), i, entry)
    {
        const char *name = text_of(entry, "network_name");

        if (name && str_equal(name, network))
            return json_object_get(entry, "dns");
        if (!name && !unnamed)
            unnamed = json_object_get(entry, "dns");
    }
    return unnamed;
}
