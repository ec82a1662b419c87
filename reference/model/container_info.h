/* SPDX-License-Identifier: Apache-2.0 */
/* What a ContainerInfo must keep beyond the types of its fields (containerizer.md 2.2). */
#pragma once

#include "reference/model/config.h"

/*
 * Each volume names exactly one of host_path, image and source, and a source the message of its
 * type; a container of type DOCKER has `docker`, whose parameters are not `name`, which is the
 * agent's (MESOS-8497). NULL is fine. -EINVAL names the field: "container_info.volumes[1]: …".
 */
int container_info_check(const struct container_info *info, struct err *err);
