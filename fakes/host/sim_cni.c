/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_cni.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define PLUGIN_NS (20 * NS_PER_MS)
#define NSENTER_NS (3 * NS_PER_MS)
#define EXIT_FAILURE_STATUS (1 << 8)

/* What an interface has carried, as nothing moves in the simulated network: its own greeting. */
#define BYTES 140u
#define PACKETS 2u

struct attachment {
    struct list node;
    char *container;
    char *interface;
    char *network;
    char *address; /* without the prefix length */
    uint64_t inode; /* of the network namespace */
};
struct sim_cni {
    struct sim_world *world;
    struct list attachments;
    char *output; /* of the last plugin */
};

/* --- what is attached --- */

static void attachment_free(struct attachment *attachment)
{
    list_remove(&attachment->node);
    free(attachment->container);
    free(attachment->interface);
    free(attachment->network);
    free(attachment->address);
    free(attachment);
}

void sim_cni_free(struct sim_cni *cni)
{
    if (!cni)
        return;
    list_for_each_safe(node, following, &cni->attachments)
        attachment_free(list_entry(node, struct attachment, node));
    free(cni->output);
    free(cni);
}

static struct attachment *attachment_find(
    const struct sim_cni *cni, const char *container, const char *interface)
{
    list_for_each(node, &cni->attachments)
    {
        struct attachment *attachment = list_entry(node, struct attachment, node);
        if (str_equal(attachment->container, container) &&
            str_equal(attachment->interface, interface))
            return attachment;
    }
    return NULL;
}

char **sim_cni_attached(const struct sim_cni *cni)
{
    char **names = mem_alloc(sizeof(*names));
    for (struct list *node = cni ? cni->attachments.next : NULL;
         node && node != &cni->attachments; node = node->next) {
        const struct attachment *attachment = list_entry(node, struct attachment, node);
        strv_add_owned(
            &names, str_printf("%s/%s", attachment->container, attachment->interface));
    }
    return names;
}

static void device_line(struct strbuf *text, const char *name, unsigned packets, unsigned bytes)
{
    strbuf_addf(text, "%6s: %7u %7u    0    0    0     0          0         0 %8u %7u    0    0    "
                      "0     0       0          0\n",
        name, bytes, packets, bytes, packets);
}

char *sim_cni_devices(const struct sim_cni *cni, uint64_t network_inode)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, "Inter-|   Receive                                                |  "
                      "Transmit\n face |bytes    packets errs drop fifo frame compressed "
                      "multicast|bytes    packets errs drop fifo colls carrier compressed\n");
    device_line(&text, "lo", 0, 0);
    for (struct list *node = cni ? cni->attachments.next : NULL;
         node && node != &cni->attachments; node = node->next) {
        const struct attachment *attachment = list_entry(node, struct attachment, node);
        if (attachment->inode == network_inode)
            device_line(&text, attachment->interface, PACKETS, BYTES);
    }
    return strbuf_take(&text);
}

/* --- addresses --- */

static bool address_taken(const struct sim_cni *cni, const char *network, const char *address)
{
    list_for_each(node, &cni->attachments)
    {
        const struct attachment *attachment = list_entry(node, struct attachment, node);
        if (str_equal(attachment->network, network) && str_equal(attachment->address, address))
            return true;
    }
    return false;
}

/* The lowest free one: x.y.z.2 and up. Owned; NULL: none is left, or there is no subnet. */
static char *address_allocate(const struct sim_cni *cni, const char *network, const json_t *ipam)
{
    const json_t *first = json_array_get(json_object_get(ipam, "addresses"), 0);
    const char *fixed = json_string_value(json_object_get(first, "address"));
    const char *subnet = json_string_value(json_object_get(ipam, "subnet"));
    unsigned net[4];
    if (fixed)
        return str_ndup(fixed, strcspn(fixed, "/"));
    if (!subnet || sscanf(subnet, "%u.%u.%u.%u", &net[0], &net[1], &net[2], &net[3]) != 4)
        return NULL;
    for (unsigned i = net[3] + 2; i < 255; i++) {
        char *address = str_printf("%u.%u.%u.%u", net[0], net[1], net[2], i);
        if (!address_taken(cni, network, address))
            return address;
        free(address);
    }
    return NULL;
}

/* --- the plugins --- */

static const char *variable(const struct run_request *request, const char *name)
{
    size_t length = strlen(name);
    for (char *const *entry = request->variables; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return NULL;
}

/* Of the process whose namespace is mounted there; 0: none. */
static uint64_t namespace_inode(const struct sim_cni *cni, const char *handle)
{
    struct process *init = cni->world->kernel->init;
    const struct sim_mounts *mounts =
        sim_mounts_of(cni->world, init->namespaces[NS_MNT]->inode, true);
    list_for_each(node, &mounts->list)
    {
        const struct sim_mount *mount = list_entry(node, struct sim_mount, node);
        if (!str_equal(mount->target, handle) || !str_starts(mount->source, "/proc/"))
            continue;
        long pid = strtol(mount->source + strlen("/proc/"), NULL, 10);
        const struct process *process = process_find(cni->world->kernel, (pid_t)pid);
        return process ? process->namespaces[NS_NET]->inode : 0;
    }
    return 0;
}

static void refuse(
    struct sim_cni *cni, struct sim_program_result *result, unsigned code, const char *message)
{
    free(cni->output);
    cni->output =
        str_printf("{\"cniVersion\": \"1.0.0\", \"code\": %u, \"msg\": \"%s\"}", code, message);
    result->status = EXIT_FAILURE_STATUS;
    result->output = cni->output;
}

static void plugin_add(struct sim_cni *cni, const struct run_request *request,
    const json_t *config, struct sim_program_result *result)
{
    const char *container = variable(request, "CNI_CONTAINERID");
    const char *interface = variable(request, "CNI_IFNAME");
    const char *network = json_string_value(json_object_get(config, "name"));
    const char *handle = variable(request, "CNI_NETNS");
    uint64_t inode = handle ? namespace_inode(cni, handle) : 0;
    char *address = address_allocate(cni, network, json_object_get(config, "ipam"));
    if (inode == 0 || !address || attachment_find(cni, container, interface)) {
        free(address);
        refuse(cni, result, inode == 0 ? 4 : 11,
            inode == 0 ? "failed to open netns" : "no IP address, or the interface is there");
        return;
    }
    struct attachment *attachment = mem_alloc(sizeof(*attachment));
    attachment->container = str_dup(container);
    attachment->interface = str_dup(interface);
    attachment->network = str_dup(network);
    attachment->address = address;
    attachment->inode = inode;
    list_append(&cni->attachments, &attachment->node);
    char *text = str_printf("%s/24", address);
    json_t *answer = json_pack("{s:s,s:[{s:s}]}", "cniVersion",
        json_string_value(json_object_get(config, "cniVersion")), "ips", "address", text);
    if (json_object_get(config, "dns"))
        json_object_set(answer, "dns", json_object_get(config, "dns"));
    free(text);
    text = json_dumps(answer, JSON_COMPACT);
    str_set(&cni->output, text);
    result->output = cni->output;
    free(text);
    json_decref(answer);
}

static void plugin_delete(struct sim_cni *cni, const struct run_request *request)
{
    struct attachment *attachment = attachment_find(
        cni, variable(request, "CNI_CONTAINERID"), variable(request, "CNI_IFNAME"));
    if (attachment) /* of what is gone, DEL is to succeed */
        attachment_free(attachment);
}

static bool version_is_known(const json_t *config)
{
    static const char *const known[] = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", NULL};
    const char *version = json_string_value(json_object_get(config, "cniVersion"));
    return version && strv_contains((char *const *)(uintptr_t)known, version);
}

static void play_plugin(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_cni *cni = arg;
    const char *command = variable(request, "CNI_COMMAND");
    json_t *config = json_loads(request->input ? request->input : "", 0, NULL);
    double seconds = json_number_value(json_object_get(config, "takes"));
    result->duration_ns = seconds > 0 ? (uint64_t)(seconds * 1e9) : PLUGIN_NS;
    if (!json_is_object(config) || !variable(request, "CNI_CONTAINERID") ||
        !variable(request, "CNI_IFNAME") || !variable(request, "CNI_PATH"))
        refuse(cni, result, 4, "required env variables or the configuration are missing");
    else if (!version_is_known(config))
        refuse(cni, result, 1, "incompatible CNI versions");
    else if (str_equal(json_string_value(json_object_get(config, "fails")), command))
        refuse(cni, result, 100, "told to fail");
    else if (str_equal(command, "ADD"))
        plugin_add(cni, request, config, result);
    else
        plugin_delete(cni, request);
    json_decref(config);
}

static void play_nsenter(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static const char option[] = "--uts=/proc/";
    const struct sim_cni *cni = arg;
    const char *uts = request->argv[1] ? request->argv[2] : NULL;
    long pid = uts && str_starts(uts, option) ? strtol(uts + strlen(option), NULL, 10) : 0;
    const struct process *process = process_find(cni->world->kernel, (pid_t)pid);
    result->duration_ns = NSENTER_NS;
    if (process && process->state != PROCESS_ZOMBIE)
        return;
    result->status = EXIT_FAILURE_STATUS;
    result->errors = "nsenter: cannot open the namespace: No such file or directory";
}

void sim_cni_install(struct host *host)
{
    static const char *const plugins[] = {"bridge", "ptp"};
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    struct sim_cni *cni = mem_alloc(sizeof(*cni));
    cni->world = world;
    list_init(&cni->attachments);
    sim_cni_free(world->cni);
    world->cni = cni;
    vfs_mkdir(world->kernel->vfs, SIM_CNI_DIRECTORY, 0755, true);
    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", SIM_CNI_DIRECTORY, plugins[i]);
        vfs_write(world->kernel->vfs, path, "", 0, 0755, false);
        sim_host_program(host, plugins[i], play_plugin, cni);
    }
    sim_host_program(host, "nsenter", play_nsenter, cni);
}
