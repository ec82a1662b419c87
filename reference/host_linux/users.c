/* SPDX-License-Identifier: Apache-2.0 */
/* Users and their groups, from the host's name service. */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

int linux_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err)
{
    (void)host;
    size_t size = 1024;
    _cleanup_free_ char *buffer = NULL;
    struct passwd entry;
    struct passwd *found = NULL;
    int error;
    do {
        buffer = mem_realloc(buffer, size *= 2);
        error = getpwnam_r(name, &entry, buffer, size, &found);
    } while (error == ERANGE && size < (1 << 20));
    if (!found)
        return err_set(err, error ? -error : -ENOENT, "unknown user %s", name);

    int count = 16;
    gid_t *groups = NULL;
    for (int capacity = 0; capacity < count;) {
        capacity = count;
        groups = mem_realloc(groups, (size_t)capacity * sizeof(*groups));
        if (getgrouplist(name, entry.pw_gid, groups, &count) >= 0)
            break;
    }
    *ret_user = (struct user_info){.uid = entry.pw_uid,
        .gid = entry.pw_gid,
        .groups = groups,
        .groups_count = (size_t)count};
    return 0;
}
