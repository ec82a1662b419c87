/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names: lookup, directories, and what cgroupfs refuses. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"

static void entry_fill(
    const struct cgroupfs *fs, struct cgroupfs_inode *inode, struct fuse_entry_param *ret_entry)
{
    *ret_entry = (struct fuse_entry_param){
        .ino = (fuse_ino_t)(uintptr_t)inode,
        .generation = 1,
        .attr_timeout = fs->faults.first ? 0 : CACHE_SECONDS,
        .entry_timeout = cgroupfs_inode_fleeting(inode) || fs->faults.first ? 0 : CACHE_SECONDS,
    };
    cgroupfs_inode_stat(fs, inode, &ret_entry->attr);
}

/* An answered lookup that the kernel did not take leaves no count behind. */
static void reply_inode(fuse_req_t req, struct cgroupfs_inode *inode)
{
    struct fuse_entry_param entry;
    entry_fill(cgroupfs_of(req), inode, &entry);
    if (fuse_reply_entry(req, &entry) < 0)
        cgroupfs_inode_forget(cgroupfs_of(req), inode, 1);
}

static struct cgroupfs_inode *top_child(struct cgroupfs *fs, const char *name)
{
    for (unsigned i = 0; i < fs->kernel->hierarchies_count; i++) {
        struct cgroup_root *root = fs->kernel->hierarchies[i];
        if (!strcmp(root->name, name))
            return cgroupfs_inode_get(fs, &(struct cgroup_node){root->top, NULL});
    }
    for (unsigned i = 0; i < fs->kernel->hierarchies_count; i++)
        if (fs->links[i] && strv_contains(fs->kernel->hierarchies[i]->controllers, name))
            return fs->links[i];
    return NULL;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    struct cgroupfs_inode *directory = cgroupfs_inode_find(fs, parent);
    if (directory->kind == INODE_TOP) {
        struct cgroupfs_inode *child = top_child(fs, name);
        if (child)
            reply_inode(req, child);
        else
            fuse_reply_err(req, ENOENT);
        return;
    }
    if (directory->lost) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    if (cgroupfs_faulted(req, OPERATION_LOOKUP, &directory->node, name))
        return;
    struct cgroup_node node;
    int result = cgroup_node_child(directory->node.cgroup, name, &node);
    if (result)
        fuse_reply_err(req, ENOENT);
    else
        reply_inode(req, cgroupfs_inode_get(fs, &node));
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    cgroupfs_inode_forget(fs, cgroupfs_inode_find(fs, ino), count);
    fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    for (size_t i = 0; i < count; i++)
        cgroupfs_inode_forget(
            fs, cgroupfs_inode_find(fs, forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(req);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    const struct cgroupfs_inode *inode = cgroupfs_inode_find(cgroupfs_of(req), ino);
    if (inode->kind == INODE_LINK)
        fuse_reply_readlink(req, inode->node.cgroup->root->name);
    else
        fuse_reply_err(req, EINVAL);
}

/* ---------------------------------------------------------------------- changing the tree */

/* The directory; NULL: the request was answered. */
static struct cgroupfs_inode *changing(
    fuse_req_t req, fuse_ino_t parent, enum cgroupfs_operation operation, const char *name)
{
    struct cgroupfs_inode *directory = cgroupfs_inode_find(cgroupfs_of(req), parent);
    if (directory->kind != INODE_NODE) {
        /* Above the hierarchies is no cgroup; each of them would be a mount point. */
        fuse_reply_err(req, operation == OPERATION_RMDIR ? EBUSY : EPERM);
        return NULL;
    }
    if (directory->lost) {
        fuse_reply_err(req, ENOENT);
        return NULL;
    }
    return cgroupfs_faulted(req, operation, &directory->node, name) ? NULL : directory;
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    struct cgroupfs_inode *directory = changing(req, parent, OPERATION_MKDIR, name);
    if (!directory)
        return;
    struct cgroup *cgroup = directory->node.cgroup;
    struct cgroup_caller caller = cgroupfs_caller(fs, req);
    struct cgroup_node node;
    int result = cgroup->dead ? -ENOENT : cgroup_node_taken(cgroup, name) ? -EEXIST : 0;
    if (!result)
        result = cgroup_tree_create(cgroup, name, mode & 07777, &caller);
    cgroupfs_changed(fs, &(struct cgroupfs_change){.operation = OPERATION_MKDIR,
                             .node = &directory->node,
                             .name = name,
                             .numbers = {mode & 07777},
                             .caller = &caller,
                             .result = result});
    if (!result)
        result = cgroup_node_child(cgroup, name, &node);
    if (result)
        fuse_reply_err(req, -result);
    else
        reply_inode(req, cgroupfs_inode_get(fs, &node));
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    struct cgroupfs_inode *directory = changing(req, parent, OPERATION_RMDIR, name);
    if (!directory)
        return;
    int result = cgroup_node_rmdir(directory->node.cgroup, name, &cgroup_caller_root);
    cgroupfs_changed(fs, &(struct cgroupfs_change){.operation = OPERATION_RMDIR,
                             .node = &directory->node,
                             .name = name,
                             .result = result});
    fuse_reply_err(req, -result);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct cgroupfs_inode *directory = changing(req, parent, OPERATION_RMDIR, name);
    if (directory)
        fuse_reply_err(
            req, -cgroup_node_unlink(directory->node.cgroup, name, &cgroup_caller_root));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
    const char *new_name, unsigned flags)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    struct cgroupfs_inode *from = changing(req, parent, OPERATION_RENAME, name);
    if (!from)
        return;
    const struct cgroupfs_inode *to = cgroupfs_inode_find(fs, new_parent);
    if (to->kind != INODE_NODE || to->lost || to->node.cgroup->root != from->node.cgroup->root) {
        fuse_reply_err(req, EXDEV);
        return;
    }
    int result = cgroup_node_rename(from->node.cgroup, name, to->node.cgroup, new_name, flags,
        &cgroup_caller_root);
    if (!result)
        cgroupfs_changed(fs, &(struct cgroupfs_change){.operation = OPERATION_RENAME,
                                 .node = &from->node,
                                 .name = name,
                                 .new_name = new_name});
    fuse_reply_err(req, -result);
}

/* Nothing but directories can be made. */
static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *info)
{
    (void)parent, (void)name, (void)mode, (void)info;
    fuse_reply_err(req, EACCES);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)parent, (void)name, (void)mode, (void)device;
    fuse_reply_err(req, EPERM);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target, (void)parent, (void)name;
    fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *name)
{
    (void)ino, (void)new_parent, (void)name;
    fuse_reply_err(req, EPERM);
}

/* ---------------------------------------------------------------------- listing */

struct listing {
    fuse_req_t req;
    struct strbuf *out;
};

static void listing_add(
    struct listing *listing, const char *name, uint64_t number, mode_t type)
{
    const struct stat stat = {.st_ino = number, .st_mode = type};
    size_t size = fuse_add_direntry(listing->req, NULL, 0, name, NULL, 0);
    char small[512];
    _cleanup_free_ char *grown = size <= sizeof(small) ? NULL : mem_alloc(size);
    char *entry = grown ? grown : small;
    fuse_add_direntry(
        listing->req, entry, size, name, &stat, (off_t)(listing->out->length + size));
    strbuf_add_bytes(listing->out, entry, size);
}

static bool listing_node(void *arg, const char *name, const struct cgroup_node *node)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    listing_add(arg, name, stat.inode, stat.mode & S_IFMT);
    return true;
}

static void list_top(struct cgroupfs *fs, struct listing *listing)
{
    for (unsigned i = 0; i < fs->kernel->hierarchies_count; i++) {
        const struct cgroup_root *root = fs->kernel->hierarchies[i];
        listing_add(listing, root->name, root->top->id, S_IFDIR);
        for (char **word = root->controllers; fs->links[i] && *word; word++)
            listing_add(listing, *word, fs->links[i]->number, S_IFLNK);
    }
}

static int list_make(fuse_req_t req, struct cgroupfs_inode *inode, struct strbuf *out)
{
    struct listing listing = {req, out};
    strbuf_reset(out);
    const struct cgroup *cgroup = inode->kind == INODE_NODE ? inode->node.cgroup : NULL;
    listing_add(&listing, ".", inode->number, S_IFDIR);
    listing_add(&listing, "..",
        cgroup && cgroup->parent ? cgroup->parent->id : cgroupfs_of(req)->root->number, S_IFDIR);
    if (cgroup)
        return cgroup_node_list(&inode->node, &cgroup_caller_root, listing_node, &listing);
    list_top(cgroupfs_of(req), &listing);
    return 0;
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    const struct cgroupfs_inode *inode = cgroupfs_inode_find(fs, ino);
    int result = cgroupfs_inode_check(inode);
    if (result) {
        fuse_reply_err(req, -result);
        return;
    }
    if (inode->kind == INODE_NODE && cgroupfs_faulted(req, OPERATION_OPEN, &inode->node, NULL))
        return;
    struct cgroupfs_handle *handle = mem_alloc(sizeof(*handle));
    handle->fs = fs;
    list_append(&fs->handles, &handle->node);
    info->fh = (uint64_t)(uintptr_t)handle;
    if (fuse_reply_open(req, info) < 0)
        cgroupfs_handle_free(handle);
}

/* The listing is made anew at the start, and read on from there. */
static void op_readdir(
    fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
    struct cgroupfs_handle *handle = (struct cgroupfs_handle *)(uintptr_t)info->fh;
    struct cgroupfs_inode *inode = cgroupfs_inode_find(cgroupfs_of(req), ino);
    int result = cgroupfs_inode_check(inode);
    if (!result && inode->kind == INODE_NODE &&
        cgroupfs_faulted(req, OPERATION_LIST, &inode->node, NULL))
        return;
    if (!result && (offset == 0 || !handle->listed))
        result = list_make(req, inode, &handle->listing);
    handle->listed = true;
    if (result) {
        fuse_reply_err(req, -result);
        return;
    }
    size_t length = handle->listing.length;
    size_t start = (size_t)offset < length ? (size_t)offset : length;
    const char *text = strbuf_text(&handle->listing);
    /* Whole entries only: each begins with its number, its offset, and the length of its name. */
    size_t end = start;
    while (end < length) {
        uint64_t next;
        memcpy(&next, text + end + sizeof(uint64_t), sizeof(next));
        if (next - start > size)
            break;
        end = (size_t)next;
    }
    fuse_reply_buf(req, text + start, end - start);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    (void)ino;
    cgroupfs_handle_free((struct cgroupfs_handle *)(uintptr_t)info->fh);
    fuse_reply_err(req, 0);
}

static void op_fsyncdir(
    fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *info)
{
    (void)ino, (void)data_only, (void)info;
    fuse_reply_err(req, EINVAL);
}

void cgroupfs_operations_names(struct fuse_lowlevel_ops *ops)
{
    ops->lookup = op_lookup;
    ops->forget = op_forget;
    ops->forget_multi = op_forget_multi;
    ops->readlink = op_readlink;
    ops->mkdir = op_mkdir;
    ops->rmdir = op_rmdir;
    ops->unlink = op_unlink;
    ops->rename = op_rename;
    ops->create = op_create;
    ops->mknod = op_mknod;
    ops->symlink = op_symlink;
    ops->link = op_link;
    ops->opendir = op_opendir;
    ops->readdir = op_readdir;
    ops->releasedir = op_releasedir;
    ops->fsyncdir = op_fsyncdir;
}
