/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O switchboard's server (isolators.md 14): one process for each container that somebody may
 * attach to. It outlives the agent. It copies the container's output to whoever is attached, and
 * what they send to the container's input.
 *
 * Who connects to its socket says {"attach": "output"} or {"attach": "input"} first. Output is then
 * a record of ProcessIO a line, with heartbeats, and {"status": 200} at the end. Input is such
 * records, and {"end": true} when there is no more; the answer is {"status": N, "error": TEXT}
 * (agent-api.md 3.9), once.
 */
#pragma once

#include "reference/host.h"
#include "reference/io_switchboard/ports.h"

/* --directory=, --socket=, --stdout=, --stderr=, --tty=UID, --wait, --heartbeat=NANOSECONDS. */
int io_options_parse(char *const *arguments, struct io_options *ret_options, struct err *err);
void io_options_release(struct io_options *options);
char *io_server_usage(void);

struct io_server;
typedef void (*io_server_exit_fn)(void *arg, int wait_status);
/* Takes the options and the ports, also when it fails. fn is called once, from the loop. */
int io_server_new(struct host *host, struct io_options *options, struct io_ports *ports,
    io_server_exit_fn fn, void *arg, struct io_server **ret_server, struct err *err);
void io_server_free(struct io_server *server); /* NULL is fine */
