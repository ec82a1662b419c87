/* SPDX-License-Identifier: Apache-2.0 */
/* ContainerStatus (statistics.md 5). */
#pragma once

#include "reference/base/json.h"
#include "reference/model/config.h"

struct cgroup_net_cls {
    struct opt_u64 classid;
};
struct cgroup_info {
    struct cgroup_net_cls *net_cls;
};
struct container_status {
    char *container_id;
    struct network_info *network_infos;
    size_t network_infos_count;
    struct cgroup_info *cgroup_info;
    struct opt_i64 executor_pid; /* of the init helper, in the host's pid namespace */
};
extern const struct json_type container_status_json;
