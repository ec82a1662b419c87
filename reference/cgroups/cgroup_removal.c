/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/cgroup_removal.h"

#include <errno.h>

#include "reference/base/sometimes.h"

#define FIRST_DELAY_NS NS_PER_MS
#define LONGEST_DELAY_NS (256 * NS_PER_MS)

struct cgroup_removal {
    struct cgroup_fs *fs;
    char *path;
    uint64_t deadline_ns;
    uint64_t delay_ns;
    struct done done;
};

static void removal_finish(struct cgroup_removal *removal, int result, const struct err *err)
{
    struct done done = removal->done;

    free(removal->path);
    free(removal);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
}

static int remove_one(struct cgroup_fs *fs, const char *path, struct err *err)
{
    int r = cgroup_remove(fs, path, err);

    if (r == -ENOENT || r == -ENODEV) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* One pass over the tree. A cgroup without children, the common case, needs one rmdir and no
 * listing. */
static int removal_pass(struct cgroup_removal *removal, struct err *err)
{
    _cleanup_strv_ char **below = NULL;
    int r = remove_one(removal->fs, removal->path, err);

    if (r != -EBUSY)
        return r;
    err_clear(err);
    r = cgroup_descendants(removal->fs, removal->path, &below, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    for (size_t i = 0; r == 0 && below && below[i]; i++)
        r = remove_one(removal->fs, below[i], err);
    return r < 0 ? r : remove_one(removal->fs, removal->path, err);
}

static void removal_step(void *arg, int result)
{
    struct cgroup_removal *removal = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    struct host *host = removal->fs->host;
    int r = result;

    if (r == 0)
        r = removal_pass(removal, &err);
    if (r != -EBUSY || host_now_ns(host) >= removal->deadline_ns) {
        removal_finish(removal, r, &err);
        return;
    }
    sometimes("a cgroup stays busy after its processes died");
    host_timer(host, removal->delay_ns, removal_step, removal);
    if (removal->delay_ns < LONGEST_DELAY_NS)
        removal->delay_ns *= 2;
}

void cgroup_tree_remove(
    struct cgroup_fs *fs, const char *path, uint64_t timeout_ns, struct done done)
{
    struct cgroup_removal *removal = mem_alloc(sizeof(*removal));

    *removal = (struct cgroup_removal){.fs = fs,
        .path = str_dup(path),
        .deadline_ns = host_now_ns(fs->host) + timeout_ns,
        .delay_ns = FIRST_DELAY_NS,
        .done = done};
    removal_step(removal, 0);
}
