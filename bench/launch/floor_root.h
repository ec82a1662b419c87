/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system of a floor's container: the mounts, devices, links and masks that
 * filesystem/linux makes (isolators.md 6.2), and the container's own cgroups (3.4), by as few
 * kernel calls as we know. */
#pragma once

struct floor_root;

/* rootfs is shared by containers; directory is the container's own, and its sandbox; its cgroup is
 * below `cgroup` in each hierarchy, under the name of the directory. */
struct floor_root *floor_root_new(const char *rootfs, const char *directory, const char *cgroup);
void floor_root_free(struct floor_root *root); /* NULL is fine */
/* Outside, for each container: its device nodes. 0, or -1 with errno. */
int floor_root_make(const struct floor_root *root);
void floor_root_remove(const struct floor_root *root);
/* Inside, in a mount namespace of its own: all mounts, then the new root. 0, or -1 with errno.
 * Calls the kernel only. */
int floor_root_enter(const struct floor_root *root);
