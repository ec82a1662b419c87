/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: mode, owner, times, xattrs. The kernel has checked who may. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"

#define NAME_LENGTH_MAX 255
#define BLOCK_SIZE 4096

static void reply_attributes(fuse_req_t req, const struct cgroupfs_inode *inode)
{
    struct stat stat;
    cgroupfs_inode_stat(cgroupfs_of(req), inode, &stat);
    fuse_reply_attr(req, &stat, cgroupfs_of(req)->faults.first ? 0 : CACHE_SECONDS);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    const struct cgroupfs_inode *inode = cgroupfs_inode_find(cgroupfs_of(req), ino);
    (void)info;
    if (inode->lost) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    if (inode->kind == INODE_NODE && cgroupfs_faulted(req, OPERATION_GETATTR, &inode->node, NULL))
        return;
    reply_attributes(req, inode);
}

static uint64_t wanted_mtime(const struct cgroupfs *fs, const struct stat *attributes, int set)
{
    if (set & FUSE_SET_ATTR_MTIME_NOW)
        return loop_now_ns(fs->kernel->loop);
    return (uint64_t)attributes->st_mtim.tv_sec * NS_PER_SEC +
        (uint64_t)attributes->st_mtim.tv_nsec;
}

static int attributes_set(
    struct cgroupfs *fs, const struct cgroup_node *node, const struct stat *wanted, int set)
{
    int result = 0;
    const int64_t unchanged = -1;
    int64_t mode = set & FUSE_SET_ATTR_MODE ? (int64_t)(wanted->st_mode & 07777) : unchanged;
    int64_t uid = set & FUSE_SET_ATTR_UID ? (int64_t)wanted->st_uid : unchanged;
    int64_t gid = set & FUSE_SET_ATTR_GID ? (int64_t)wanted->st_gid : unchanged;
    int64_t mtime = set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)
                        ? (int64_t)wanted_mtime(fs, wanted, set)
                        : unchanged;
    if (mode != unchanged)
        result = cgroup_node_chmod(node, (mode_t)mode, &cgroup_caller_root);
    if (!result && (uid != unchanged || gid != unchanged))
        result = cgroup_node_chown(node, (uid_t)uid, (gid_t)gid, &cgroup_caller_root);
    if (!result && mtime != unchanged)
        result = cgroup_node_utimes(node, (uint64_t)mtime, &cgroup_caller_root);
    if (mode != unchanged || uid != unchanged || gid != unchanged || mtime != unchanged)
        cgroupfs_changed(fs, &(struct cgroupfs_change){.operation = OPERATION_SETATTR,
                                 .node = node,
                                 .numbers = {mode, uid, gid, mtime},
                                 .result = result});
    return result;
}

/* A new size (O_TRUNC, truncate) is accepted and means nothing. */
static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *wanted, int set,
    struct fuse_file_info *info)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    const struct cgroupfs_inode *inode = cgroupfs_inode_find(fs, ino);
    (void)info;
    if (inode->kind != INODE_NODE || inode->lost) {
        fuse_reply_err(req, inode->lost ? ENOENT : EPERM);
        return;
    }
    if (cgroupfs_faulted(req, OPERATION_SETATTR, &inode->node, NULL))
        return;
    int result = attributes_set(fs, &inode->node, wanted, set);
    if (result)
        fuse_reply_err(req, -result);
    else
        reply_attributes(req, inode);
}

/* ---------------------------------------------------------------------- xattrs */

/* NULL: the request was answered. */
static struct cgroupfs_inode *xattr_inode(fuse_req_t req, fuse_ino_t ino)
{
    struct cgroupfs_inode *inode = cgroupfs_inode_find(cgroupfs_of(req), ino);
    if (inode->kind != INODE_NODE || inode->lost) {
        fuse_reply_err(req, EOPNOTSUPP);
        return NULL;
    }
    return cgroupfs_faulted(req, OPERATION_XATTR, &inode->node, NULL) ? NULL : inode;
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
    size_t size, int flags)
{
    const struct cgroupfs_inode *inode = xattr_inode(req, ino);
    if (!inode)
        return;
    int result =
        cgroup_node_xattr_set(&inode->node, name, value, size, flags, &cgroup_caller_root);
    cgroupfs_changed(cgroupfs_of(req), &(struct cgroupfs_change){.operation = OPERATION_XATTR,
                                           .node = &inode->node,
                                           .name = name,
                                           .data = value,
                                           .length = size,
                                           .numbers = {flags},
                                           .result = result});
    fuse_reply_err(req, -result);
}

/* size 0 asks for the length. */
static void reply_sized(fuse_req_t req, size_t size, const void *value, size_t length)
{
    if (size == 0)
        fuse_reply_xattr(req, length);
    else if (length > size)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, value, length);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    const struct cgroupfs_inode *inode = xattr_inode(req, ino);
    const void *value;
    size_t length;
    if (!inode)
        return;
    int result =
        cgroup_node_xattr_get(&inode->node, name, &cgroup_caller_root, &value, &length);
    if (result)
        fuse_reply_err(req, -result);
    else
        reply_sized(req, size, value, length);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    const struct cgroupfs_inode *inode = xattr_inode(req, ino);
    if (!inode)
        return;
    const struct cgroup_caller caller = cgroupfs_caller(cgroupfs_of(req), req);
    _cleanup_strv_ char **names = cgroup_node_xattr_list(&inode->node, &caller);
    _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
    for (size_t i = 0; names[i]; i++)
        strbuf_add_bytes(&out, names[i], strlen(names[i]) + 1);
    reply_sized(req, size, strbuf_text(&out), out.length);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    const struct cgroupfs_inode *inode = xattr_inode(req, ino);
    if (!inode)
        return;
    int result = cgroup_node_xattr_remove(&inode->node, name, &cgroup_caller_root);
    cgroupfs_changed(cgroupfs_of(req), &(struct cgroupfs_change){.operation = OPERATION_XATTR,
                                           .node = &inode->node,
                                           .name = name,
                                           .result = result});
    fuse_reply_err(req, -result);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    (void)ino;
    const struct statvfs stat = {
        .f_bsize = BLOCK_SIZE,
        .f_frsize = BLOCK_SIZE,
        .f_namemax = NAME_LENGTH_MAX,
    };
    fuse_reply_statfs(req, &stat);
}

void cgroupfs_operations_attributes(struct fuse_lowlevel_ops *ops)
{
    ops->getattr = op_getattr;
    ops->setattr = op_setattr;
    ops->setxattr = op_setxattr;
    ops->getxattr = op_getxattr;
    ops->listxattr = op_listxattr;
    ops->removexattr = op_removexattr;
    ops->statfs = op_statfs;
}
