/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the root (launchers.md 5.2), the way newer kernels allow: the old root is put on top of
 * the new one and detached from there with all below it. So nothing has to be mounted in the new
 * root for the old one to stand in, and whoever enters the mount namespace meanwhile sees the old
 * root (and waits) or the new one, but never something half done.
 */
#include "reference/launchers/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As Mesos leaves it behind; a read-only root does without. */
static void make_tmp(const char *rootfs)
{
    char tmp[4096];
    if ((size_t)snprintf(tmp, sizeof(tmp), "%s/tmp", rootfs) < sizeof(tmp) &&
        mkdir(tmp, 01777) == 0)
        chmod(tmp, 01777);
}

void child_change_root(const char *rootfs)
{
    make_tmp(rootfs);
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0)
        child_fail(errno, "open /");
    if (chdir(rootfs) < 0)
        child_fail(errno, "change to root %s", rootfs);
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        child_fail(errno, "pivot to root %s", rootfs);
    if (fchdir(old) < 0)
        child_fail(errno, "change to the old root");
    /* What is detached here must not be detached outside. */
    if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        child_fail(errno, "make the old root a slave");
    if (umount2(".", MNT_DETACH) < 0)
        child_fail(errno, "detach the old root");
    close(old);
    if (chdir("/") < 0)
        child_fail(errno, "change root to %s", rootfs);
}
