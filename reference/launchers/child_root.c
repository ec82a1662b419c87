/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the root (launchers.md 5.2). */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Detaches what was below the old root, the newest first. Errors don't matter: the mount point
 * itself goes last, and with it the rest. */
static void detach_old_root(const char *old)
{
    FILE *mounts = fopen("/proc/mounts", "re");
    char **targets = NULL;
    size_t count = 0;
    char *line = NULL;
    size_t size = 0;
    while (mounts && getline(&line, &size, mounts) > 0) {
        char *target = strchr(line, ' ');
        char *end = target ? strchr(target + 1, ' ') : NULL;
        if (!end)
            continue;
        *end = '\0';
        if (!child_path_below(old, target + 1))
            continue;
        targets = realloc(targets, (count + 1) * sizeof(*targets));
        if (!targets)
            child_fail(ENOMEM, "detach the old root");
        targets[count++] = strdup(target + 1);
    }
    while (count-- > 0)
        if (targets[count])
            umount2(targets[count], MNT_DETACH);
    umount2(old, MNT_DETACH);
    free(line);
    if (mounts)
        fclose(mounts);
}

void child_change_root(const char *rootfs)
{
    char tmp[4096];
    if ((size_t)snprintf(tmp, sizeof(tmp), "%s/tmp", rootfs) >= sizeof(tmp))
        child_fail(ENAMETOOLONG, "root %s", rootfs);
    if (mkdir(tmp, 01777) < 0 && errno != EEXIST)
        child_fail(errno, "make %s", tmp);
    struct stat info;
    if (lstat(tmp, &info) < 0 || !S_ISDIR(info.st_mode))
        child_fail(ENOTDIR, "%s", tmp);
    if (mount("tmpfs", tmp, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777") < 0)
        child_fail(errno, "mount tmpfs at %s", tmp);
    char old[4200];
    snprintf(old, sizeof(old), "%s/._old_root_.XXXXXX", tmp);
    if (!mkdtemp(old))
        child_fail(errno, "make %s", old);
    if (chdir(rootfs) < 0)
        child_fail(errno, "change to root %s", rootfs);
    if (syscall(SYS_pivot_root, ".", old) < 0)
        child_fail(errno, "pivot to root %s", rootfs);
    if (chroot(".") < 0 || chdir("/") < 0)
        child_fail(errno, "change root to %s", rootfs);
    const char *old_inside = child_path_below(rootfs, old);
    detach_old_root(old_inside);
    if (rmdir(old_inside) < 0 && errno != EBUSY)
        child_fail(errno, "remove the old root");
    if (umount2("/tmp", MNT_DETACH) < 0)
        child_fail(errno, "unmount /tmp");
}
