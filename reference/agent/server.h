/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's local server: answers requests (request.h) on a Unix socket. */
#pragma once

#include "reference/agent/agent.h"

struct agent_server;
/*
 * Listens at `path` (a stale socket there is replaced; one that answers is -EADDRINUSE), mode 0600.
 * The agent and the loop are borrowed and outlive it.
 */
int agent_server_new(struct agent *agent, struct loop *loop, const char *path,
    struct agent_server **ret_server, struct err *err);
/* The recovery has ended: who asked for it is told, and others are served from now on. */
void agent_server_recovered(struct agent_server *server, int result, const struct err *err);
/* Closes connections and removes the socket. Requests still pending are dropped with their peers.
 */
void agent_server_free(struct agent_server *server); /* NULL is fine */
