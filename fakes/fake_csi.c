/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_csi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <jansson.h>

#include "fakes/grpc_server.h"
#include "reference/base/map.h"
#include "reference/grpc/http2.h"
#include "reference/isolators/volume/csi_messages.h"

struct csi_volume {
    char *id;
    char *target;  /* where it is published; NULL: nowhere */
    bool staged;
    bool failed; /* as it was told, once */
    char *fails;
    char *by; /* how; NULL: with an error */
    double takes;
};

/* What was asked, and is not yet answered. */
struct csi_asked {
    struct list node;
    struct fake_csi *csi;
    struct grpc_call *call;
    const struct csi_method *method; /* NULL: unknown */
    json_t *request;
    struct host_request *timer;
};

static const char *const plugins[] = {"old", "local"}; /* by the version that it speaks */

struct fake_csi {
    struct host *host;
    char *directory;
    struct grpc_server *servers[ARRAY_SIZE(plugins)];
    struct list asked;
    struct strmap *volumes; /* id -> struct csi_volume * */
    struct strbuf calls;
};

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
    if (volume && context && !volume->fails) {
        volume->fails = text_of(context, "fails");
        volume->by = text_of(context, "by");
    }
    if (volume && takes)
        volume->takes = strtod(takes, NULL);
    return volume;
}

/* --- what it is asked; the status of the answer --- */

static enum grpc_status play_stage(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)csi;
    if (!json_object_get(request, "staging_target_path"))
        return GRPC_INVALID_ARGUMENT;
    volume->staged = true;
    return GRPC_OK;
}

static enum grpc_status play_publish(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    _cleanup_free_ char *data = str_printf("%s/volumes/%s", csi->directory, volume->id);
    _cleanup_free_ char *target = text_of(request, "target_path");
    const struct mount_entry mount = {.target = target, .source = data, .flags = MS_BIND};

    if (!target || !volume->staged)
        return target ? GRPC_FAILED_PRECONDITION : GRPC_INVALID_ARGUMENT;
    if (volume->target)
        return GRPC_OK;
    if (host_mkdir(csi->host, data, 0755, true, NULL) < 0 ||
        host_mkdir(csi->host, target, 0755, true, NULL) < 0 ||
        host_mount(csi->host, &mount, NULL) < 0)
        return GRPC_INTERNAL;
    volume->target = TAKE_PTR(target);
    return GRPC_OK;
}

static enum grpc_status play_unpublish(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)request;
    if (!volume->target)
        return GRPC_OK;
    if (host_unmount(csi->host, volume->target, MNT_DETACH, NULL) < 0)
        return GRPC_INTERNAL;
    (void)host_tree_remove(csi->host, volume->target, NULL);
    free(TAKE_PTR(volume->target));
    return GRPC_OK;
}

static enum grpc_status play_unstage(
    struct fake_csi *csi, struct csi_volume *volume, const json_t *request)
{
    (void)csi, (void)request;
    if (volume->target)
        return GRPC_FAILED_PRECONDITION;
    volume->staged = false;
    return GRPC_OK;
}

static const struct {
    const char *call;
    enum grpc_status (*play)(struct fake_csi *, struct csi_volume *, const json_t *);
} calls[] = {
    {"NodeStageVolume", play_stage},
    {"NodePublishVolume", play_publish},
    {"NodeUnpublishVolume", play_unpublish},
    {"NodeUnstageVolume", play_unstage},
};

static void call_note(struct fake_csi *csi, const char *call, const char *id)
{
    _cleanup_free_ char *path = str_printf("%s/calls", csi->directory);

    strbuf_addf(&csi->calls, "%s %s\n", call, id);
    host_file_write(csi->host, path, csi->calls.text, csi->calls.length, 0644, NULL);
}

static void answer(
    struct grpc_call *call, const struct csi_method *method, const char *response)
{
    json_t *json = json_loads(response, 0, NULL);
    struct strbuf bytes = STRBUF_INIT;
    int r = proto_encode(method->response, json, &bytes, NULL);

    assert(r == 0);
    grpc_call_answer(call, strbuf_text(&bytes), bytes.length);
    strbuf_release(&bytes);
    json_decref(json);
}

static void fail(struct grpc_call *call, const struct csi_volume *volume)
{
    if (str_equal(volume->by, "hang-up"))
        grpc_call_hang_up(call);
    else if (str_equal(volume->by, "garbage"))
        grpc_call_garble(call);
    else if (!str_equal(volume->by, "silence"))
        grpc_call_refuse(call, GRPC_UNAVAILABLE, "as it was told: 100 %");
}

static void volume_called(struct fake_csi *csi, struct grpc_call *call,
    const struct csi_method *method, const json_t *request)
{
    struct csi_volume *volume = volume_get(csi, request);
    enum grpc_status status = GRPC_INVALID_ARGUMENT;

    if (volume) {
        call_note(csi, method->name, volume->id);
        if (!volume->failed && str_equal(volume->fails, method->name)) {
            volume->failed = true;
            fail(call, volume);
            return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
            if (str_equal(calls[i].call, method->name))
                status = calls[i].play(csi, volume, request);
        }
    }
    if (status == GRPC_OK)
        answer(call, method, "{}");
    else
        grpc_call_refuse(call, status, method->name);
}

/* --- calls --- */

static void asked_free(struct csi_asked *asked)
{
    list_remove(&asked->node);
    host_cancel(asked->timer);
    json_decref(asked->request);
    free(asked);
}

static void asked_due(void *arg, int result)
{
    struct csi_asked *asked = arg;
    struct grpc_call *call = asked->call;
    const struct csi_method *method = asked->method;

    asked->timer = NULL;
    if (result < 0)
        return;
    if (!method)
        grpc_call_refuse(call, GRPC_UNIMPLEMENTED, "unknown service");
    else if (str_equal(method->name, "Probe"))
        answer(call, method, "{\"ready\": {\"value\": true}}");
    else if (str_equal(method->name, "NodeGetCapabilities"))
        answer(call, method,
            "{\"capabilities\": [{\"rpc\": {\"type\": \"STAGE_UNSTAGE_VOLUME\"}}]}");
    else
        volume_called(asked->csi, call, method, asked->request);
    asked_free(asked);
}

static void call_came(
    struct fake_csi *csi, unsigned version, struct grpc_call *call, const char *path,
    const char *bytes, size_t length)
{
    struct csi_asked *asked = mem_alloc(sizeof(*asked));
    const struct csi_volume *volume = NULL;
    unsigned spoken;

    asked->csi = csi;
    asked->call = call;
    asked->method = csi_method_at(path, &spoken);
    if (asked->method && spoken != version)
        asked->method = NULL;
    if (asked->method &&
        proto_decode(asked->method->request, bytes, length, &asked->request, NULL) == 0)
        volume = volume_get(csi, asked->request);
    list_append(&csi->asked, &asked->node);
    asked->timer =
        host_timer(csi->host, volume ? (uint64_t)(volume->takes * 1e9) : 0, asked_due, asked);
}

static void call_old(
    void *arg, struct grpc_call *call, const char *path, const char *bytes, size_t length)
{
    call_came(arg, 0, call, path, bytes, length);
}

static void call_new(
    void *arg, struct grpc_call *call, const char *path, const char *bytes, size_t length)
{
    call_came(arg, 1, call, path, bytes, length);
}

static void call_dropped(void *arg, struct grpc_call *call)
{
    struct fake_csi *csi = arg;

    list_for_each_safe(node, following, &csi->asked) {
        struct csi_asked *asked = list_entry(node, struct csi_asked, node);

        if (asked->call == call)
            asked_free(asked);
    }
}

/* --- birth and end --- */

static int plugin_start(struct fake_csi *csi, unsigned version, struct err *err)
{
    static const struct grpc_handler handlers[] = {
        {call_old, call_dropped}, {call_new, call_dropped}};
    const char *name = plugins[version];
    _cleanup_free_ char *config = str_printf("%s/config/%s.json", csi->directory, name);
    _cleanup_free_ char *socket = str_printf("%s/%s", csi->directory, name);
    _cleanup_free_ char *text = str_printf(
        "{\"type\": \"%s\", \"name\": \"%s\", \"endpoints\": [{\"csi_service\": "
        "\"NODE_SERVICE\", \"endpoint\": \"unix://%s\"}]}",
        name, name, socket);
    int r = host_file_write(csi->host, config, text, strlen(text), 0644, err);

    return r < 0 ? r
                 : grpc_server_start(csi->host, socket, &handlers[version], csi,
                       &csi->servers[version], err);
}

struct fake_csi *fake_csi_new(struct host *host, const char *directory, struct err *err)
{
    _cleanup_free_ char *configs = str_printf("%s/config", directory);
    struct fake_csi *csi = mem_alloc(sizeof(*csi));
    int r;

    csi->host = host;
    csi->directory = str_dup(directory);
    csi->volumes = strmap_new();
    list_init(&csi->asked);
    r = host_mkdir(host, configs, 0755, true, err);
    for (unsigned version = 0; r == 0 && version < ARRAY_SIZE(plugins); version++)
        r = plugin_start(csi, version, err);
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
    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++)
        grpc_server_end(csi->servers[i]);
    while (strmap_next(csi->volumes, &cursor, &id, &value)) {
        struct csi_volume *volume = value;

        free(volume->id);
        free(volume->target);
        free(volume->fails);
        free(volume->by);
        free(volume);
    }
    strmap_free(csi->volumes);
    strbuf_release(&csi->calls);
    free(csi->directory);
    free(csi);
}
