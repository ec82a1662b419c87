/* SPDX-License-Identifier: Apache-2.0 */
/* Files, users and mounts of the simulated host. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "fakes/host/sim_host_internal.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/devices.h"
#include "fakes/vfs.h"
#include "reference/cgroups/cgroup_fs.h"

static struct vfs *vfs_of(struct host *host)
{
    return sim_host_of(host)->kernel->vfs;
}

/* "verb path: ECODE"; success passes. */
static int file_result(int result, const char *verb, const char *path, struct err *err)
{
    return result < 0 ? err_errno(err, result, "%s %s", verb, path) : 0;
}

int sim_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err)
{
    return file_result(vfs_mkdir(vfs_of(host), path, mode, parents), "mkdir", path, err);
}

/* A temporary file and a rename change the file in one step, and so does this. */
int sim_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err)
{
    return file_result(
        vfs_write(vfs_of(host), path, data, length, mode, false), "write", path, err);
}

int sim_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err)
{
    const char *text = NULL;
    size_t length = 0;
    if (sim_proc_read(host, path, ret_text)) {
        *ret_length = *ret_text ? strlen(*ret_text) : 0;
        return file_result(*ret_text ? 0 : -ENOENT, "read", path, err);
    }
    int r = vfs_read(vfs_of(host), path, &text, &length);
    if (r < 0)
        return file_result(r, "read", path, err);
    *ret_text = str_ndup(length ? text : "", length);
    *ret_length = length;
    return 0;
}

/* The device nodes below /dev, which the file system in memory does not hold. */
static const struct {
    const char *path;
    unsigned major;
    unsigned minor;
} devices[] = {
    {"/dev/null", 1, 3},
    {"/dev/zero", 1, 5},
    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty", 5, 0},
    {"/dev/console", 5, 1},
    {"/dev/ptmx", 5, 2},
};

/* Of the driver of GPUs, when there is one; all that the workload knows too. */
static bool gpu_info(struct vfs *vfs, const char *path, struct file_info *ret_info)
{
    unsigned minor;
    char rest;
    if (vfs_info(vfs, SIM_GPU_DRIVER, true, NULL) < 0)
        return false;
    if (str_equal(path, "/dev/nvidiactl"))
        minor = 255;
    else if (sscanf(path, "/dev/nvidia%u%c", &minor, &rest) != 1)
        return false;
    *ret_info = (struct file_info){.type = 'c', .mode = 0666, .rdev = makedev(195, minor)};
    return true;
}

void sim_host_filesystem(struct host *host, const char *type)
{
    struct sim_world *world = sim_host_of(host)->world;
    world->hides_entry_types = str_equal(type, "xfs-ftype0");
    world->filesystem = world->hides_entry_types ? "xfs" : type;
}

void sim_host_gpus(struct host *host, unsigned count)
{
    struct vfs *vfs = vfs_of(host);
    for (unsigned i = 0; i < count; i++) {
        _cleanup_free_ char *directory = str_printf(SIM_GPU_DRIVER "/0000:%02x:00.0", i + 1);
        _cleanup_free_ char *path = str_printf("%s/information", directory);
        _cleanup_free_ char *text =
            str_printf("Model: \t\t Tesla Fake\nDevice Minor: \t %u\n", i);
        vfs_mkdir(vfs, directory, 0755, true);
        vfs_write(vfs, path, text, strlen(text), 0444, false);
    }
}

static bool device_info(const char *path, struct file_info *ret_info)
{
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        if (!str_equal(devices[i].path, path))
            continue;
        *ret_info = (struct file_info){
            .type = 'c', .mode = 0666, .rdev = makedev(devices[i].major, devices[i].minor)};
        return true;
    }
    return false;
}

int sim_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info)
{
    struct vfs_info info;
    int r = vfs_info(vfs_of(host), path, follow, &info);
    if (r < 0)
        return device_info(path, ret_info) || gpu_info(vfs_of(host), path, ret_info) ||
                       sim_proc_info(host, path, ret_info)
                   ? 0
                   : r;
    *ret_info = (struct file_info){
        .type = info.type,
        .mode = info.mode,
        .uid = info.uid,
        .gid = info.gid,
        .size_bytes = info.size_bytes,
    };
    return 0;
}

int sim_file_remove(struct host *host, const char *path, struct err *err)
{
    return file_result(vfs_remove(vfs_of(host), path), "remove", path, err);
}

static struct sim_mounts *own_mounts(struct sim_host *sim)
{
    return sim_mounts_of(sim->world, sim->agent->namespaces[NS_MNT]->inode, true);
}

int sim_tree_remove(struct host *host, const char *path, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    int r = sim_mounts_below(own_mounts(sim), path) ? -EBUSY : vfs_remove_tree(vfs_of(host), path);
    return r == -ENOENT ? 0 : file_result(r, "remove", path, err);
}

int sim_list(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    if (sim_proc_list(host, path, ret_names))
        return 0;
    return file_result(vfs_list(vfs_of(host), path, ret_names), "list", path, err);
}

int sim_symlink(struct host *host, const char *target, const char *path, struct err *err)
{
    return file_result(vfs_symlink(vfs_of(host), target, path), "symlink", path, err);
}

int sim_rename(struct host *host, const char *from, const char *to, struct err *err)
{
    return file_result(vfs_rename(vfs_of(host), from, to), "rename", from, err);
}

/* The whole machine is one file system, always half full. */
int sim_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err)
{
    const uint64_t size_bytes = UINT64_C(100) << 30;
    const struct sim_world *world = sim_host_of(host)->world;
    const char *type = world->filesystem ? world->filesystem : world->xfs ? "xfs" : "ext4";
    *ret_info = (struct filesystem_info){.tells_entry_type = !world->hides_entry_types,
        .size_bytes = size_bytes,
        .used_bytes = size_bytes / 2};
    snprintf(ret_info->type, sizeof(ret_info->type), "%s", type);
    return file_result(vfs_info(vfs_of(host), path, true, NULL), "look at the file system of", path,
        err);
}

/* A node is a file without contents here. */
int sim_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err)
{
    struct file_info info;
    int r = sim_file_info(host, from, true, &info);
    if (r == 0 && sim_file_info(host, to, false, &info) == 0)
        r = -EEXIST;
    if (r == 0)
        r = vfs_write(vfs_of(host), to, "", 0, mode, false);
    return file_result(r, "make the device node", to, err);
}

int sim_real_path(struct host *host, const char *path, char **ret_path, struct err *err)
{
    return file_result(vfs_real_path(vfs_of(host), path, ret_path), "resolve", path, err);
}

int sim_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err)
{
    return file_result(vfs_chown(vfs_of(host), path, uid, gid, recursive), "chown", path, err);
}

int sim_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err)
{
    (void)host;
    const struct sim_user *user = sim_user_find(name);
    if (!user)
        return err_set(err, -ENOENT, "there is no user %s", name);
    *ret_user = (struct user_info){.uid = user->uid,
        .gid = user->gid,
        .groups = mem_dup(&user->gid, sizeof(user->gid)),
        .groups_count = 1};
    return 0;
}

int sim_device_program(struct host *host, struct cgroup_fs *fs, const char *path,
    const struct bpf_insn *instructions, size_t count, struct err *err)
{
    (void)fs; /* device programs are of v2, of which there is one */
    struct cgroup_root *root = cgroup_root_find(sim_host_of(host)->kernel, "");
    struct cgroup *cgroup = root ? cgroup_lookup(root, path) : NULL;
    int r = cgroup ? cgroup_device_program_load(cgroup, instructions, count) : -ENOENT;
    return file_result(r, "attach the device program to", path, err);
}

int sim_mount(struct host *host, const struct mount_entry *mount, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    struct sim_mounts *mounts = own_mounts(sim);
    int r = sim_mounts_add(sim->world, mounts, mount);
    if (r == 0)
        r = sim_mounts_show(sim->world, mounts, mount);
    return file_result(r, "mount", mount->target, err);
}

int sim_unmount(struct host *host, const char *target, int flags, struct err *err)
{
    struct sim_mounts *mounts = own_mounts(sim_host_of(host));
    bool shown = sim_mounts_shown(mounts, target);
    int r = sim_mounts_remove(mounts, target, flags & MNT_DETACH);
    if (r == 0 && shown)
        sim_mounts_hide(sim_host_of(host)->world, target);
    return file_result(r, "unmount", target, err);
}

static void mounts_collect(const struct sim_mounts *mounts, bool by_boot,
    struct mount_info **list, size_t *count, size_t *capacity)
{
    if (!mounts)
        return;
    list_for_each(node, &mounts->list) {
        const struct sim_mount *mount = list_entry(node, struct sim_mount, node);
        if (mount->by_boot != by_boot)
            continue;
        *list = mem_grow(*list, capacity, *count + 1, sizeof(**list));
        (*list)[(*count)++] = (struct mount_info){
            .target = str_dup(mount->target),
            .source = str_dup(mount->source),
            .type = str_dup(mount->type),
            .shared = mount->shared,
        };
    }
}

/* The cgroup file systems are mounted by boot too. */
static void mounts_collect_cgroups(const struct sim_host *sim, struct mount_info **list,
    size_t *count, size_t *capacity)
{
    const struct cgroup_hierarchies *cgroups = sim->base.cgroups;
    for (size_t i = 0; cgroups && i < cgroups->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &cgroups->items[i];
        const char *type = hierarchy->v2 ? "cgroup2" : "cgroup";
        *list = mem_grow(*list, capacity, *count + 1, sizeof(**list));
        (*list)[(*count)++] = (struct mount_info){
            .target = str_dup(hierarchy->fs->mount_point),
            .source = str_dup(type),
            .type = str_dup(type),
            .shared = true,
        };
    }
}

int sim_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    const struct process *process = pid ? process_find(sim->kernel, pid) : sim->agent;
    if (!process || process->state == PROCESS_ZOMBIE)
        return err_errno(err, -ENOENT, "open /proc/%d/mountinfo", (int)pid);
    uint64_t root = sim->kernel->init->namespaces[NS_MNT]->inode;
    uint64_t inode = process->namespaces[NS_MNT]->inode;
    struct mount_info *list = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct sim_mounts *mounts = sim_mounts_of(sim->world, root, true);
    mounts_collect(mounts, true, &list, &count, &capacity);
    mounts_collect_cgroups(sim, &list, &count, &capacity);
    mounts_collect(mounts, false, &list, &count, &capacity);
    for (size_t i = 0; inode != root && i < count; i++)
        list[i].shared = false;
    if (inode != root)
        mounts_collect(
            sim_mounts_of(sim->world, inode, false), false, &list, &count, &capacity);
    *ret_mounts = list;
    *ret_count = count;
    return 0;
}
