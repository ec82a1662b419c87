/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_csi.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <jansson.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define NAME "local"

struct csi_volume {
    char *id;
    char *target;  /* where it is published; NULL: nowhere */
    bool staged;
    bool failed;   /* as it was told, once */
    char *fails;
    double takes;
};
struct csi_client {
    struct list node;
    struct fake_csi *csi;
    struct host_channel *channel;
    struct host_request *timer;
    char *line; /* asked, and not yet answered */
};
struct fake_csi {
    struct host *host;
    char *directory;
    struct host_listener *listener;
    struct list clients;
    struct strmap *volumes; /* id -> struct csi_volume * */
    struct strbuf calls;
};

static void client_free(struct csi_client *client)
{
    list_remove(&client->node);
    host_cancel(client->timer);
    host_channel_close(client->channel);
    free(client->line);
    free(client);
}

static char *text_of(const json_t *request, const char *name)
{
    return str_dup(json_string_value(json_object_get(request, name)));
}

static struct csi_volume *volume_get(struct fake_csi *csi, const json_t *request)
{
    const char *id = json_string_value(json_object_get(request, "volume_id"));
    const json_t *context = json_object_get(request, "volume_context");
    struct csi_volume *volume = id ? strmap_get(csi->volumes, id) : NULL;
    const char *takes = json_string_value(json_object_get(context, "takes"));

    if (!volume && id) {
        volume = mem_alloc(sizeof(*volume));
        volume->id = str_dup(id);
        strmap_set(csi->volumes, id, volume);
    }
    if (volume && context && !volume->fails)
        volume->fails = text_of(context, "fails");
    if (volume && takes)
        volume->takes = strtod(takes, NULL);
    return volume;
}

/* --- what it is asked; NULL, or the code of an error --- */

static const char *play_stage(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)csi;
    if (!json_object_get(request, "staging_target_path"))
        return "INVALID_ARGUMENT";
    volume->staged = true;
    return NULL;
}

static const char *play_publish(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    _cleanup_free_ char *data = str_printf("%s/volumes/%s", csi->directory, volume->id);
    _cleanup_free_ char *target = text_of(request, "target_path");
    const struct mount_entry mount = {.target = target, .source = data, .flags = MS_BIND};

    if (!target || !volume->staged)
        return target ? "FAILED_PRECONDITION" : "INVALID_ARGUMENT";
    if (volume->target)
        return NULL;
    if (host_mkdir(csi->host, data, 0755, true, NULL) < 0 ||
        host_mkdir(csi->host, target, 0755, true, NULL) < 0 ||
        host_mount(csi->host, &mount, NULL) < 0)
        return "INTERNAL";
    volume->target = TAKE_PTR(target);
    return NULL;
}

static const char *play_unpublish(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)request;
    if (!volume->target)
        return NULL;
    if (host_unmount(csi->host, volume->target, MNT_DETACH, NULL) < 0)
        return "INTERNAL";
    (void)host_tree_remove(csi->host, volume->target, NULL);
    free(TAKE_PTR(volume->target));
    return NULL;
}

static const char *play_unstage(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)csi, (void)request;
    if (volume->target)
        return "FAILED_PRECONDITION";
    volume->staged = false;
    return NULL;
}

static const struct {
    const char *call;
    const char *(*play)(struct fake_csi *, struct csi_volume *, const json_t *);
} calls[] = {
    {"NodeStageVolume", play_stage},
    {"NodePublishVolume", play_publish},
    {"NodeUnpublishVolume", play_unpublish},
    {"NodeUnstageVolume", play_unstage},
};

static const char *play(struct fake_csi *csi, const char *call, const json_t *request)
{
    struct csi_volume *volume = volume_get(csi, request);

    if (!volume)
        return "INVALID_ARGUMENT";
    if (!volume->failed && str_equal(volume->fails, call)) {
        volume->failed = true;
        return "UNAVAILABLE";
    }
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        if (str_equal(calls[i].call, call))
            return calls[i].play(csi, volume, request);
    }
    return "UNIMPLEMENTED";
}

static void call_note(struct fake_csi *csi, const char *call, const json_t *request)
{
    const char *id = json_string_value(json_object_get(request, "volume_id"));
    _cleanup_free_ char *path = str_printf("%s/calls", csi->directory);

    if (!id)
        return;
    strbuf_addf(&csi->calls, "%s %s\n", call, id);
    host_file_write(csi->host, path, csi->calls.text, csi->calls.length, 0644, NULL);
}

static void client_answer(void *arg, int result)
{
    struct csi_client *client = arg;
    json_t *request = json_loads(client->line, 0, NULL);
    const char *call = json_string_value(json_object_get(request, "call"));
    const char *code = NULL;
    _cleanup_free_ char *answer = NULL;

    client->timer = NULL;
    if (result == 0) {
        call_note(client->csi, call ? call : "?", request);
        if (str_equal(call, "NodeGetCapabilities"))
            answer = str_dup("{\"capabilities\": [\"STAGE_UNSTAGE_VOLUME\"]}");
        else
            code = play(client->csi, call ? call : "", request);
        if (!answer)
            answer = code ? str_printf("{\"error\": {\"code\": \"%s\"}}", code) : str_dup("{}");
        host_channel_send(client->channel, answer, NULL);
    }
    json_decref(request);
}

static void client_line(void *arg, const char *line)
{
    struct csi_client *client = arg;
    json_t *request = json_loads(line, 0, NULL);
    const struct csi_volume *volume = volume_get(client->csi, request);

    str_set(&client->line, line);
    client->timer = host_timer(client->csi->host,
        volume ? (uint64_t)(volume->takes * 1e9) : 0, client_answer, client);
    json_decref(request);
}

static void client_closed(void *arg, int result)
{
    struct csi_client *client = arg;

    (void)result;
    client->channel = NULL;
    client_free(client);
}

static void accepted(void *arg, struct host_channel *channel)
{
    static const struct host_channel_events events = {client_line, client_closed};
    struct fake_csi *csi = arg;
    struct csi_client *client;

    if (!channel) {
        csi->listener = NULL;
        return;
    }
    client = mem_alloc(sizeof(*client));
    client->csi = csi;
    client->channel = channel;
    list_append(&csi->clients, &client->node);
    host_channel_start(channel, &events, client);
}

struct fake_csi *fake_csi_new(struct host *host, const char *directory, struct err *err)
{
    _cleanup_free_ char *configs = str_printf("%s/config", directory);
    _cleanup_free_ char *config = str_printf("%s/" NAME ".json", configs);
    _cleanup_free_ char *socket = str_printf("%s/socket", directory);
    _cleanup_free_ char *text = str_printf(
        "{\"type\": \"" NAME "\", \"name\": \"" NAME "\", \"endpoints\": [{\"csi_service\": "
        "\"NODE_SERVICE\", \"endpoint\": \"unix://%s\"}]}",
        socket);
    struct fake_csi *csi = mem_alloc(sizeof(*csi));
    int r;

    csi->host = host;
    csi->directory = str_dup(directory);
    csi->volumes = strmap_new();
    list_init(&csi->clients);
    r = host_mkdir(host, configs, 0755, true, err);
    if (r == 0)
        r = host_file_write(host, config, text, strlen(text), 0644, err);
    if (r == 0)
        r = host_listen(host, socket, 0600, accepted, csi, &csi->listener, err);
    if (r == 0)
        return csi;
    fake_csi_free(csi);
    return NULL;
}

void fake_csi_free(struct fake_csi *csi)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    if (!csi)
        return;
    list_for_each_safe(node, following, &csi->clients)
        client_free(list_entry(node, struct csi_client, node));
    host_listener_close(csi->listener);
    while (strmap_next(csi->volumes, &cursor, &id, &value)) {
        struct csi_volume *volume = value;

        free(volume->id);
        free(volume->target);
        free(volume->fails);
        free(volume);
    }
    strmap_free(csi->volumes);
    strbuf_release(&csi->calls);
    free(csi->directory);
    free(csi);
}
