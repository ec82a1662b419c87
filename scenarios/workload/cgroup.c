/* SPDX-License-Identifier: Apache-2.0 */
/* mkcgroup: where its own cgroups are, by /proc/self/cgroup and /proc/self/mountinfo. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "scenarios/workload/play.h"
#include "scenarios/workload/text.h"

/* Every one of a comma list is among the comma list `options`. */
static bool lists_contain(const char *options, const char *names)
{
    while (*names != '\0') {
        size_t length = strcspn(names, ",");
        const char *at = options;
        bool found = false;
        while (*at != '\0' && !found) {
            size_t option = strcspn(at, ",");
            found = option == length && strncmp(at, names, length) == 0;
            at += option + (at[option] == ',');
        }
        if (!found)
            return false;
        names += length + (names[length] == ',');
    }
    return true;
}

/*
 * The mount point of the hierarchy with these controllers ("": v2), and the part of it that is
 * mounted there, both in `mountinfo`; 0 or -ENOENT.
 */
static int hierarchy_find(
    char *mountinfo, const char *controllers, const char **ret_point, const char **ret_root)
{
    char *rest = NULL;
    for (char *line = strtok_r(mountinfo, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        struct mount_line mount;
        if (!mount_line_split(line, &mount))
            continue;
        if (controllers[0] == '\0' ? strcmp(mount.type, "cgroup2") != 0
                                   : strcmp(mount.type, "cgroup") != 0 ||
                                         !lists_contain(mount.super_options, controllers))
            continue;
        *ret_point = mount.target;
        *ret_root = mount.root;
        return 0;
    }
    return -ENOENT;
}

/* A v1 cpuset takes nobody in before it has CPUs and nodes: those of its parent. */
static void cpuset_inherit(const char *parent, const char *child)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct text from = {0}, to = {0}, value = {0};
        text_addf(&from, "%s/%s", parent, files[i]);
        text_addf(&to, "%s/%s", child, files[i]);
        if (file_read(from.bytes, &value) == 0)
            file_write(to.bytes, value.bytes, value.length, false);
        text_release(&from);
        text_release(&to);
        text_release(&value);
    }
}

static int nest_in(const char *parent, const char *name, bool v1)
{
    struct text path = {0};
    text_addf(&path, "%s/%s", parent, name);
    int result = mkdir(path.bytes, 0755) < 0 && errno != EEXIST ? -errno : 0;
    if (result == 0 && v1)
        cpuset_inherit(parent, path.bytes);
    if (result == 0) {
        text_addf(&path, "/cgroup.procs");
        result = file_write(path.bytes, "0", 1, false);
    }
    text_release(&path);
    return result;
}

static int nest(const char *controllers, const char *own, const char *name)
{
    struct text mountinfo = {0};
    const char *point = NULL, *root = NULL;
    int result = file_read("/proc/self/mountinfo", &mountinfo);
    if (result == 0)
        result = hierarchy_find(mountinfo.bytes, controllers, &point, &root);
    if (result == 0) {
        struct text parent = {0};
        size_t above = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(own, root, above) != 0)
            above = 0;
        text_addf(&parent, "%s%s", point, own + above);
        result = nest_in(parent.bytes, name, controllers[0] != '\0');
        text_release(&parent);
    }
    text_release(&mountinfo);
    return result;
}

int cgroup_nest(const char *name)
{
    struct text text = {0};
    char *rest = NULL;
    bool v1_done = false;
    int result = file_read("/proc/self/cgroup", &text);
    if (result < 0)
        return result;
    result = -ENOENT;
    /* "ID:CONTROLLERS:PATH", v1 first, v2 ("0::PATH") last. */
    for (char *line = strtok_r(text.bytes, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        bool v2 = controllers[0] == '\0';
        if (v2 ? v1_done : strcmp(path, "/") == 0)
            continue;
        result = nest(controllers, path, name);
        if (result < 0)
            break;
        v1_done = !v2;
    }
    text_release(&text);
    return result;
}
