/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of the real kernel, on a loop with descriptors (loop_uv.h): processes made from plans by
 * the init helper, exits seen through pidfds, files, mounts, users, and the cgroup hierarchies that
 * are mounted here.
 */
#pragma once

#include "reference/host.h"

struct host_linux_options {
    /* The init helper; NULL: seatrial-init beside our own program, or where it is installed. */
    const char *init_helper;
    /* Which hierarchies of the mount table count: "none", "v1" (without a cgroup2 beside it), "v2"
     * (the cgroup2 alone, wherever it is mounted); NULL: all, as they are. */
    const char *cgroups;
    /* Take the way of older kernels although the newer one is there; for tests. */
    bool without_pidfd;
    bool without_clone3;
    bool without_mount_api;
    bool without_gate_entry; /* of v1 cgroups: the agent moves the process */
};

/*
 * Probes the machine. options may be NULL. -ENOENT when the init helper is missing, -EPROTO when it
 * is of another version.
 */
int host_linux_new(struct loop *loop, struct trace *trace, const struct host_linux_options *options,
    struct host **ret_host, struct err *err);
