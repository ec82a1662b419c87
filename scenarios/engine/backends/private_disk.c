/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/private_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/backends/script.h"

#define DISK_BYTES (320 << 20) /* mkfs.xfs makes none below 300 MiB */
/* Again when two ask for a loop device, or for the module, at once. */
#define MOUNT(options, tries, file, directory)                                                     \
    "i=0; until mount -t xfs -o " options " " file " " directory                                   \
    "; do i=$((i+1)); [ $i -lt " tries " ]; sleep 0.3; done\n"

int private_disk_mount(const char *file, const char *directory, struct err *err)
{
    _cleanup_free_ char *script =
        str_printf("mkfs.xfs -q -f '%s'\n" MOUNT("loop,prjquota", "10", "'%s'", "'%s'"), file,
            file, directory);
    _cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, DISK_BYTES) < 0)
        return err_errno(err, -errno, "make %s", file);
    return script_run("mount an XFS", script, err);
}

/* Only the kernel that is asked to mount one tells whether it was built with quotas; it is asked
 * once it has XFS, so that nobody waits for what never comes. */
static bool disk_ask(void)
{
    return script_works(CLONE_NEWNS, "type mkfs.xfs xfs_quota xfs_io\n"
                                     "mount -t tmpfs tmpfs /tmp\n"
                                     "mkdir /tmp/d\n"
                                     "truncate -s 320M /tmp/f\n"
                                     "mkfs.xfs -q /tmp/f\n"
                                     MOUNT("loop", "20", "/tmp/f", "/tmp/d")
                                     "umount /tmp/d\n"
                                     MOUNT("loop,prjquota", "3", "/tmp/f", "/tmp/d"));
}

bool private_disk_works(void)
{
    static int answer = -1;

    return script_once(&answer, disk_ask);
}
