/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers that only account and place: the spec writes no limit for them (isolators.md 3.5).
 * What cpuset needs on v1, cpus and mems at each new level, is done where cgroups are created.
 * Limits that users ask for by flags beyond the spec are written when a container is prepared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/isolators/cgroups/subsystem.h"

/* The flag's text as it is into the file; nothing without the flag. */
static int flag_write(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const char *flag, const char *file, struct err *err)
{
    const char *value = flags_other(&subsystem->object->flags, flag);

    int r = value ? cgroup_write(subsystem->fs, container->path, file, value, err) : 0;

    return r < 0 ? err_wrap(err, r, "%s", flag) : 0;
}

static int pids_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    return flag_write(subsystem, container, "cgroups_pids_max", "pids.max", err);
}

static int cpuset_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    int r = flag_write(subsystem, container, "cgroups_cpuset_cpus", "cpuset.cpus", err);

    return r < 0 ? r
                 : flag_write(subsystem, container, "cgroups_cpuset_mems", "cpuset.mems", err);
}

/* "2MB=64MB;…": a file per size of pages. A size that the kernel lacks has no file: that fails. */
static int hugetlb_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    const char *text = flags_other(&subsystem->object->flags, "cgroups_hugetlb_limits");
    _cleanup_strv_ char **limits = text ? strv_split(text, ";") : NULL;

    for (size_t i = 0; limits && limits[i]; i++) {
        const size_t size = strcspn(limits[i], "=");
        _cleanup_free_ char *page = str_ndup(limits[i], size);
        _cleanup_free_ char *file =
            str_printf("hugetlb.%s.%s", page, subsystem->v2 ? "max" : "limit_in_bytes");
        uint64_t bytes = 0;
        int r = bytes_parse(limits[i] + size + 1, &bytes, err);

        if (r == 0)
            r = cgroup_write_u64(subsystem->fs, container->path, file, bytes, err);
        if (r < 0)
            return err_wrap(err, r, "cgroups_hugetlb_limits");
    }
    return 0;
}

/* A line per device, each a write of its own as the kernel wants. */
static int io_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    const char *text = flags_other(&subsystem->object->flags, "cgroups_io_max");
    _cleanup_strv_ char **lines = text ? strv_split(text, ";") : NULL;

    for (size_t i = 0; lines && lines[i]; i++) {
        int r = cgroup_write(subsystem->fs, container->path, "io.max", lines[i], err);

        if (r < 0)
            return err_wrap(err, r, "cgroups_io_max");
    }
    return 0;
}

const struct cgroup_subsystem_ops cgroup_pids_ops = {
    .name = "pids",
    .controller_v1 = "pids",
    .controller_v2 = "pids",
    .prepare = pids_prepare,
};
const struct cgroup_subsystem_ops cgroup_cpuset_ops = {
    .name = "cpuset",
    .controller_v1 = "cpuset",
    .controller_v2 = "cpuset",
    .prepare = cpuset_prepare,
};
const struct cgroup_subsystem_ops cgroup_hugetlb_ops = {
    .name = "hugetlb",
    .controller_v1 = "hugetlb",
    .controller_v2 = "hugetlb",
    .prepare = hugetlb_prepare,
};
const struct cgroup_subsystem_ops cgroup_net_prio_ops = {
    .name = "net_prio",
    .controller_v1 = "net_prio",
};
const struct cgroup_subsystem_ops cgroup_io_ops = {
    .name = "io",
    .controller_v2 = "io",
    .prepare = io_prepare,
};
