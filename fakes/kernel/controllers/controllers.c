/* SPDX-License-Identifier: Apache-2.0 */
/* All controllers, in the kernel's order. */
#include "fakes/kernel/cgroup_internal.h"

#define CONTROLLERS(each)                                                                          \
    each(CPUSET, cpuset) each(CPU, cpu) each(CPUACCT, cpuacct) each(IO, io) each(MEMORY, memory)   \
        each(DEVICES, devices) each(FREEZER, freezer) each(NET_CLS, net_cls)                       \
            each(PERF_EVENT, perf_event) each(NET_PRIO, net_prio) each(HUGETLB, hugetlb)           \
                each(PIDS, pids) each(RDMA, rdma) each(MISC, misc)

#define DECLARE(subsys, name) extern const struct cgroup_controller cgroup_controller_##name;
#define LIST(subsys, name) [SUBSYS_##subsys] = &cgroup_controller_##name,

CONTROLLERS(DECLARE)
const struct cgroup_controller *const cgroup_controllers[SUBSYS_COUNT] = {CONTROLLERS(LIST)};
