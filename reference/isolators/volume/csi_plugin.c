/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume/csi_plugin.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/grpc/grpc.h"
#include "reference/grpc/http2.h"
#include "reference/isolators/volume/csi_messages.h"

#define UNIX "unix://"

/* A new reference. */
static int plugin_read(struct host *host, const char *path, json_t **ret_plugin, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    json_error_t error;
    size_t length = 0;
    int r = host_file_read(host, path, &text, &length, err);

    if (r < 0)
        return r;
    *ret_plugin = json_loadb(text, length, 0, &error);
    if (!*ret_plugin)
        return err_set(err, -EINVAL, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    if (json_is_string(json_object_get(*ret_plugin, "type")))
        return 0;
    json_decref(*ret_plugin);
    return err_set(err, -EINVAL, "%s: type: required field is missing", path);
}

static const char *node_endpoint(const json_t *plugin)
{
    const json_t *endpoint;
    size_t i;

    json_array_foreach(json_object_get(plugin, "endpoints"), i, endpoint) {
        const char *service = json_string_value(json_object_get(endpoint, "csi_service"));
        const char *where = json_string_value(json_object_get(endpoint, "endpoint"));

        if (str_equal(service, "NODE_SERVICE") && where && str_starts(where, UNIX "/"))
            return where + strlen(UNIX);
    }
    return NULL;
}

int csi_plugins_check(struct host *host, const char *directory, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, directory, &names, err);

    for (size_t i = 0; r == 0 && names[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, names[i]);
        json_t *plugin = NULL;

        r = plugin_read(host, path, &plugin, err);
        if (r == 0)
            json_decref(plugin);
    }
    return r;
}

int csi_plugin_endpoint(
    struct host *host, const char *directory, const char *type, char **ret_path, struct err *err)
{
    _cleanup_strv_ char **names = NULL;

    *ret_path = NULL;
    if (host_list(host, directory, &names, NULL) < 0)
        names = NULL;
    for (size_t i = 0; names && names[i] && !*ret_path; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, names[i]);
        json_t *plugin = NULL;

        if (plugin_read(host, path, &plugin, NULL) < 0)
            continue; /* what came since the start may be broken: others are not */
        if (str_equal(json_string_value(json_object_get(plugin, "type")), type))
            *ret_path = str_dup(node_endpoint(plugin));
        json_decref(plugin);
    }
    return *ret_path ? 0
                     : err_set(err, -ENOENT,
                           "no valid configuration of the CSI plugin \"%s\" with an endpoint of "
                           "its node service was found in %s",
                           type, directory);
}

/* --- sessions --- */

#define VERSION_NEWEST 1

struct csi_session {
    struct grpc_client *client;
    uint64_t timeout_ns;
    void (*answered)(void *arg, int result, const json_t *answer, const struct err *err);
    void *arg;
    const struct csi_method *method; /* of the call under way */
    struct strbuf request;           /* its message */
    unsigned version;                /* of CSI, that it speaks or is asked about */
    bool probed;
};

/* Of an answer that came: its message (a new reference), or what is wrong with it. */
static int answer_read(const struct grpc_answer *answer, const struct csi_method *method,
    json_t **ret_json, struct err *err)
{
    int r;

    if (answer->status != GRPC_OK)
        return err_set(err, -EIO, "the CSI plugin answered %s%s%s",
            grpc_status_name(answer->status), *answer->message ? ": " : "", answer->message);
    r = proto_decode(method->response, answer->bytes, answer->length, ret_json, err);
    return r < 0 ? err_wrap(err, r, "the CSI plugin answered what is no response") : 0;
}

static void session_fail(
    struct csi_session *session, int result, const struct err *err, const char *call)
{
    _cleanup_err_ struct err wrapped = ERR_INIT;

    err_copy(&wrapped, err);
    err_wrap(&wrapped, result, "%s", call);
    session->answered(session->arg, result, NULL, &wrapped);
}

static void call_answered(
    void *arg, int result, const struct grpc_answer *answer, const struct err *from)
{
    struct csi_session *session = arg;
    json_t *json = NULL;
    _cleanup_err_ struct err err = ERR_INIT;

    if (result < 0)
        err_copy(&err, from);
    else
        result = answer_read(answer, session->method, &json, &err);
    if (result < 0)
        session_fail(session, result, &err, session->method->name);
    else
        session->answered(session->arg, 0, json, NULL);
    json_decref(json);
}

static int session_send(struct csi_session *session, const struct csi_method *method,
    const struct strbuf *request, grpc_answered answered, struct err *err)
{
    _cleanup_free_ char *path = csi_method_path(method, session->version);

    return grpc_client_call(session->client, path, strbuf_text(request), request->length,
        session->timeout_ns, answered, session, err);
}

static int session_probe(struct csi_session *session, struct err *err);

/* Whether it is ready is unknown without the field, and then no reason to wait. */
static void probe_answered(
    void *arg, int result, const struct grpc_answer *answer, const struct err *from)
{
    struct csi_session *session = arg;
    const struct csi_method *probe = csi_method_find("Probe");
    json_t *json = NULL;
    _cleanup_err_ struct err err = ERR_INIT;

    if (result == 0 && answer->status == GRPC_UNIMPLEMENTED && session->version > 0) {
        session->version--;
        result = session_probe(session, &err);
        if (result == 0)
            return;
    } else if (result < 0) {
        err_copy(&err, from);
    } else {
        result = answer_read(answer, probe, &json, &err);
        const json_t *ready = json_object_get(json, "ready");
        if (ready && !json_is_true(json_object_get(ready, "value")))
            result = err_set(&err, -EAGAIN, "the CSI plugin is not ready");
        json_decref(json);
    }
    if (result == 0) {
        session->probed = true;
        result = session_send(session, session->method, &session->request, call_answered, &err);
    }
    if (result < 0)
        session_fail(session, result, &err, session->probed ? session->method->name : probe->name);
}

static int session_probe(struct csi_session *session, struct err *err)
{
    const struct strbuf empty = STRBUF_INIT;

    return session_send(session, csi_method_find("Probe"), &empty, probe_answered, err);
}

int csi_session_start(struct host *host, const char *path, uint64_t timeout_ns,
    void (*answered)(void *arg, int result, const json_t *answer, const struct err *err), void *arg,
    struct csi_session **ret_session, struct err *err)
{
    struct grpc_client *client = NULL;
    int r = grpc_client_start(host, path, &client, err);

    if (r < 0)
        return r;
    *ret_session = mem_alloc(sizeof(**ret_session));
    **ret_session = (struct csi_session){.client = client,
        .timeout_ns = timeout_ns,
        .answered = answered,
        .arg = arg,
        .version = VERSION_NEWEST};
    return 0;
}

int csi_session_call(
    struct csi_session *session, const char *call, const json_t *request, struct err *err)
{
    int r;

    session->method = csi_method_find(call);
    assert(session->method);
    strbuf_reset(&session->request);
    r = proto_encode(session->method->request, request, &session->request, err);
    if (r == 0)
        r = session->probed ? session_send(session, session->method, &session->request,
                                  call_answered, err)
                            : session_probe(session, err);
    return r < 0 ? err_wrap(err, r, "%s", call) : 0;
}

void csi_session_end(struct csi_session *session)
{
    if (!session)
        return;
    grpc_client_end(session->client);
    strbuf_release(&session->request);
    free(session);
}
