/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How network/cni attaches a container to its networks, and detaches it: one call of a plugin after
 * the other, with what each needs on disk before it runs.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/strbuf.h"
#include "reference/isolators/network/cni.h"
#include "reference/isolators/network/cni_config.h"
#include "reference/isolators/program.h"

/* The shell runs in the container's network and UTS namespaces, with the host's files. */
#define SETTLE_SCRIPT "hostname \"$1\" && ip link set lo up"

struct cni_operation {
    struct list node;
    struct network_cni *cni;
    struct cni_container *container; /* detaching: owned */
    struct done done;
    bool detaching;
    size_t next; /* network */
    struct host_request *run;
    struct err err; /* detaching: the first failure; the others are detached all the same */
    int result;
};

static void operation_end(struct cni_operation *operation, int result, const struct err *err)
{
    struct done done = operation->done;
    struct err kept = operation->err;

    list_remove(&operation->node);
    host_cancel(operation->run);
    if (operation->detaching)
        cni_container_free(operation->container);
    free(operation);
    if (result < 0)
        done_fail(done, result, err ? err : &kept);
    else
        done_ok(done, NULL);
    err_clear(&kept);
}

static struct cni_operation *operation_new(
    struct network_cni *cni, struct cni_container *container, struct done done, bool detaching)
{
    struct cni_operation *operation = mem_alloc(sizeof(*operation));

    operation->cni = cni;
    operation->container = container;
    operation->done = done;
    operation->detaching = detaching;
    list_append(&cni->operations, &operation->node);
    return operation;
}

void cni_operations_end(struct network_cni *cni)
{
    list_for_each_safe(node, following, &cni->operations)
        operation_end(list_entry(node, struct cni_operation, node), -ECANCELED, NULL);
}

/* --- plugins --- */

static int plugin_run(struct cni_operation *operation, const struct cni_network *network,
    const char *command, void (*ended)(void *, int, const void *, const struct err *),
    struct err *err)
{
    struct network_cni *cni = operation->cni;
    struct host *host = cni->base.host;
    const char *type = json_string_value(json_object_get(network->config, "type"));
    _cleanup_free_ char *plugin = type ? cni_plugin_path(host, cni->plugins, type) : NULL;
    _cleanup_free_ char *handle = cni_path(cni, operation->container->id, "ns");
    _cleanup_strv_ char **variables = NULL;
    char *argv[] = {plugin, NULL};
    char *input;

    if (!plugin)
        return err_set(err, -ENOENT, "network \"%s\": there is no CNI plugin \"%s\"", network->name,
            type ? type : "");
    strv_add_owned(&variables, str_printf("CNI_COMMAND=%s", command));
    strv_add_owned(&variables, str_printf("CNI_CONTAINERID=%s", operation->container->id));
    strv_add_owned(&variables, str_printf("CNI_IFNAME=%s", network->interface));
    strv_add_owned(&variables, str_printf("CNI_PATH=%s", cni->plugins_text));
    strv_add(&variables, program_path_variable(host));
    /* After a reboot the handle is a file: a plugin told of it would fail (MESOS-9025). */
    if (host_is_mounted(host, handle))
        strv_add_owned(&variables, str_printf("CNI_NETNS=%s", handle));
    input = json_dumps(network->config, JSON_COMPACT);
    const struct run_request request = {.argv = argv, .variables = variables, .input = input};
    operation->run = host_run(host, &request, DONE(ended, operation));
    free(input);
    return 0;
}

/* 0, or what became of the plugin with all that it said. */
static int plugin_judge(const struct cni_network *network, const char *command, int result,
    const struct run_result *run, const struct err *from, struct err *err)
{
    const char *type = json_string_value(json_object_get(network->config, "type"));

    if (result < 0)
        return err_set(err, result, "network \"%s\": CNI plugin \"%s\": %s", network->name, type,
            from ? err_text(from) : "");
    if (run->status != 0)
        return err_set(err, -EIO,
            "network \"%s\": CNI plugin \"%s\" failed to %s (wait status %d): stdout='%s', "
            "stderr='%s'",
            network->name, type, command, run->status, run->output, run->errors);
    return 0;
}

/* --- what the container sees of it --- */

static int file_write(
    struct cni_operation *operation, const char *name, const char *text, struct err *err)
{
    struct network_cni *cni = operation->cni;
    _cleanup_free_ char *path = cni_path(cni, operation->container->id, name);

    return host_file_write(cni->base.host, path, text, strlen(text), 0644, err);
}

static char *hosts_text(const struct cni_container *container)
{
    struct strbuf text = STRBUF_INIT;

    strbuf_add(&text, "127.0.0.1 localhost\n");
    for (size_t i = 0; i < container->networks_count; i++) {
        json_t *addresses = cni_result_addresses(container->networks[i].result);
        const json_t *address;
        size_t k;

        json_array_foreach(addresses, k, address)
        {
            const char *ip = json_string_value(json_object_get(address, "ip_address"));

            strbuf_addf(&text, "%.*s %s\n", (int)strcspn(ip, "/"), ip, container->hostname);
        }
        json_decref(addresses);
    }
    return strbuf_take(&text);
}

/* The plugin's DNS, else the flag's, else what the host has. */
static char *resolv_text(const struct network_cni *cni, const struct cni_container *container)
{
    char *text = NULL;
    size_t length;

    for (size_t i = 0; i < container->networks_count; i++) {
        _cleanup_free_ char *own =
            cni_resolv_conf(json_object_get(container->networks[i].result, "dns"));

        if (*own)
            return TAKE_PTR(own);
    }
    for (size_t i = 0; i < container->networks_count; i++) {
        const json_t *dns = cni_default_dns(cni->default_dns, container->networks[i].name);

        if (dns)
            return cni_resolv_conf(dns);
    }
    return host_file_read(cni->base.host, "/etc/resolv.conf", &text, &length, NULL) == 0
               ? text
               : str_dup("");
}

static int files_write(struct cni_operation *operation, struct err *err)
{
    const struct cni_container *container = operation->container;
    _cleanup_free_ char *hostname = str_printf("%s\n", container->hostname);
    _cleanup_free_ char *hosts = hosts_text(container);
    _cleanup_free_ char *resolv = resolv_text(operation->cni, container);
    int r = file_write(operation, "hostname", hostname, err);

    if (r == 0)
        r = file_write(operation, "hosts", hosts, err);
    return r < 0 ? r : file_write(operation, "resolv.conf", resolv, err);
}

static void settled(void *arg, int result, const void *value, const struct err *from)
{
    struct cni_operation *operation = arg;
    const struct run_result *run = value;
    _cleanup_err_ struct err err = ERR_INIT;

    operation->run = NULL;
    if (result == 0 && run->status != 0) {
        result = err_set(
            &err, -EIO, "set the host name and bring up lo: %s", run->errors);
        from = &err;
    }
    operation_end(operation, result, from);
}

static void settle(struct cni_operation *operation)
{
    struct network_cni *cni = operation->cni;
    _cleanup_free_ char *handle = cni_path(cni, operation->container->id, "ns");
    _cleanup_free_ char *net = str_printf("--net=%s", handle);
    _cleanup_free_ char *uts = str_printf("--uts=/proc/%d/ns/uts", (int)operation->container->pid);
    const char *const argv[] = {"nsenter", net, uts, "sh", "-c", SETTLE_SCRIPT, "sh",
        operation->container->hostname, NULL};
    const struct run_request request = {.argv = (char *const *)(uintptr_t)argv};

    operation->run = host_run(cni->base.host, &request, DONE(settled, operation));
}

/* --- attach --- */

static void attach_next(struct cni_operation *operation);

static void attached(void *arg, int result, const void *value, const struct err *from)
{
    struct cni_operation *operation = arg;
    struct cni_network *network = &operation->container->networks[operation->next];
    const struct run_result *run = value;
    _cleanup_err_ struct err err = ERR_INIT;
    json_error_t error;
    int r = plugin_judge(network, "ADD", result, run, from, &err);

    operation->run = NULL;
    if (r == 0) {
        network->result = json_loadb(run->output, run->output_length, 0, &error);
        if (!json_is_object(network->result))
            r = err_set(&err, -EBADMSG, "network \"%s\": the CNI plugin gave no JSON object: %s",
                network->name, run->output);
    }
    if (r == 0)
        r = cni_state_write_result(operation->cni, operation->container->id, network, &err);
    if (r < 0) {
        operation_end(operation, r, &err);
        return;
    }
    operation->next++;
    attach_next(operation);
}

static void attach_next(struct cni_operation *operation)
{
    struct cni_container *container = operation->container;
    struct cni_network *network;
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (operation->next == container->networks_count) {
        r = files_write(operation, &err);
        if (r == 0)
            settle(operation);
        else
            operation_end(operation, r, &err);
        return;
    }
    network = &container->networks[operation->next];
    r = cni_state_write_config(operation->cni, container->id, network, &err);
    network->attached = true;
    if (r == 0)
        r = plugin_run(operation, network, "ADD", attached, &err);
    if (r < 0)
        operation_end(operation, r, &err);
}

static int handle_make(struct network_cni *cni, const struct cni_container *container,
    struct err *err)
{
    struct host *host = cni->base.host;
    _cleanup_free_ char *directory = cni_path(cni, container->id, NULL);
    _cleanup_free_ char *handle = cni_path(cni, container->id, "ns");
    _cleanup_free_ char *source = str_printf("/proc/%d/ns/net", (int)container->pid);
    const struct mount_entry mount = {.target = handle, .source = source, .flags = MS_BIND};
    int r = host_mkdir(host, directory, 0755, true, err);

    if (r == 0)
        r = host_file_write(host, handle, "", 0, 0444, err);
    return r < 0 ? r : host_mount(host, &mount, err);
}

void cni_attach(struct network_cni *cni, struct cni_container *container, struct done done)
{
    struct cni_operation *operation = operation_new(cni, container, done, false);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = handle_make(cni, container, &err);

    container->on_disk = true;
    if (r < 0)
        operation_end(operation, r, &err);
    else
        attach_next(operation);
}

/* --- detach --- */

static int traces_remove(struct network_cni *cni, const char *id, struct err *err)
{
    _cleanup_free_ char *directory = cni_path(cni, id, NULL);
    _cleanup_free_ char *handle = cni_path(cni, id, "ns");
    int r = 0;

    if (host_is_mounted(cni->base.host, handle))
        r = host_unmount(cni->base.host, handle, MNT_DETACH, err);
    return r < 0 ? r : host_tree_remove(cni->base.host, directory, err);
}

static void detach_next(struct cni_operation *operation);

static void detached(void *arg, int result, const void *value, const struct err *from)
{
    struct cni_operation *operation = arg;
    const struct cni_network *network = &operation->container->networks[operation->next];
    _cleanup_err_ struct err err = ERR_INIT;
    int r = plugin_judge(network, "DEL", result, value, from, &err);

    operation->run = NULL;
    if (r < 0 && operation->result == 0) {
        operation->result = r;
        err_copy(&operation->err, &err);
    } else if (r < 0) {
        log_warning("container %s: %s", operation->container->id, err_text(&err));
    }
    operation->next++;
    detach_next(operation);
}

static void detach_next(struct cni_operation *operation)
{
    struct cni_container *container = operation->container;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    while (operation->next < container->networks_count &&
           !container->networks[operation->next].attached)
        operation->next++;
    if (operation->next < container->networks_count) {
        r = plugin_run(
            operation, &container->networks[operation->next], "DEL", detached, &err);
        if (r == 0)
            return;
    } else if (operation->result == 0) {
        r = traces_remove(operation->cni, container->id, &err);
    }
    if (operation->result < 0)
        operation_end(operation, operation->result, NULL);
    else
        operation_end(operation, r, &err);
}

void cni_detach(struct network_cni *cni, struct cni_container *container, struct done done)
{
    detach_next(operation_new(cni, container, done, true));
}
