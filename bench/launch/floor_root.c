/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/floor_root.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/launch/world.h"
#include "reference/base/mem.h"

static const struct {
    const char *name;
    unsigned minor;
    unsigned major;
} nodes[] = {{"full", 7, 1}, {"null", 3, 1}, {"random", 8, 1}, {"tty", 0, 5}, {"urandom", 9, 1},
    {"zero", 5, 1}};

/* In the order of the isolators; targets are below the root, which is the working directory. */
static const struct {
    const char *type; /* NULL: the target itself, read-only */
    const char *target;
    unsigned long flags;
    const char *options;
    bool fresh; /* the target is not there yet */
} mounts[] = {
    {"proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, false},
    {NULL, "proc/bus", 0, NULL, false},
    {NULL, "proc/fs", 0, NULL, false},
    {NULL, "proc/irq", 0, NULL, false},
    {NULL, "proc/sys", 0, NULL, false},
    {NULL, "proc/sysrq-trigger", 0, NULL, false},
    {"sysfs", "sys", MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, false},
    {"tmpfs", "sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755", false},
    {"tmpfs", "dev", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME, "mode=755", false},
    {"devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", true},
    {"tmpfs", "dev/shm", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=1777", true},
};

static const struct {
    const char *target;
    const char *link;
} links[] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
    {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};

static const struct {
    const char *path;
    bool directory;
} masks[] = {{"proc/acpi", true}, {"proc/asound", true}, {"proc/kcore", false},
    {"proc/keys", false}, {"proc/key-users", false}, {"proc/latency_stats", false},
    {"proc/sched_debug", false}, {"proc/scsi", true}, {"proc/timer_list", false},
    {"proc/timer_stats", false}, {"sys/firmware", true}};

struct floor_root {
    char *cgroups[WORLD_HIERARCHIES];
    char *cgroup_targets[WORLD_HIERARCHIES];
    char *rootfs;
    char *sandbox;
    char *devices;
    char *device_paths[ARRAY_SIZE(nodes)];
    char *device_targets[ARRAY_SIZE(nodes)];
};

struct floor_root *floor_root_new(const char *rootfs, const char *directory, const char *cgroup)
{
    struct floor_root *root = mem_alloc(sizeof(*root));

    root->rootfs = str_dup(rootfs);
    root->sandbox = str_dup(directory);
    root->devices = str_printf("%s.devices", directory);
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        root->device_paths[i] = str_printf("%s/%s", root->devices, nodes[i].name);
        root->device_targets[i] = str_printf("dev/%s", nodes[i].name);
    }
    for (size_t i = 0; i < WORLD_HIERARCHIES; i++) {
        root->cgroups[i] = str_printf("/sys/fs/cgroup/%s/%s/%s", world_hierarchies[i], cgroup,
            strrchr(directory, '/') + 1);
        root->cgroup_targets[i] = str_printf("sys/fs/cgroup/%s", world_hierarchies[i]);
    }
    return root;
}

void floor_root_free(struct floor_root *root)
{
    if (!root)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        free(root->device_paths[i]);
        free(root->device_targets[i]);
    }
    for (size_t i = 0; i < WORLD_HIERARCHIES; i++) {
        free(root->cgroups[i]);
        free(root->cgroup_targets[i]);
    }
    free(root->rootfs);
    free(root->sandbox);
    free(root->devices);
    free(root);
}

int floor_root_make(const struct floor_root *root)
{
    int r = mkdir(root->devices, 0700);
    const mode_t mask = umask(0); /* everybody in the container may use them */

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(nodes); i++)
        r = mknod(root->device_paths[i], S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor));
    umask(mask);
    return r;
}

void floor_root_remove(const struct floor_root *root)
{
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
        unlink(root->device_paths[i]);
    rmdir(root->devices);
}

/* What this kernel does not have is left out, as by the reference. */
static int mount_optional(int result)
{
    return result < 0 && errno == ENOENT ? 0 : result;
}

static int bind_read_only(const char *source, const char *target)
{
    int r = mount(source, target, NULL, MS_BIND, NULL);

    if (r < 0)
        return mount_optional(r);
    return mount(
        NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL);
}

static int file_systems_mount(void)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(mounts); i++) {
        if (!mounts[i].type)
            r = bind_read_only(mounts[i].target, mounts[i].target);
        else if (mounts[i].fresh)
            r = mkdir(mounts[i].target, 0755);
        if (r == 0 && mounts[i].type)
            r = mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
                mounts[i].options);
    }
    return r;
}

static int devices_bind(const struct floor_root *root)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(nodes); i++) {
        r = mknod(root->device_targets[i], S_IFREG | 0644, 0); /* something to mount on */
        if (r == 0)
            r = mount(root->device_paths[i], root->device_targets[i], NULL, MS_BIND, NULL);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++)
        r = symlink(links[i].target, links[i].link);
    return r;
}

static int cgroups_bind(const struct floor_root *root)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < WORLD_HIERARCHIES; i++) {
        r = mkdir(root->cgroup_targets[i], 0755);
        if (r == 0)
            r = mount(root->cgroups[i], root->cgroup_targets[i], NULL, MS_BIND | MS_REC, NULL);
    }
    return r;
}

static int paths_mask(void)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masks); i++) {
        if (masks[i].directory)
            r = mount_optional(mount("tmpfs", masks[i].path, "tmpfs", MS_RDONLY, "size=0"));
        else
            r = bind_read_only("/dev/null", masks[i].path);
    }
    return r;
}

int floor_root_enter(const struct floor_root *root)
{
    if (mount(root->rootfs, root->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        chdir(root->rootfs) < 0 || file_systems_mount() < 0 || devices_bind(root) < 0 ||
        mount(root->sandbox, "mnt/mesos/sandbox", NULL, MS_BIND | MS_REC, NULL) < 0 ||
        cgroups_bind(root) < 0 || paths_mask() < 0)
        return -1;
    /* The old root on top of the new one, and off again with all below it. */
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        return -1;
    return chdir("/mnt/mesos/sandbox");
}
