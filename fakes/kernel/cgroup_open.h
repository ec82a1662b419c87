/* SPDX-License-Identifier: Apache-2.0 */
/* An open file from the inside: controllers keep per-file state here. */
#pragma once

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_node.h"

struct psi_trigger;

struct cgroup_open {
    struct cgroup_node node; /* held through the listener */
    struct cgroup_listener listener;
    const struct cgroup_file_slot *slot; /* NULL for a directory */
    uint64_t serial;                     /* of the state it was opened on; 0 for core files */
    struct cgroup_caller opener;
    int flags;
    int64_t offset;       /* of read(2) and write(2) */
    uint64_t read_offset; /* where the buffered content is read on */
    struct strbuf content;
    bool generated;
    bool released; /* hidden by cgroup.pressure: it stays shut even when the file comes back */
    bool event; /* something happened since the content was made */
    void (*wakeup)(void *arg);
    void *wakeup_arg;
    struct psi_trigger *trigger;
    /* memory.peak and memory.swap.peak: the peak since this file was written. */
    bool peak_reset;
    uint64_t peak_bytes;
};

/* The open file that the listener belongs to; NULL when it is a watch. */
struct cgroup_open *cgroup_open_of(struct cgroup_listener *listener);
