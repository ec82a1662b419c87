/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded trace, read: one JSON object per line, the first is the header. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct replay_header {
    const char *kernel;
    bool v2;
    unsigned cpus;
    json_t *flags; /* array of strings; borrowed */
    json_t *defs;  /* object of strings; borrowed */
    /* Hybrid: what v1 has left to v2, as the root's cgroup.controllers says, and whether perf_event
     * (listed nowhere but in cgroup.stat) is among them. NULL: not known. */
    const char *controllers;
    bool perf_event;
};

/* One operation. Strings are borrowed from the trace. */
struct replay_op {
    unsigned line;
    int64_t number;
    const char *op;
    const json_t *json;
    uid_t uid; /* 0 unless recorded otherwise */
    bool volatile_out;
    bool volatile_result;
    int64_t result;       /* number, or a negative errno */
    const char *stage;    /* "open"; NULL */
    const char *out;      /* NULL when none was recorded */
    size_t out_length;
};

struct replay_trace {
    struct replay_header header;
    struct replay_op *ops;
    size_t count;
    json_t *lines; /* array that owns everything */
};

/* -EINVAL and the like; the message begins with FILE:LINE. */
int replay_trace_read(const char *path, struct replay_trace *ret_trace, struct err *err);
void replay_trace_release(struct replay_trace *trace);
/* Takes from what was read there what the header of a hybrid machine does not say. */
void replay_header_observe(struct replay_header *header, const char *path, const char *content);
bool replay_header_flag(const struct replay_header *header, const char *flag);

/* A string field; "" when absent. */
const char *replay_text(const struct replay_op *op, const char *field);
/* With its length: data may hold NUL. */
const char *replay_bytes(const struct replay_op *op, const char *field, size_t *ret_length);
/* A field that is a number or the text of one (base 0); 0 when absent. */
int64_t replay_number(const struct replay_op *op, const char *field);
bool replay_has(const struct replay_op *op, const char *field);
