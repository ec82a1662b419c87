/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hierarchy as files below a directory: a real cgroupfs, or the fake one behind FUSE. Watches use
 * inotify (one instance for the hierarchy), v1 listeners an eventfd and cgroup.event_control; both
 * need a loop with descriptors.
 */
#pragma once

#include "reference/cgroups/cgroup_fs.h"

/*
 * directory is where the files are reached; mount_point what cgroup_fs.mount_point says (the same,
 * except for a fake whose containers see another path). Strings are copied; the directory is not
 * looked at.
 */
struct cgroup_fs *cgroup_fs_mount_new(
    struct host *host, const char *name, const char *directory, const char *mount_point);
/* Keeps the directory open, so that no path is walked to it again: the mount can't be unmounted
 * from now on. Without effect when it can't be opened. */
void cgroup_fs_mount_hold(struct cgroup_fs *fs);
