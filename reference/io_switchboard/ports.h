/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's end of an I/O switchboard: three pipes with names, or a terminal, which the
 * container's init opens by path; and the logs in its sandbox. ports_linux.c has the kernel's,
 * fakes/executors/sim_io.c the simulated ones.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reference/base/err.h"

/* A pipe in the server's directory that it alone has open, as long as it lives: by it an agent that
 * comes later knows whether the number that it finds is still the server's. */
#define IO_ALIVE "alive"

struct io_options {
    char *directory; /* of the pipes, and of the file `tty` with the path of the terminal */
    char *socket;
    char *logs[2];   /* where stdout and stderr go besides; NULL: nowhere */
    bool tty;
    uid_t uid;       /* to whom the terminal belongs */
    bool wait_for_connection; /* nothing is read before somebody looks */
    uint64_t heartbeat_ns;
};

struct io_ports;
struct io_ports_events {
    /* stream: 1 or 2; a terminal has but 1. Called from the loop. */
    void (*received)(void *arg, int stream, const char *bytes, size_t length);
    /* Nobody has the output open any more. */
    void (*ended)(void *arg);
};
struct io_ports_ops {
    int (*open)(struct io_ports *ports, const struct io_options *options,
        const struct io_ports_events *events, void *arg, struct err *err);
    void (*start)(struct io_ports *ports); /* events come from now on */
    int (*write)(struct io_ports *ports, const char *bytes, size_t length);
    void (*close_input)(struct io_ports *ports);
    int (*resize)(struct io_ports *ports, unsigned rows, unsigned columns); /* -ENOTTY */
    void (*free)(struct io_ports *ports);
};
struct io_ports {
    const struct io_ports_ops *ops;
};
