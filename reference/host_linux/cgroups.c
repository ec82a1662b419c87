/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup hierarchies that are mounted here. v1: one for each mount of type cgroup, bound to the
 * controllers among its options; v2: the mount of type cgroup2. It is `unified` only when that is
 * the standard place (containerizer.md 2.4): elsewhere it stands beside v1.
 */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "reference/cgroups/cgroup_fs.h"
#include "reference/cgroups/cgroup_fs_mount.h"

#define UNIFIED_MOUNT_POINT "/sys/fs/cgroup"

/* Options of every file system, which name no controller. */
static const char *const plain_options[] = {"rw", "ro", "xattr", "noprefix", "clone_children",
    "cpuset_v2_mode", "favordynmods", "nofavordynmods", NULL};

static bool is_plain(const char *option)
{
    for (size_t i = 0; plain_options[i]; i++)
        if (str_equal(option, plain_options[i]))
            return true;
    return str_starts(option, "release_agent=");
}

static char **controllers_v1(const char *options)
{
    _cleanup_strv_ char **all = strv_split(options, ",");
    char **controllers = NULL;
    for (size_t i = 0; all && all[i]; i++)
        if (!is_plain(all[i]))
            strv_add(&controllers, all[i]);
    return controllers;
}

static char **controllers_v2(const char *mount_point)
{
    _cleanup_free_ char *path = str_printf("%s/cgroup.controllers", mount_point);
    _cleanup_free_ char *text = NULL;
    return linux_read_path(AT_FDCWD, path, &text, NULL) < 0 ? NULL : strv_split(text, " \n");
}

static char *join(char *const *words)
{
    char *joined = NULL;
    for (size_t i = 0; words && words[i]; i++) {
        char *longer = joined ? str_printf("%s,%s", joined, words[i]) : str_dup(words[i]);
        free(joined);
        joined = longer;
    }
    return joined ? joined : str_dup("");
}

/* A hierarchy may be mounted several times: the first mount counts. */
static bool is_known(const struct cgroup_hierarchies *all, bool v2, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].v2 == v2 && str_equal(all->items[i].name, name))
            return true;
    return false;
}

static void add(struct host *host, struct cgroup_hierarchies *all, const char *mount_point,
    bool v2, const char *options)
{
    struct cgroup_hierarchy item = {.v2 = v2};
    item.controllers = v2 ? controllers_v2(mount_point) : controllers_v1(options);
    item.name = v2 ? str_dup("unified") : join(item.controllers);
    if (is_known(all, v2, item.name)) {
        free(item.name);
        strv_free(item.controllers);
        return;
    }
    item.fs = cgroup_fs_mount_new(host, item.name, mount_point, mount_point);
    cgroup_fs_mount_hold(item.fs);
    if (v2) {
        all->unified = str_equal(mount_point, UNIFIED_MOUNT_POINT);
        all->hybrid = !all->unified;
    }
    all->items = mem_realloc(all->items, (all->count + 1) * sizeof(*all->items));
    all->items[all->count++] = item;
}

/* ID PARENT DEVICE ROOT TARGET OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS: proc(5). */
static void add_line(
    struct host *host, struct cgroup_hierarchies *all, const char *choice, char *line)
{
    char *dash = strstr(line, " - ");
    if (!dash)
        return;
    *dash = '\0';
    _cleanup_strv_ char **before = strv_split(line, " ");
    _cleanup_strv_ char **after = strv_split(dash + 3, " ");
    if (strv_length(before) < 6 || strv_length(after) < 3)
        return;
    /* A part of a hierarchy (a container's own view bound somewhere) is not the hierarchy. */
    if (!str_equal(before[3], "/"))
        return;
    if (str_equal(after[0], "cgroup2") && !str_equal(choice, "v1"))
        add(host, all, before[4], true, after[2]);
    else if (str_equal(after[0], "cgroup") && !str_equal(choice, "v2"))
        add(host, all, before[4], false, after[2]);
}

struct cgroup_hierarchies *linux_hierarchies(struct host *host, const char *choice)
{
    _cleanup_free_ char *text = NULL;
    if (str_equal(choice, "none") ||
        linux_read_path(AT_FDCWD, "/proc/self/mountinfo", &text, NULL) < 0)
        return NULL;
    struct cgroup_hierarchies *all = mem_alloc(sizeof(*all));
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        add_line(host, all, choice, line);
    if (str_equal(choice, "v2")) {
        all->unified = all->count > 0;
        all->hybrid = false;
    }
    if (all->count == 0) {
        free(all);
        return NULL;
    }
    return all;
}

int linux_hierarchy_mount(
    struct host *host, const char *controller, const char *directory, struct err *err)
{
    int r = linux_mkdir(host, directory, 0755, true, err);
    if (r < 0)
        return r;
    if (mount("cgroup", directory, "cgroup", 0, controller) < 0) {
        r = -errno;
        rmdir(directory);
        return err_errno(err, r, "mount the %s hierarchy at %s", controller, directory);
    }
    add(host, host->cgroups, directory, false, controller);
    return 0;
}
