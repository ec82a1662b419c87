/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/csi_plugin.h"

#include <errno.h>
#include <string.h>

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

struct csi_session {
    struct host_channel *channel; /* NULL once it has closed */
    void (*answered)(void *arg, int result, const json_t *answer, const struct err *err);
    void *arg;
};

static void session_line(void *arg, const char *line)
{
    struct csi_session *session = arg;
    json_t *answer = json_loads(line, 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *code = json_string_value(json_object_get(error, "code"));
    _cleanup_err_ struct err err = ERR_INIT;

    if (!json_is_object(answer))
        err_set(&err, -EBADMSG, "the CSI plugin answered what is no JSON object");
    else if (error)
        err_set(&err, -EIO, "the CSI plugin answered %s: %s", code ? code : "UNKNOWN",
            message ? message : "");
    session->answered(session->arg, err.code, err.code < 0 ? NULL : answer, &err);
    json_decref(answer);
}

static void session_closed(void *arg, int result)
{
    struct csi_session *session = arg;
    _cleanup_err_ struct err err = ERR_INIT;

    session->channel = NULL;
    result = result == 0 ? -ECONNRESET : result;
    err_set(&err, result, "the CSI plugin has closed the connection");
    session->answered(session->arg, result, NULL, &err);
}

int csi_session_start(struct host *host, const char *path,
    void (*answered)(void *arg, int result, const json_t *answer, const struct err *err), void *arg,
    struct csi_session **ret_session, struct err *err)
{
    static const struct host_channel_events events = {session_line, session_closed};
    struct host_channel *channel = NULL;
    struct csi_session *session;
    int r = host_connect(host, path, &channel, err);

    if (r < 0)
        return r;
    session = mem_alloc(sizeof(*session));
    *session = (struct csi_session){channel, answered, arg};
    host_channel_start(channel, &events, session);
    *ret_session = session;
    return 0;
}

int csi_session_call(
    struct csi_session *session, const char *call, json_t *request, struct err *err)
{
    char *line;
    int r;

    json_object_set_new(request, "call", json_string(call));
    line = json_dumps(request, JSON_COMPACT);
    r = host_channel_send(session->channel, line, err);
    json_decref(request);
    free(line);
    return r;
}

void csi_session_end(struct csi_session *session)
{
    if (!session)
        return;
    if (session->channel)
        host_channel_close(session->channel);
    free(session);
}
