/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container with a root file system of its own sees at /sys/fs/cgroup: its own cgroups and
 * nothing above them (isolators.md 3.4 and 4; MESOS-9070). They are mounted over the empty file
 * system that filesystem/linux puts there.
 */
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/cgroups/subsystem.h"
#include "reference/isolators/launch_build.h"
#include "reference/launchers/launcher.h"

#define PLACE "/sys/fs/cgroup"

/* "cpu,cpuacct" of "/sys/fs/cgroup/cpu,cpuacct". */
static const char *directory_of(const struct cgroup_fs *fs)
{
    const char *slash = strrchr(fs->mount_point, '/');

    return slash ? slash + 1 : fs->mount_point;
}

static void bind_hierarchy(struct launch_info *info, const struct cgroup_hierarchy *hierarchy,
    const char *path, const char *rootfs)
{
    const char *directory = directory_of(hierarchy->fs);
    _cleanup_free_ char *source = str_concat(hierarchy->fs->mount_point, "/", path, NULL);
    _cleanup_free_ char *target = str_concat(rootfs, PLACE "/", directory, NULL);

    launch_add_mount(info, source, target, NULL, MS_BIND | MS_REC, NULL);
    for (char **name = hierarchy->controllers; name && *name; name++) {
        _cleanup_free_ char *link = str_concat(rootfs, PLACE "/", *name, NULL);
        _cleanup_free_ char *whole = str_concat(PLACE "/", directory, NULL);

        /* Named hierarchies are no controllers that somebody would look for. */
        if (!str_equal(*name, directory) && !strchr(*name, '='))
            launch_add_symlink(info, whole, link);
    }
}

static void bind_v1(const struct cgroup_container *container, const char *rootfs,
    struct launch_info *info)
{
    static const char *const launchers[] = {"freezer", "name=systemd"};
    const struct cgroups_object *object = container->object;
    struct host *host = object->base.host;
    const struct cgroup_hierarchy *done[CGROUP_SUBSYSTEMS_MAX + ARRAY_SIZE(launchers)];
    unsigned count = 0;

    for (unsigned i = 0; i < object->count + ARRAY_SIZE(launchers); i++) {
        const char *name = i < object->count ? NULL : launchers[i - object->count];
        const struct cgroup_hierarchy *hierarchy =
            name ? cgroup_hierarchy_find(host->cgroups, name) : object->subsystems[i].hierarchy;
        bool unused = str_equal(name, "name=systemd") &&
                      !(host->facts.systemd && object->flags.systemd_enable_support);
        bool known = !hierarchy || unused;

        for (unsigned k = 0; k < count; k++)
            known |= done[k] == hierarchy;
        if (known)
            continue;
        done[count++] = hierarchy;
        bind_hierarchy(info, hierarchy, container->path, rootfs);
    }
}

void cgroup_container_mounts(const struct cgroup_container *container,
    const struct container_config *config, struct launch_info *info)
{
    const struct cgroups_object *object = container->object;
    struct launch_info own = {0};
    bool task = container_config_is_command_task(config);

    if (!config->rootfs) {
        /* In v2 a namespace goes with a root: without one it is the parent's, whichever that is. */
        if (object->v2 && container->nested)
            launch_add_enter(info, NS_CGROUP);
        return;
    }
    /* The root of a command task is entered by its executor. */
    struct launch_info *into = task ? &own : info;
    launch_add_clone(into, NS_MNT);
    if (object->v2) {
        _cleanup_free_ char *leaf =
            launcher_cgroup_leaf(object->flags.cgroups_root, container->id);
        const struct cgroup_fs *fs = object->subsystems[0].fs;
        _cleanup_free_ char *source = str_concat(fs->mount_point, "/", leaf, NULL);
        _cleanup_free_ char *target = str_concat(config->rootfs, PLACE, NULL);

        launch_add_clone(into, NS_CGROUP);
        launch_add_mount(into, source, target, NULL, MS_BIND | MS_REC, NULL);
    } else {
        bind_v1(container, config->rootfs, into);
    }
    if (task) {
        _cleanup_free_ char *text = json_type_encode_text(&launch_info_json, &own);
        _cleanup_free_ char *argument = str_concat("--task_launch_info=", text, NULL);

        launch_add_argument(info, argument);
        json_type_release(&launch_info_json, &own);
    }
}
