/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small in-memory file system: the host's files in simulation (runtime directory, sandboxes,
 * meta). It survives agent crashes. Directories list sorted; modes and owners are kept; symlinks
 * are resolved.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vfs;
struct vfs_info {
    char type; /* 'f' 'd' 'l' */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    size_t size_bytes;
};

struct vfs *vfs_new(void);
void vfs_free(struct vfs *vfs);
/* All return 0 or a negative errno as the system calls do. Paths are absolute. */
int vfs_mkdir(struct vfs *vfs, const char *path, mode_t mode, bool parents);
int vfs_write(
    struct vfs *vfs, const char *path, const void *data, size_t length, mode_t mode, bool append);
int vfs_read(
    struct vfs *vfs, const char *path, const char **ret_text, size_t *ret_length); /* borrowed */
int vfs_info(struct vfs *vfs, const char *path, bool follow, struct vfs_info *ret_info);
int vfs_remove(struct vfs *vfs, const char *path);       /* file, symlink or empty directory */
int vfs_remove_tree(struct vfs *vfs, const char *path);
int vfs_list(struct vfs *vfs, const char *path, char ***ret_names);
int vfs_symlink(struct vfs *vfs, const char *target, const char *path);
/* What a link says; borrowed. -EINVAL: it is none. */
int vfs_link_target(struct vfs *vfs, const char *path, const char **ret_target);
int vfs_rename(struct vfs *vfs, const char *from, const char *to);
int vfs_chown(struct vfs *vfs, const char *path, uid_t uid, gid_t gid, bool recursive);
int vfs_real_path(struct vfs *vfs, const char *path, char **ret_path);
size_t vfs_count(const struct vfs *vfs); /* of files and directories, without the root */
uint64_t vfs_digest(struct vfs *vfs, uint64_t hash);
