/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup model behind FUSE: a mounted file system that answers like cgroupfs. v2 alone is the
 * mount point itself; otherwise each hierarchy is a directory below it, named as it is ("memory",
 * "cpu,cpuacct" with links "cpu" and "cpuacct", "systemd", "unified").
 *
 * Everything is served by whoever calls cgroupfs_serve, one request at a time: a poll loop of its
 * own, or the thread that cgroupfs_thread_start makes. The kernel's checks (default_permissions)
 * come before ours, so rights are exactly those of a file system with these modes and owners.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fakes/kernel/kernel.h"
#include "reference/base/err.h"

struct cgroupfs;
struct cgroup_node;

struct cgroupfs_options {
    /* The simulated process that stands for whoever writes "0" to a list of pids; 0: real processes
     * get simulated ones of the same pid (cgroupfs_real.h). */
    pid_t writer;
    bool writer_resource; /* and that it has CAP_SYS_RESOURCE, when root */
    /* Advances the loop of virtual time by nothing after each request, so that what is due at once
     * happens. For servers whose loop nobody else drives. */
    bool settle;
    /* Nobody will use inotify on the mount. */
    bool no_inotify;
};

/*
 * From here on mounts of this process are seen by it and its children only, and go when they do.
 * Once per process; for one that has no right to it nothing changes.
 */
void cgroupfs_mount_privately(void);

/*
 * Mounts the kernel's hierarchies at an empty directory. The kernel and its loop are borrowed.
 * Errors, with a message that names the mount point: -ENOENT, -ENOTDIR, -ENOTEMPTY, -EBUSY (mounted
 * already), -ENOTCONN (a dead mount), -ENODEV (no /dev/fuse), -EPERM, -EIO.
 */
int cgroupfs_mount(struct kernel *kernel, const char *mount_point,
    const struct cgroupfs_options *options, struct cgroupfs **ret_fs, struct err *err);
/* The same checks without the mount. */
int cgroupfs_mount_point_check(const char *mount_point, struct err *err);
/* The kernel that is served: another one after a snapshot was restored. */
struct kernel *cgroupfs_kernel(const struct cgroupfs *fs);
/* Unmounts and frees. NULL is fine. The thread, if any, ends first. */
void cgroupfs_unmount(struct cgroupfs *fs);

/* Readable when there is a request; never blocks. */
int cgroupfs_fd(const struct cgroupfs *fs);
/* Serves one request if there is one. False once unmounted from outside. */
bool cgroupfs_serve(struct cgroupfs *fs);
/* When the next delayed answer is due (of the monotonic clock); UINT64_MAX when none is. */
uint64_t cgroupfs_due_ns(const struct cgroupfs *fs);
/* Gives the answers that are due. */
void cgroupfs_serve_due(struct cgroupfs *fs);

/*
 * A thread that serves. From then on the model belongs to whoever holds the lock: the caller starts
 * out with it, and gives it away (cgroupfs_let) around file operations on the mount.
 */
int cgroupfs_thread_start(struct cgroupfs *fs, struct err *err);
void cgroupfs_let(struct cgroupfs *fs);  /* unlocks: others may change the model */
void cgroupfs_take(struct cgroupfs *fs); /* locks */
/* Waits, with the lock given away, until inotify events that are due have been raised. */
void cgroupfs_settle(struct cgroupfs *fs);

/* A new kernel as the configuration says, with a loop of virtual time of its own that starts there;
 * it has a disk 8:0 and interfaces lo and eth0. NULL when the configuration is bad. */
struct kernel *cgroupfs_kernel_new(const struct kernel_config *config, uint64_t start_ns);
