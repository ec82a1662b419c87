/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches on control files of one mounted hierarchy, over one inotify instance (their number per
 * user is small). cgroupfs raises IN_MODIFY on its events files; that a cgroup was removed is seen
 * by its parent directory, as the files of a removed cgroup raise nothing.
 */
#pragma once

#include "reference/base/loop.h"

struct cgroup_inotify;
struct cgroup_inotify_watch;

/* result 0: the file was modified; -ENODEV: its cgroup is gone, and so is the watch. */
typedef void (*cgroup_inotify_fn)(void *arg, int result);

/* -ENOSYS when the loop has no descriptors; else the errors of inotify_init1. */
int cgroup_inotify_new(
    struct loop *loop, const char *directory, struct cgroup_inotify **ret_inotify);
void cgroup_inotify_free(struct cgroup_inotify *inotify); /* NULL is fine; no watch is left */
/* path is the cgroup below the directory, "" the directory itself. */
int cgroup_inotify_watch(struct cgroup_inotify *inotify, const char *path, const char *file,
    cgroup_inotify_fn fn, void *arg, struct cgroup_inotify_watch **ret_watch);
void cgroup_inotify_unwatch(struct cgroup_inotify *inotify, struct cgroup_inotify_watch *watch);
