/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/cni: containers on networks of their own, by CNI plugins (isolators.md 12). Without
 * plugins and configurations it only gives root file systems the host's hosts, hostname and
 * resolv.conf.
 */
#include "reference/isolators/network/cni.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/network/cni_config.h"
#include "reference/model/container_id.h"

#define NAMESPACES (NS_BIT(NS_NET) | NS_BIT(NS_UTS) | NS_BIT(NS_MNT))

static const char *const files[] = {"hosts", "hostname", "resolv.conf"};

static struct network_cni *cni_of(struct isolator *isolator)
{
    return container_of(isolator, struct network_cni, base);
}

/* --- the files --- */

/* Where the container has the file; owned. NULL: nowhere, or a link leads there, of which who made
 * it would choose what is covered. */
static char *file_target(const struct network_cni *cni, const struct container_config *config,
    const char *source, const char *name)
{
    struct host *host = cni->base.host;
    _cleanup_free_ char *path =
        str_printf("%s/etc/%s", config->rootfs ? config->rootfs : "", name);
    char *target = NULL;
    struct file_info info;

    if (config->rootfs) {
        int r = host_file_info(host, path, false, &info);
        bool link = r == 0 && info.type == 'l';

        if (link || (r == -ENOENT && cni->fixed_roots)) {
            log_warning("%s is %s, so %s does not appear there", path,
                link ? "a link" : "not in the image", source);
            return NULL;
        }
        return TAKE_PTR(path);
    }
    return host_real_path(host, path, &target, NULL) == 0 ? target : NULL;
}

/* From the directory of a container with networks; NULL: the host's, read-only. */
static void files_bind(struct network_cni *cni, const struct container_config *config,
    const char *directory, struct launch_info *info)
{
    struct host *host = cni->base.host;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *source =
            str_printf("%s/%s", directory ? directory : "/etc", files[i]);
        _cleanup_free_ char *target = NULL;

        if (!directory && !host_file_exists(host, source))
            continue;
        target = file_target(cni, config, source, files[i]);
        if (target)
            launch_add_mount(info, source, target, NULL,
                directory ? MS_BIND : (unsigned long)(MS_BIND | MS_RDONLY), NULL);
    }
}

/* The container whose networks this one is on: the nearest above with its own. NULL: the host's. */
static const struct cni_container *networked_above(struct network_cni *cni, const char *id)
{
    _cleanup_free_ char *current = container_id_parent(id);

    while (current) {
        const struct cni_container *container = strmap_get(cni->containers, current);
        char *parent;

        if (container && container->networks_count > 0)
            return container;
        parent = container_id_parent(current);
        free(current);
        current = parent;
    }
    return NULL;
}

/* --- prepare --- */

static int network_prepare(struct network_cni *cni, struct cni_container *container,
    const struct network_info *wanted, struct err *err)
{
    struct cni_network *network;
    int r;

    if (strchr(wanted->name, '/') || str_equal(wanted->name, "..") || str_equal(wanted->name, "."))
        return err_set(
            err, -EINVAL, "network_infos.name: \"%s\" can't be a name", wanted->name);
    for (size_t i = 0; i < container->networks_count; i++) {
        if (str_equal(container->networks[i].name, wanted->name))
            return err_set(err, -EINVAL,
                "network_infos.name: a container can join the network \"%s\" only once",
                wanted->name);
    }
    network = cni_container_add(container, wanted->name);
    json_type_copy(&network_info_json, &network->info, wanted);
    r = cni_config_find(
        cni->base.host, cni->configs, cni->plugins, wanted->name, &network->config, err);
    return r < 0 ? r : cni_config_add_network(network->config, wanted, err);
}

static bool has_named_network(const struct container_info *info)
{
    for (size_t i = 0; info && i < info->network_infos_count; i++) {
        if (info->network_infos[i].name)
            return true;
    }
    return false;
}

static int networks_prepare(struct network_cni *cni, struct cni_container *container,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    const struct container_info *wanted = config->container_info;
    _cleanup_free_ char *directory = cni_path(cni, container->id, NULL);
    int r = 0;

    if (!cni->configured)
        return err_set(err, -EINVAL,
            "network_infos.name: there are no networks without --network_cni_plugins_dir and "
            "--network_cni_config_dir");
    for (size_t i = 0; r == 0 && i < wanted->network_infos_count; i++) {
        if (wanted->network_infos[i].name)
            r = network_prepare(cni, container, &wanted->network_infos[i], err);
    }
    if (r < 0)
        return r;
    container->hostname = str_dup(wanted->hostname ? wanted->hostname : container->id);
    launch_add_clone(info, NS_MNT);
    launch_add_clone(info, NS_NET);
    launch_add_clone(info, NS_UTS);
    launch_add_environment(info, "LIBPROCESS_IP", "0.0.0.0"); /* MESOS-3553 */
    files_bind(cni, config, directory, info);
    return 0;
}

/* On the networks of its parent, or of the host. */
static void joined_prepare(struct network_cni *cni, struct cni_container *container,
    const struct container_config *config, struct launch_info *info)
{
    const bool debug = config->container_class == CONTAINER_CLASS_DEBUG;
    const struct cni_container *above = networked_above(cni, container->id);
    _cleanup_free_ char *directory = above ? cni_path(cni, above->id, NULL) : NULL;

    container->joins = container_id_is_nested(container->id) && cni->configured;
    if (container->joins) {
        launch_add_enter(info, NS_NET);
        launch_add_enter(info, NS_UTS);
    }
    if (debug) /* the files are those of the mount namespace that it enters */
        return;
    if (container->joins)
        launch_add_clone(info, NS_MNT);
    if (directory || config->rootfs)
        files_bind(cni, config, directory, info);
}

static void container_drop(struct network_cni *cni, const char *id)
{
    cni_container_free(strmap_remove(cni->containers, id));
}

static void cni_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct network_cni *cni = cni_of(isolator);
    struct cni_container *container;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    if (strmap_get(cni->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    container = cni_container_new(cni, id);
    if (has_named_network(config->container_info) &&
        config->container_class != CONTAINER_CLASS_DEBUG)
        r = networks_prepare(cni, container, config, &info, &err);
    else
        joined_prepare(cni, container, config, &info);
    if (r < 0)
        container_drop(cni, id);
    launch_result(done, r, &info, &err);
}

static void cni_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct network_cni *cni = cni_of(isolator);
    struct cni_container *container = strmap_get(cni->containers, id);

    if (container)
        container->pid = pid;
    if (container && container->networks_count > 0)
        cni_attach(cni, container, done);
    else
        done_ok(done, NULL);
}

/* --- recover --- */

static void orphan_detached(void *arg, int result, const void *value, const struct err *err)
{
    (void)arg, (void)value;
    if (result < 0 && result != -ESHUTDOWN)
        log_warning("network/cni: an unknown container is left: %s", err ? err_text(err) : "");
}

static void unknown_clean(struct network_cni *cni, char *const *orphans)
{
    _cleanup_strv_ char **names = NULL;

    if (host_list(cni->base.host, cni->root, &names, NULL) < 0)
        return; /* never used */
    for (size_t i = 0; names[i]; i++) {
        if (strmap_get(cni->containers, names[i]))
            continue;
        struct cni_container *container = cni_state_read(cni, names[i]);
        if (!container || strv_contains(orphans, names[i]))
            continue; /* of a known orphan: it will be cleaned up like any other */
        strmap_remove(cni->containers, names[i]);
        cni_detach(cni, container, DONE(orphan_detached, cni));
    }
}

static void cni_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct network_cni *cni = cni_of(isolator);

    for (size_t i = 0; i < count; i++) {
        struct cni_container *container = cni_state_read(cni, states[i].id);

        if (!container)
            container = cni_container_new(cni, states[i].id);
        container->pid = states[i].pid;
        container->joins = !container->on_disk && cni->configured &&
                           container_id_is_nested(states[i].id);
    }
    unknown_clean(cni, orphans);
    done_ok(done, NULL);
}

/* --- status and usage --- */

static void status_add(struct container_status *status, const struct cni_network *network)
{
    struct network_info *info;

    status->network_infos = mem_realloc(status->network_infos,
        (status->network_infos_count + 1) * sizeof(*status->network_infos));
    info = &status->network_infos[status->network_infos_count++];
    json_type_init(&network_info_json, info);
    json_type_copy(&network_info_json, info, &network->info);
    json_decref(info->ip_addresses);
    info->ip_addresses = cni_result_addresses(network->result);
}

static void cni_status(struct isolator *isolator, const char *id, struct done done)
{
    struct network_cni *cni = cni_of(isolator);
    const struct cni_container *container = strmap_get(cni->containers, id);
    struct container_status status = {0};

    if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    if (container->joins)
        container = networked_above(cni, id);
    for (size_t i = 0; container && i < container->networks_count; i++) {
        if (container->networks[i].result)
            status_add(&status, &container->networks[i]);
    }
    done_ok(done, &status);
    json_type_release(&container_status_json, &status);
}

static void counter_add(struct opt_u64 *counter, unsigned long long value)
{
    counter->set = true;
    counter->value += value;
}

/* "eth0: BYTES PACKETS ERRORS DROPPED fifo frame compressed multicast BYTES PACKETS …". */
static void interface_add(struct statistics *statistics, const char *numbers)
{
    unsigned long long rx[4];
    unsigned long long tx[4];

    if (sscanf(numbers, " %llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", &rx[0], &rx[1],
            &rx[2], &rx[3], &tx[0], &tx[1], &tx[2], &tx[3]) != 8)
        return;
    counter_add(&statistics->net_rx_bytes, rx[0]);
    counter_add(&statistics->net_rx_packets, rx[1]);
    counter_add(&statistics->net_rx_errors, rx[2]);
    counter_add(&statistics->net_rx_dropped, rx[3]);
    counter_add(&statistics->net_tx_bytes, tx[0]);
    counter_add(&statistics->net_tx_packets, tx[1]);
    counter_add(&statistics->net_tx_errors, tx[2]);
    counter_add(&statistics->net_tx_dropped, tx[3]);
}

static void interfaces_add(
    struct statistics *statistics, const struct cni_container *container, const char *text)
{
    _cleanup_strv_ char **lines = strv_split(text, "\n");

    for (size_t i = 0; lines && lines[i]; i++) {
        const char *name = lines[i] + strspn(lines[i], " ");
        const size_t length = strcspn(name, ":");

        for (size_t k = 0; name[length] && k < container->networks_count; k++) {
            const char *interface = container->networks[k].interface;

            if (strlen(interface) == length && strncmp(interface, name, length) == 0)
                interface_add(statistics, name + length + 1);
        }
    }
}

static void cni_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct network_cni *cni = cni_of(isolator);
    const struct cni_container *container = strmap_get(cni->containers, id);
    struct statistics statistics = {0};

    if (!container || container->joins) {
        done_error(done, -ENOENT, "container %s has no network of its own", id);
        return;
    }
    if (cni->metrics && container->networks_count > 0 && container->pid > 0) {
        _cleanup_free_ char *path = str_printf("/proc/%d/net/dev", (int)container->pid);
        _cleanup_free_ char *text = NULL;
        _cleanup_err_ struct err err = ERR_INIT;
        size_t length;
        int r = host_file_read(isolator->host, path, &text, &length, &err);

        if (r < 0) {
            done_fail(done, r, &err);
            return;
        }
        interfaces_add(&statistics, container, text);
    }
    done_ok(done, &statistics);
}

/* --- the end --- */

static void cni_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct network_cni *cni = cni_of(isolator);
    struct cni_container *container = strmap_remove(cni->containers, id);

    if (container && container->on_disk) {
        cni_detach(cni, container, done);
        return;
    }
    cni_container_free(container);
    done_ok(done, NULL);
}

static void cni_free(struct isolator *isolator)
{
    struct network_cni *cni = cni_of(isolator);
    size_t cursor = 0;
    const char *id;
    void *container;

    cni_operations_end(cni);
    while (strmap_next(cni->containers, &cursor, &id, &container))
        cni_container_free(container);
    strmap_free(cni->containers);
    json_decref(cni->default_dns);
    strv_free(cni->plugins);
    free(cni->plugins_text);
    free(cni->configs);
    free(cni->root);
    free(cni);
}

static const struct isolator_ops cni_ops = {
    .recover = cni_recover,
    .prepare = cni_prepare,
    .isolate = cni_isolate,
    .usage = cni_usage,
    .status = cni_status,
    .cleanup = cni_cleanup,
    .free = cni_free,
};

static int configuration_check(
    const struct isolator_context *context, const char *configs, struct err *err)
{
    if (!context->host->facts.root)
        return err_set(err, -EPERM, "networks of containers require root");
    if (!context->linux_launcher)
        return err_set(err, -EINVAL, "networks of containers require the linux launcher");
    if ((context->host->facts.namespaces & NAMESPACES) != NAMESPACES)
        return err_set(
            err, -ENOTSUP, "networks of containers require net, uts and mnt namespaces");
    if (!host_file_exists(context->host, configs))
        return err_set(
            err, -ENOENT, "--network_cni_config_dir: \"%s\" does not exist", configs);
    return 0;
}

int isolator_network_cni_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const struct flags *flags = context->flags;
    const char *plugins = flags_other(flags, "network_cni_plugins_dir");
    const char *configs = flags_other(flags, "network_cni_config_dir");
    const char *dns = flags_other(flags, "default_container_dns");
    struct network_cni *cni;
    int r = plugins && configs ? configuration_check(context, configs, err) : 0;

    if (r < 0)
        return r;
    cni = mem_alloc(sizeof(*cni));
    cni->base = (struct isolator){.ops = &cni_ops, .name = "network/cni", .host = context->host};
    cni->configured = plugins && configs;
    cni->metrics = flags_other_bool(flags, "network_cni_metrics");
    cni->fixed_roots = str_equal(flags_other(flags, "image_provisioner_backend"), "bind");
    cni->root = str_printf("%s/isolators/network/cni",
        flags_other_bool(flags, "network_cni_root_dir_persist") ? flags->work_dir
                                                                : flags->runtime_dir);
    cni->configs = str_dup(configs);
    cni->plugins = plugins ? strv_split(plugins, ":") : NULL;
    cni->plugins_text = str_dup(plugins);
    cni->default_dns = dns ? json_loads(dns, 0, NULL) : NULL;
    cni->containers = strmap_new();
    list_init(&cni->operations);
    *ret_isolator = &cni->base;
    return 0;
}
