/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of mounted file systems, and one taking the place of another. What the kernel of the
 * host knows by number and has open is found again by its cgroup's id, which is the same in both;
 * what is not there is lost: names are forgotten, open files answer ENODEV.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/cgroupfs/control_internal.h"
#include "fakes/sim_loop.h"

#define DISK_MAJOR 8

/* Who is not root could make nothing in a root: it is given to them, as delegated cgroups are. */
static void delegate(struct kernel *kernel, uid_t uid, gid_t gid)
{
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup *top = kernel->hierarchies[i]->top;
        top->mode |= S_IWUSR;
        top->uid = top->files_uid = uid;
        top->gid = top->files_gid = gid;
        for (int subsys = 0; subsys < SUBSYS_COUNT; subsys++)
            if (top->css[subsys]) {
                top->css[subsys]->uid = uid;
                top->css[subsys]->gid = gid;
            }
    }
}

struct kernel *cgroupfs_kernel_new(const struct kernel_config *config, uint64_t start_ns)
{
    struct loop *loop = sim_loop_new(0);
    sim_loop_advance(loop, start_ns);
    struct kernel *kernel = kernel_new(loop, config);
    if (!kernel) {
        loop_free(loop);
        return NULL;
    }
    cgroup_add_block_device(kernel, DISK_MAJOR, 0);
    cgroup_add_interface(kernel, "lo");
    cgroup_add_interface(kernel, "eth0");
    if (geteuid() != 0)
        delegate(kernel, geteuid(), getegid());
    return kernel;
}

/* The same node of the other kernel; false when it has none. */
static bool node_find(
    struct kernel *kernel, const struct cgroup_node *node, struct cgroup_node *ret_node)
{
    struct cgroup_root *root = kernel->hierarchies[node->cgroup->root->index];
    _cleanup_free_ char *path = cgroup_path_of(node->cgroup);
    struct cgroup *cgroup = node->cgroup->dead ? NULL : cgroup_lookup(root, path);
    if (!cgroup || cgroup->id != node->cgroup->id)
        return false;
    *ret_node = (struct cgroup_node){cgroup, node->file};
    return true;
}

static void inode_move(struct cgroupfs *fs, struct kernel *kernel, struct cgroupfs_inode *inode)
{
    struct cgroup_node node;
    if (inode->kind != INODE_NODE)
        return;
    bool found = node_find(kernel, &inode->node, &node);
    if (!found || cgroup_node_gone(&node))
        cgroupfs_inode_invalidate(fs, inode);
    cgroup_put(inode->node.cgroup);
    inode->lost = !found;
    if (found) {
        inode->node = node;
        cgroup_get(node.cgroup);
    } else {
        u64map_remove(fs->inodes, inode->number);
        u64map_set(fs->lost, (uintptr_t)inode, inode);
    }
}

static void handle_move(struct kernel *kernel, struct cgroupfs_handle *handle)
{
    struct cgroup_open *before = handle->open, *open = NULL;
    struct cgroup_node node;
    if (!before)
        return;
    if (node_find(kernel, &before->node, &node) && !cgroup_node_gone(&node) &&
        cgroup_file_open(&node, before->flags, &cgroup_caller_root, &open) == 0) {
        open->opener = before->opener;
        cgroup_open_set_wakeup(open, before->wakeup, before->wakeup_arg);
    }
    loop_timer_stop(handle->fs->kernel->loop, handle->wakeup);
    handle->wakeup = NULL;
    if (before->wakeup)
        before->wakeup(before->wakeup_arg); /* what it says may have changed */
    cgroup_open_close(before);
    handle->open = open;
    handle->lost = !open;
}

void cgroupfs_replace_kernel(struct cgroupfs *fs, struct kernel *kernel)
{
    size_t cursor = 0;
    uint64_t number;
    void *inode;
    cgroupfs_events_stop(fs);
    list_for_each(node, &fs->handles)
        handle_move(kernel, list_entry(node, struct cgroupfs_handle, node));
    while (u64map_next(fs->inodes, &cursor, &number, &inode))
        inode_move(fs, kernel, inode);
    for (unsigned i = 0; i < KERNEL_MAX_HIERARCHIES; i++)
        if (fs->links[i])
            fs->links[i]->node.cgroup = kernel->hierarchies[i]->top;
    fs->kernel = kernel;
    cgroupfs_events_start(fs);
}
