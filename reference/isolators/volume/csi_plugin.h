/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSI plugins as their configuration files tell of them, and calls of their node service.
 *
 * A file of --csi_plugin_config_dir is a CSIPluginInfo: {"type": "org.example.nfs", "name": "…",
 * "endpoints": [{"csi_service": "NODE_SERVICE", "endpoint": "unix:///run/nfs.sock"}]}. Only
 * unmanaged plugins are known: somebody else runs them. Calls are those of gRPC; to the caller
 * their messages are JSON (csi_messages.h).
 */
#pragma once

#include <jansson.h>

#include "reference/host.h"

/* Every file there must be such a JSON. -EINVAL names the file. */
int csi_plugins_check(struct host *host, const char *directory, struct err *err);
/* The path of the node service's socket of the plugin of that type, from the files as they are now;
 * owned. -ENOENT: no valid configuration. */
int csi_plugin_endpoint(
    struct host *host, const char *directory, const char *type, char **ret_path, struct err *err);

struct csi_session;
/*
 * Connects. answered gets each answer (borrowed, NULL with a negative result), after which the next
 * call may be made; after a failure the session is over. The session ends by csi_session_end, which
 * never calls back; inside answered too. A call that is not answered within the timeout has failed.
 */
int csi_session_start(struct host *host, const char *path, uint64_t timeout_ns,
    void (*answered)(void *arg, int result, const json_t *answer, const struct err *err), void *arg,
    struct csi_session **ret_session, struct err *err);
/* A method of csi_messages.h; borrows the request. Before the first one the plugin is probed,
 * whether it is ready and which version of CSI it speaks. */
int csi_session_call(
    struct csi_session *session, const char *call, const json_t *request, struct err *err);
void csi_session_end(struct csi_session *session); /* NULL is fine */
