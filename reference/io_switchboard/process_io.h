/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ProcessIO records, one JSON object a line (agent-api.md 3.8, 3.9): DATA of a stream, in base64 as
 * JSON has bytes, or CONTROL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "reference/base/json.h"

enum process_io_type {
    PROCESS_IO_STDIN,
    PROCESS_IO_STDOUT,
    PROCESS_IO_STDERR,
    PROCESS_IO_HEARTBEAT,
    PROCESS_IO_WINDOW,
};
struct process_io {
    enum process_io_type type;
    char *bytes; /* of a stream; owned, with a NUL behind */
    size_t length;
    uint64_t heartbeat_ns;
    int64_t rows;
    int64_t columns;
};

/* A line without its newline; owned. */
char *process_io_encode(const struct process_io *record);
/* -EINVAL names the field; nothing is to be released then. */
int process_io_decode(const json_t *json, struct process_io *ret_record, struct err *err);
void process_io_release(struct process_io *record);
