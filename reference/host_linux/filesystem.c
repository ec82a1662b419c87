/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a directory: the type of its file system, what its directories tell, and its room. */
#include "reference/host_linux/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int linux_rename(struct host *host, const char *from, const char *to, struct err *err)
{
    (void)host;
    return rename(from, to) < 0 ? err_errno(err, -errno, "rename %s to %s", from, to) : 0;
}

/* The deepest mount that holds the real path; of two at one place the later. */
static void type_find(struct host *host, const char *path, char type[24])
{
    struct mount_info *mounts = NULL;
    size_t count = 0;
    size_t best = 0;
    type[0] = '\0';
    if (linux_mounts(host, 0, &mounts, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(mounts[i].target);
        bool root = length == 1;
        if (length < best || strncmp(path, mounts[i].target, length) != 0 ||
            (!root && path[length] != '\0' && path[length] != '/'))
            continue;
        best = length;
        snprintf(type, 24, "%s", mounts[i].type);
    }
    mount_info_free(mounts, count);
}

/* provisioner.md 1; "." and ".." tell already, so nothing need be made to try it. */
static int entry_types_try(const char *path, bool *ret_told)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    if (!directory)
        return -errno;
    *ret_told = true;
    while ((entry = readdir(directory)))
        *ret_told = *ret_told && entry->d_type != DT_UNKNOWN;
    closedir(directory);
    return 0;
}

int linux_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err)
{
    struct statvfs room;
    _cleanup_free_ char *real = NULL;
    *ret_info = (struct filesystem_info){.size_bytes = 0};
    int result = linux_real_path(host, path, &real, err);
    if (result < 0)
        return result;
    type_find(host, real, ret_info->type);
    if (statvfs(real, &room) < 0)
        return err_errno(err, -errno, "look at the file system of %s", path);
    ret_info->size_bytes = (uint64_t)room.f_blocks * room.f_frsize;
    ret_info->used_bytes = (uint64_t)(room.f_blocks - room.f_bavail) * room.f_frsize;
    result = entry_types_try(real, &ret_info->tells_entry_type);
    return result < 0 ? err_errno(err, result, "read %s", path) : 0;
}
