/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens to which TCP port (IPv4): the kernel's table of sockets, and the sockets that a
 * process has open. The sockets of the agent's network namespace only.
 */
#pragma once

#include "reference/host.h"

struct listener {
    uint64_t inode; /* of the socket */
    int64_t port;
};
struct listeners {
    struct listener *items;
    size_t count;
};

/* All of the machine. */
int listeners_read(struct host *host, struct listeners *ret_listeners, struct err *err);
/* The ports, sorted and each once, that these processes listen to; caller frees. Processes that
 * end meanwhile have none. */
size_t listeners_of(struct host *host, const struct listeners *listeners, const pid_t *pids,
    size_t pids_count, int64_t **ret_ports);
void listeners_release(struct listeners *listeners);
