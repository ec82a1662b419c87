/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers that only account and place: the spec writes no limit for them (isolators.md 3.5).
 * What cpuset needs on v1, cpus and mems at each new level, is done where cgroups are created.
 */
#include "reference/isolators/cgroups/subsystem.h"

const struct cgroup_subsystem_ops cgroup_pids_ops = {
    .name = "pids",
    .controller_v1 = "pids",
    .controller_v2 = "pids",
};
const struct cgroup_subsystem_ops cgroup_cpuset_ops = {
    .name = "cpuset",
    .controller_v1 = "cpuset",
    .controller_v2 = "cpuset",
};
const struct cgroup_subsystem_ops cgroup_hugetlb_ops = {
    .name = "hugetlb",
    .controller_v1 = "hugetlb",
    .controller_v2 = "hugetlb",
};
const struct cgroup_subsystem_ops cgroup_net_prio_ops = {
    .name = "net_prio",
    .controller_v1 = "net_prio",
};
const struct cgroup_subsystem_ops cgroup_io_ops = {
    .name = "io",
    .controller_v2 = "io",
};
