/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes: what the kernel holds a number of. A number is the address of the inode; it stays valid
 * until the kernel has forgotten it as often as it was told of it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"

#define BLOCK_SIZE 4096
/* Numbers of the links beside the hierarchies: neither those of cgroups nor those of files. */
#define LINK_INODES (UINT64_C(1) << 61)

struct cgroupfs_inode *cgroupfs_inode_find(struct cgroupfs *fs, fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? fs->root : (struct cgroupfs_inode *)(uintptr_t)number;
}

struct cgroupfs_inode *cgroupfs_inode_get(struct cgroupfs *fs, const struct cgroup_node *node)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    struct cgroupfs_inode *inode = u64map_get(fs->inodes, stat.inode);
    if (!inode) {
        inode = mem_alloc(sizeof(*inode));
        inode->number = stat.inode;
        inode->node = *node;
        cgroup_get(node->cgroup);
        u64map_set(fs->inodes, stat.inode, inode);
    }
    inode->lookups++;
    return inode;
}

static void inode_free(struct cgroupfs_inode *inode)
{
    if (inode->kind == INODE_NODE && !inode->lost)
        cgroup_put(inode->node.cgroup);
    free(inode);
}

void cgroupfs_inode_forget(struct cgroupfs *fs, struct cgroupfs_inode *inode, uint64_t count)
{
    if (inode == fs->root || inode->kind != INODE_NODE)
        return;
    assert(inode->lookups >= count);
    inode->lookups -= count;
    if (inode->lookups)
        return;
    if (inode->lost)
        u64map_remove(fs->lost, (uintptr_t)inode);
    else
        u64map_remove(fs->inodes, inode->number);
    inode_free(inode);
}

static struct cgroupfs_inode *inode_new(enum cgroupfs_kind kind, uint64_t number)
{
    struct cgroupfs_inode *inode = mem_alloc(sizeof(*inode));
    inode->kind = kind;
    inode->number = number;
    return inode;
}

/* Links beside the hierarchies of several controllers: "cpu" -> "cpu,cpuacct". */
static void links_start(struct cgroupfs *fs)
{
    for (unsigned i = 0; i < fs->kernel->hierarchies_count; i++) {
        struct cgroup_root *root = fs->kernel->hierarchies[i];
        if (root->v2 || strv_length(root->controllers) < 2)
            continue;
        fs->links[i] = inode_new(INODE_LINK, LINK_INODES | i);
        fs->links[i]->node.cgroup = root->top;
    }
}

void cgroupfs_inodes_start(struct cgroupfs *fs)
{
    fs->inodes = u64map_new();
    fs->lost = u64map_new();
    list_init(&fs->handles);
    if (fs->kernel->layout == CGROUP_LAYOUT_V2) {
        struct cgroup_node top = {cgroup_root_top(fs->kernel->hierarchies[0]), NULL};
        fs->root = cgroupfs_inode_get(fs, &top);
        return;
    }
    fs->root = inode_new(INODE_TOP, FUSE_ROOT_ID);
    links_start(fs);
}

void cgroupfs_inodes_stop(struct cgroupfs *fs)
{
    size_t cursor = 0;
    uint64_t number;
    void *inode;
    list_for_each_safe(node, following, &fs->handles)
        cgroupfs_handle_free(list_entry(node, struct cgroupfs_handle, node));
    while (u64map_next(fs->inodes, &cursor, &number, &inode))
        if (inode != fs->root)
            inode_free(inode);
    for (cursor = 0; u64map_next(fs->lost, &cursor, &number, &inode);)
        inode_free(inode);
    inode_free(fs->root);
    for (unsigned i = 0; i < KERNEL_MAX_HIERARCHIES; i++)
        free(fs->links[i]);
    u64map_free(fs->inodes);
    u64map_free(fs->lost);
}

static void stat_synthetic(
    const struct cgroupfs *fs, const struct cgroupfs_inode *inode, struct stat *ret_stat)
{
    bool link = inode->kind == INODE_LINK;
    ret_stat->st_ino = inode->number;
    ret_stat->st_mode = link ? S_IFLNK | 0777 : S_IFDIR | 0755;
    ret_stat->st_nlink = link ? 1 : 2 + fs->kernel->hierarchies_count;
    ret_stat->st_size = link ? (off_t)strlen(inode->node.cgroup->root->name) : 0;
}

void cgroupfs_inode_stat(
    const struct cgroupfs *fs, const struct cgroupfs_inode *inode, struct stat *ret_stat)
{
    *ret_stat = (struct stat){.st_blksize = BLOCK_SIZE};
    if (inode->kind != INODE_NODE || inode->lost) {
        stat_synthetic(fs, inode, ret_stat);
        return;
    }
    struct cgroup_stat stat;
    cgroup_node_stat(&inode->node, &stat);
    ret_stat->st_ino = stat.inode;
    ret_stat->st_mode = stat.mode;
    ret_stat->st_nlink = stat.links;
    ret_stat->st_uid = stat.uid;
    ret_stat->st_gid = stat.gid;
    ret_stat->st_mtim.tv_sec = (time_t)(stat.mtime_ns / NS_PER_SEC);
    ret_stat->st_mtim.tv_nsec = (long)(stat.mtime_ns % NS_PER_SEC);
    ret_stat->st_atim = ret_stat->st_ctim = ret_stat->st_mtim;
}

int cgroupfs_inode_check(const struct cgroupfs_inode *inode)
{
    if (inode->lost)
        return -ENOENT;
    return inode->kind == INODE_NODE && cgroup_node_gone(&inode->node) ? -ENOENT : 0;
}

/* v2: files of controllers come and go with subtree_control, those of pressure with
 * cgroup.pressure. */
bool cgroupfs_inode_fleeting(const struct cgroupfs_inode *inode)
{
    if (inode->kind != INODE_NODE || !inode->node.file || !inode->node.cgroup->root->v2)
        return false;
    const struct cgroup_file *file = inode->node.file;
    const struct cgroup_file_slot *slot =
        cgroup_slot_find(inode->node.cgroup->root, file->name, strlen(file->name));
    return slot->controller->subsys != SUBSYS_CORE || (file->flags & FILE_PRESSURE);
}

void cgroupfs_inode_invalidate(struct cgroupfs *fs, const struct cgroupfs_inode *inode)
{
    const struct cgroup *cgroup = inode->node.cgroup;
    if (inode->kind != INODE_NODE || inode->lost || (!inode->node.file && !cgroup->parent))
        return;
    const struct cgroup *directory = inode->node.file ? cgroup : cgroup->parent;
    const struct cgroupfs_inode *parent = u64map_get(fs->inodes, directory->id);
    if (parent)
        cgroupfs_notifier_forget(fs,
            parent == fs->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)parent,
            cgroup_node_name(&inode->node));
}

char *cgroupfs_root_path(const struct cgroupfs *fs, const struct cgroup_root *root)
{
    return str_dup(fs->kernel->layout == CGROUP_LAYOUT_V2 ? "" : root->name);
}

char *cgroupfs_node_path(const struct cgroupfs *fs, const struct cgroup_node *node)
{
    _cleanup_free_ char *root = cgroupfs_root_path(fs, node->cgroup->root);
    _cleanup_free_ char *path = cgroup_path_of(node->cgroup);
    const char *file = node->file ? node->file->name : "";
    return str_printf("%s%s%s%s%s", root, *root && *path ? "/" : "", path,
        *file && (*root || *path) ? "/" : "", file);
}
