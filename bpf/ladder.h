/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of the probes. Each probe is one hook of the kernel (a tracepoint, the iterator over
 * tasks, or the socket hooks of the root cgroup) and is attached by the first rung that works: a
 * program on the tracepoint with BTF, on the raw one, on the plain one. A family's programs of one
 * rung are one object, tried in one load; the verifier's refusal of one program leaves the others.
 */
#pragma once

#include <bpf/libbpf.h>

#include "bpf/layout.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

enum rung { RUNG_TP_BTF, RUNG_RAW_TP, RUNG_TRACEPOINT, RUNG_ITERATOR, RUNG_CGROUP, RUNG_COUNT };
extern const char *const rung_names[RUNG_COUNT];

#define RUNG_NONE (-1)

enum probe_flags {
    PROBE_SYSCALL = 1,            /* off unless asked for */
    PROBE_UNLESS_COLLECTED = 2,   /* only when the tasks' own counters are out of reach */
    PROBE_WAKEUP = 4,             /* when asked for, or when waits are not counted in the tasks */
    PROBE_COLLECTS = 8,           /* of those that collect the tasks' own counters */
    PROBE_BY_CLOCK = 16,          /* on plain tracepoints, what these tell better */
};

struct probe {
    const char *family;
    const char *program; /* the function's name, in all rungs */
    const char *hook;    /* the tracepoint's name */
    unsigned flags;      /* enum probe_flags */
};
extern const struct probe ladder_probes[];
extern const size_t ladder_probes_count;

struct probe_object {
    const char *family;
    enum rung rung;
    const void *(*bytes)(size_t *ret_size);
};
extern const struct probe_object ladder_objects[];
extern const size_t ladder_objects_count;

struct probe_state {
    int rung; /* enum rung, RUNG_NONE */
    struct bpf_link *link;
    const struct bpf_program *program; /* of the link's */
    char *why[RUNG_COUNT]; /* it is not that rung; owned */
};

/* A map that all objects which name it share. */
struct shared_map {
    const char *name;
    int fd;
};

struct ladder_parts {
    struct probe_config config;
    const struct shared_map *maps;
    size_t maps_count;
    const char *const *without; /* "rung", "hook" or "rung:hook" */
    bool syscalls; /* whether they are asked for */
    bool wakeups;
    const struct btf *btf;      /* of the kernel; NULL: it has none */
    int cgroup_fd;              /* root of cgroup2 for the socket hooks; -1: none */
    const char *refused;        /* why nothing can be loaded at all; NULL: it can */
};

struct ladder {
    struct probe_state *states; /* one for each probe */
    struct bpf_object **objects;
    size_t objects_count;
    int round; /* probes that others may make needless come after those */
};
/* Never fails: what does not work is in the states. */
void ladder_climb(struct ladder *ladder, const struct ladder_parts *parts);
void ladder_release(struct ladder *ladder);
/* Whether the tasks' own counters are collected by the iterator over tasks; */
bool ladder_iterates(const struct ladder *ladder);
/* or by that, or by the switch. */
bool ladder_collects(const struct ladder *ladder);
/* The state of the probe on this hook; NULL when there is no such probe. */
const struct probe_state *ladder_find(const struct ladder *ladder, const char *hook);
/* The program stays loaded, and counts as attached by its rung: somebody else attaches it. */
void ladder_detach(struct ladder *ladder, const char *hook);
/* -EINVAL when an item names no rung or hook. */
int ladder_check_without(const char *const *without, struct err *err);
