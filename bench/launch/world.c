/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/launch/audit.h"
#include "reference/base/mem.h"
#include "scenarios/engine/backends/kernel_world.h"

#define SETTLE_TRIES 100
#define SETTLE_US 20000

const char *const world_hierarchies[] = {"freezer", "cpu", "cpuacct", "memory", "pids"};

/* All v1 hierarchies in which a contender may make our cgroup. */
static const char *const all_hierarchies[] = {
    "freezer", "cpu", "cpuacct", "memory", "pids", "devices", "cpuset", "blkio", "systemd"};

static int cgroup2_hide(struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_errno(err, -errno, "a mount namespace of its own");
    if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        return err_errno(err, -errno, "hide the unified hierarchy");
    return 0;
}

static int file_copy(const char *from, const char *to, struct err *err)
{
    char bytes[65536];
    _cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    ssize_t count = in < 0 || out < 0 ? -1 : 0;

    while (count >= 0 && (count = read(in, bytes, sizeof(bytes))) > 0) {
        if (write(out, bytes, (size_t)count) != count)
            return err_errno(err, errno ? -errno : -EIO, "write %s", to);
    }
    return count < 0 ? err_errno(err, -errno, "copy %s to %s", from, to) : 0;
}

/* The payload, and places for the mounts that runtimes make. */
static int rootfs_make(struct launch_world *world, struct err *err)
{
    static const char *const directories[] = {"", "/proc", "/sys", "/dev", "/tmp", "/usr", "/etc",
        "/run", "/mnt", "/mnt/mesos", "/mnt/mesos/sandbox", "/told"};
    _cleanup_free_ char *payload = str_printf("%s/payload", world->rootfs);

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        _cleanup_free_ char *path = str_printf("%s%s", world->rootfs, directories[i]);

        if (mkdir(path, 0755) < 0)
            return err_errno(err, -errno, "make %s", path);
    }
    return file_copy(world->payload, payload, err);
}

int world_open(struct launch_world *world, struct err *err)
{
    _cleanup_free_ char *template = str_printf("/tmp/seatrial-bench-%d-XXXXXX", (int)getpid());
    int r;

    if (geteuid() != 0)
        return err_set(err, -EPERM, "containers with cgroups need root");
    world->payload = kernel_program_path("seatrial-payload");
    world->init_helper = kernel_program_path("seatrial-init");
    if (access(world->payload, X_OK) < 0 || access(world->init_helper, X_OK) < 0)
        return err_set(err, -ENOENT, "%s or %s is missing: build or install all of seatrial",
            world->payload, world->init_helper);
    if (!mkdtemp(template))
        return err_errno(err, -errno, "make a directory below /tmp");
    world->directory = str_dup(template);
    world->rootfs = str_printf("%s/rootfs", world->directory);
    world->cgroup = str_printf("seatrial-bench-%d", (int)getpid());
    r = rootfs_make(world, err);
    if (r == 0)
        r = cgroup2_hide(err);
    if (r == 0)
        world->before = audit_new(world->cgroup, world->directory);
    return r;
}

/* A cgroup stays for a moment after its last task: what goes away by itself is no leak. */
static void cgroups_remove(const struct launch_world *world)
{
    for (size_t i = 0; i < ARRAY_SIZE(all_hierarchies); i++) {
        _cleanup_free_ char *path =
            str_printf("/sys/fs/cgroup/%s/%s", all_hierarchies[i], world->cgroup);

        for (int k = 0; k < SETTLE_TRIES && rmdir(path) < 0 && errno == EBUSY; k++)
            usleep(SETTLE_US);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    remove(path);
    return 0; /* what can't be removed is told by the audit */
}

void world_close(struct launch_world *world, char ***leaks)
{
    if (world->cgroup)
        cgroups_remove(world);
    if (world->before)
        audit_compare(world->before, leaks);
    if (world->directory) {
        nftw(world->directory, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        if (access(world->directory, F_OK) == 0)
            strv_add_owned(leaks, str_printf("files %s", world->directory));
    }
    audit_free(world->before);
    free(world->directory);
    free(world->rootfs);
    free(world->payload);
    free(world->init_helper);
    free(world->cgroup);
    *world = (struct launch_world){0};
}
