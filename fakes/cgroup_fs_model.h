/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup hierarchy of the simulated kernel, for the reference: the model itself is called, with
 * no kernel in between. */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/cgroups/cgroup_fs.h"

/* Where the same model is reached as files (behind FUSE), and how to let its server touch it during
 * a call (NULL: nobody else does). */
struct cgroup_fs_server {
    const char *directory;
    void (*let)(void *arg);
    void (*take)(void *arg);
    void *arg;
};

/*
 * All hierarchies of the kernel, as the host sees them mounted below mount_point ("/sys/fs/cgroup":
 * v2 there, v1 ones and the v2 of a hybrid in folders named after them). writer is the process that
 * does the operations. server: NULL for direct calls; watches and listeners go to the model in
 * either case, as virtual time has no descriptors.
 */
struct cgroup_hierarchies *cgroup_fs_model_hierarchies(struct kernel *kernel, struct host *host,
    const char *mount_point, pid_t writer, const struct cgroup_fs_server *server);
/* Mounts a v1 hierarchy that nobody has mounted, for this host and those made later. -EINVAL: there
 * is no such controller, -EBUSY: it is mounted. */
int cgroup_fs_model_mount(struct cgroup_hierarchies *hierarchies, struct kernel *kernel,
    struct host *host, const char *controller, const char *mount_point, pid_t writer,
    const struct cgroup_fs_server *server);
