/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/status.h"

#include "reference/base/mem.h"

static const struct json_field cgroup_net_cls_fields[] = {
    JSON_FIELD(struct cgroup_net_cls, classid, JSON_KIND_OPT_U64),
};
static const struct json_type cgroup_net_cls_json = {"cgroup_net_cls",
    sizeof(struct cgroup_net_cls), cgroup_net_cls_fields, ARRAY_SIZE(cgroup_net_cls_fields), NULL};

static const struct json_field cgroup_info_fields[] = {
    JSON_FIELD(struct cgroup_info, net_cls, JSON_KIND_OBJECT_PTR, .type = &cgroup_net_cls_json),
};
static const struct json_type cgroup_info_json = {"cgroup_info", sizeof(struct cgroup_info),
    cgroup_info_fields, ARRAY_SIZE(cgroup_info_fields), NULL};

static const struct json_field container_status_fields[] = {
    JSON_FIELD(struct container_status, container_id, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct container_status, network_infos, network_infos_count,
        &network_info_json),
    JSON_FIELD(struct container_status, cgroup_info, JSON_KIND_OBJECT_PTR,
        .type = &cgroup_info_json),
    JSON_FIELD(struct container_status, executor_pid, JSON_KIND_OPT_I64),
};
const struct json_type container_status_json = {"container_status", sizeof(struct container_status),
    container_status_fields, ARRAY_SIZE(container_status_fields), NULL};
