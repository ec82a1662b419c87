/* SPDX-License-Identifier: Apache-2.0 */
/* The mount tables of the simulated machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "fakes/fake_unpack.h"
#include "fakes/host/sim_world.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/map.h"

static const struct {
    const char *target;
    const char *source;
    const char *type;
} boot_mounts[] = {
    {"/", "/dev/vda1", "ext4"},
    {"/proc", "proc", "proc"},
    {"/sys", "sysfs", "sysfs"},
    {"/dev", "devtmpfs", "devtmpfs"},
    {"/run", "tmpfs", "tmpfs"},
};

#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

static struct sim_mount *mount_new(
    struct sim_mounts *mounts, const char *target, const char *source, const char *type)
{
    struct sim_mount *mount = mem_alloc(sizeof(*mount));
    mount->target = str_dup(target);
    mount->source = str_dup(source);
    mount->type = str_dup(type);
    list_append(&mounts->list, &mount->node);
    return mount;
}

static void mount_free(struct sim_mount *mount)
{
    list_remove(&mount->node);
    free(mount->target);
    free(mount->source);
    free(mount->type);
    free(mount);
}

static uint64_t root_inode(const struct sim_world *world)
{
    return world->kernel->init->namespaces[NS_MNT]->inode;
}

struct sim_mounts *sim_mounts_of(struct sim_world *world, uint64_t inode, bool create)
{
    struct sim_mounts *mounts = u64map_get(world->mounts, inode);
    bool root = inode == root_inode(world);
    if (mounts || (!create && !root))
        return mounts;
    mounts = mem_alloc(sizeof(*mounts));
    list_init(&mounts->list);
    u64map_set(world->mounts, inode, mounts);
    for (size_t i = 0; root && i < ARRAY_SIZE(boot_mounts); i++) {
        struct sim_mount *mount = mount_new(
            mounts, boot_mounts[i].target, boot_mounts[i].source, boot_mounts[i].type);
        mount->shared = true; /* as systemd leaves it */
        mount->by_boot = true;
    }
    return mounts;
}

void sim_mounts_drop(struct sim_world *world, uint64_t inode)
{
    struct sim_mounts *mounts = u64map_remove(world->mounts, inode);
    if (!mounts)
        return;
    list_for_each_safe(node, following, &mounts->list)
        mount_free(list_entry(node, struct sim_mount, node));
    free(mounts);
}

static struct sim_mount *mount_at(const struct sim_mounts *mounts, const char *target)
{
    for (struct list *node = mounts->list.prev; node != &mounts->list; node = node->prev) {
        struct sim_mount *mount = list_entry(node, struct sim_mount, node);
        if (str_equal(mount->target, target))
            return mount;
    }
    return NULL;
}

/* "/proc/PID/ns/…", which the file system in memory does not hold. */
static bool is_namespace(const struct sim_world *world, const char *path)
{
    char *rest = NULL;
    long pid = str_starts(path, "/proc/") ? strtol(path + strlen("/proc/"), &rest, 10) : 0;
    return pid > 0 && str_starts(rest, "/ns/") && process_find(world->kernel, (pid_t)pid);
}

/* Cgroups are no files of this machine, unless somebody serves them. */
static bool is_cgroup(const struct sim_world *world, const char *path)
{
    static const char place[] = "/sys/fs/cgroup/";
    const struct kernel *kernel = world->kernel;
    if (!str_starts(path, place))
        return false;
    const char *below = path + strlen(place);
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        const char *name = cgroup_root_name(root);
        bool alone = kernel->layout == CGROUP_LAYOUT_V2;
        size_t length = alone ? 0 : strlen(name) + 1;
        if (!alone && !(str_starts(below, name) && below[length - 1] == '/'))
            continue;
        if (cgroup_lookup(root, below + length))
            return true;
    }
    return false;
}

int sim_mounts_add(
    struct sim_world *world, struct sim_mounts *mounts, const struct mount_entry *entry)
{
    struct sim_mount *there = mount_at(mounts, entry->target);
    if (entry->flags & (PROPAGATION | MS_REMOUNT)) {
        /* The root is a mount point of every namespace, also of those without a table entry. */
        if (!there)
            return str_equal(entry->target, "/") ? 0 : -EINVAL;
        if (entry->flags & PROPAGATION)
            there->shared = entry->flags & MS_SHARED;
        return 0;
    }
    struct vfs_info info;
    int r = vfs_info(world->kernel->vfs, entry->target, true, &info);
    if (r == 0 && (entry->flags & MS_BIND) && !is_namespace(world, entry->source) &&
        !is_cgroup(world, entry->source))
        r = vfs_info(world->kernel->vfs, entry->source, true, &info);
    if (r < 0)
        return r;
    const char *type = entry->type ? entry->type : "none";
    mount_new(mounts, entry->target, entry->source ? entry->source : type, type);
    return 0;
}

/* "lowerdir=A:B,…": the layers, the top one first. */
static int overlay_show(struct vfs *vfs, const char *options, const char *target)
{
    static const char key[] = "lowerdir=";
    if (!options || !str_starts(options, key))
        return -EINVAL;
    size_t length = strcspn(options + sizeof(key) - 1, ",");
    _cleanup_free_ char *text = str_ndup(options + sizeof(key) - 1, length);
    _cleanup_strv_ char **layers = strv_split(text, ":");
    int r = 0;
    for (size_t i = strv_length(layers); r == 0 && i > 0; i--)
        r = fake_layer_apply(vfs, layers[i - 1], target);
    return r;
}

static bool is_empty(struct vfs *vfs, const char *path)
{
    _cleanup_strv_ char **names = NULL;
    return vfs_list(vfs, path, &names) == 0 && !names[0];
}

int sim_mounts_show(
    struct sim_world *world, struct sim_mounts *mounts, const struct mount_entry *entry)
{
    struct vfs *vfs = world->kernel->vfs;
    const int64_t bind = MS_BIND | MS_RDONLY;
    bool overlay = str_equal(entry->type, "overlay");
    struct sim_mount *mount = mount_at(mounts, entry->target);
    if ((entry->flags & (PROPAGATION | MS_REMOUNT)) || !mount || !is_empty(vfs, entry->target) ||
        (!overlay && (entry->flags & bind) != bind))
        return 0;
    mount->shown = true;
    return overlay ? overlay_show(vfs, entry->options, entry->target)
                   : fake_layer_apply(vfs, entry->source, entry->target);
}

bool sim_mounts_shown(const struct sim_mounts *mounts, const char *target)
{
    const struct sim_mount *mount = mount_at(mounts, target);
    return mount && mount->shown;
}

void sim_mounts_hide(struct sim_world *world, const char *target)
{
    struct vfs *vfs = world->kernel->vfs;
    _cleanup_strv_ char **names = NULL;
    if (vfs_list(vfs, target, &names) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", target, names[i]);
        vfs_remove_tree(vfs, path);
    }
}

static bool path_is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

int sim_mounts_remove(struct sim_mounts *mounts, const char *target, bool detach)
{
    struct sim_mount *mount = mount_at(mounts, target);
    if (!mount)
        return -EINVAL;
    list_for_each_safe(node, following, &mounts->list) {
        struct sim_mount *other = list_entry(node, struct sim_mount, node);
        if (!path_is_below(other->target, target))
            continue;
        if (!detach)
            return -EBUSY;
        mount_free(other);
    }
    mount_free(mount);
    return 0;
}

bool sim_mounts_below(const struct sim_mounts *mounts, const char *path)
{
    list_for_each(node, &mounts->list) {
        const struct sim_mount *mount = list_entry(node, struct sim_mount, node);
        if (str_equal(mount->target, path) || path_is_below(mount->target, path))
            return true;
    }
    return false;
}

uint64_t sim_mounts_digest(const struct sim_world *world, uint64_t hash)
{
    size_t cursor = 0;
    uint64_t inode = 0;
    void *value = NULL;
    while (u64map_next(world->mounts, &cursor, &inode, &value)) {
        const struct sim_mounts *mounts = value;
        hash = trace_hash_u64(hash, inode);
        list_for_each(node, &mounts->list) {
            const struct sim_mount *mount = list_entry(node, struct sim_mount, node);
            hash = trace_hash_string(hash, mount->target);
            hash = trace_hash_string(hash, mount->source);
            hash = trace_hash_u64(hash, mount->shared);
        }
    }
    return hash;
}

char **sim_host_mount_targets(struct kernel *kernel)
{
    char **targets = mem_alloc(sizeof(*targets));
    if (!kernel->world)
        return targets;
    size_t cursor = 0;
    uint64_t inode = 0;
    void *value = NULL;
    while (u64map_next(kernel->world->mounts, &cursor, &inode, &value)) {
        const struct sim_mounts *mounts = value;
        list_for_each(node, &mounts->list) {
            const struct sim_mount *mount = list_entry(node, struct sim_mount, node);
            if (!mount->by_boot)
                strv_add(&targets, mount->target);
        }
    }
    strv_sort(targets);
    return targets;
}
