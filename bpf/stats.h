/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of containers from the kernel. A container is published, with its cgroup and its
 * parent, before its first task runs, and retired when it was destroyed; meanwhile the probes count
 * what its tasks do. One read yields the figures of all containers.
 *
 * Each figure has a ladder of sources: programs on tracepoints with BTF, on raw tracepoints, on
 * plain tracepoints, and the files of the cgroup. Whatever of these the kernel, its configuration
 * or our rights do not give is left out: a value says whether it is valid and where it is from, and
 * stats_explain what was found.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/field.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

struct stats;

#define STATS_SWITCH_PERCENT 1 /* what serves most: see README, "What it costs" */

struct stats_options {
    uint32_t slots;             /* containers at most, nested and retired ones too; 0: 1024 */
    bool syscalls;              /* count system calls: a cost for each of them */
    bool wakeups;               /* count wakeups, likewise */
    /*
     * Of a CPU's time that the program at its switches may take. When it takes more it rests for a
     * while, and the run-queue histogram is one of a part of the time; no other figure is less.
     * 0: never.
     */
    unsigned switch_percent;
    const char *const *without; /* sources not to use: "tp_btf", "tp_btf:sched_switch"; NULL */
    const char *controller;     /* v1 controller whose cgroups are the identity; NULL: see README */
};

/*
 * Loads and attaches what it can. Succeeds with the files alone when the kernel gives nothing;
 * -EINVAL when `without` names no source.
 */
int stats_open(const struct stats_options *options, struct stats **ret_stats, struct err *err);
void stats_close(struct stats *stats); /* NULL is fine */

/*
 * cgroup: the path below the root of its hierarchies ("mesos/c1"), or of one of them as a path of
 * the file system; it exists. parent: the id of the container around it, NULL for none.
 * -ENOENT: there is no such cgroup in the hierarchy of the identity; -EEXIST: known already;
 * -ENOSPC: all slots are in use: the container counts as one of those `unpublished`, and what it
 * does is booked on the published container above it.
 */
int stats_publish(struct stats *stats, const char *id, const char *cgroup, const char *parent,
    struct err *err);
/*
 * The container is gone: its figures stay until the slot is needed, and count for its parent for
 * good. -ENOENT when it is unknown.
 */
int stats_retire(struct stats *stats, const char *id, struct err *err);

/* --- reading --- */
struct stats_container {
    const char *id;     /* borrowed from the stats */
    const char *parent; /* id; NULL: none */
    const char *cgroup;
    bool retired;
    uint32_t slot;
    struct stats_value values[FIELD_COUNT]; /* nested containers included */
    char victim[16]; /* command of the last victim of the OOM killer; "" for none */
};
struct stats_reading {
    uint64_t time_ns;  /* CLOCK_MONOTONIC */
    struct stats_container *containers; /* in the order of publication */
    size_t count;
    uint64_t unpublished; /* containers that found no slot */
    uint64_t lost_waits;  /* see cpu_state.lost */
    double switches_watched; /* the share of the time that the run-queue histogram is of */
};
/* All containers in one pass. The reading belongs to the stats and holds until the next one. */
const struct stats_reading *stats_read(struct stats *stats);
const struct stats_container *stats_find(const struct stats_reading *reading, const char *id);

/* What is attached, what fell back to what, and why: a line for each probe, and the identity. */
void stats_explain(const struct stats *stats, struct strbuf *into);
/* What one attached program has cost since it was loaded, while the kernel counted that
 * (kernel.bpf_stats_enabled). */
struct stats_cost {
    const char *hook;
    const char *source;
    uint64_t runs;
    uint64_t ns;
};
/* The costs of all attached programs; owned by the caller. */
struct stats_cost *stats_costs(const struct stats *stats, size_t *ret_count);

/* Where the hierarchy of the identity is mounted; "" when there is none. */
const char *stats_mount_point(const struct stats *stats);
/* How the probe on this tracepoint is attached: "tp_btf", …; NULL when it is not. */
const char *stats_source_of(const struct stats *stats, const char *tracepoint);
