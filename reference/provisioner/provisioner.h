/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioner of reference/provisioner.h: stores, backends, and the roots of containers. */
#pragma once

#include "reference/flags.h"
#include "reference/provisioner.h"

struct provisioner_counters {
    uint64_t remove_container_errors;
    uint64_t bind_remove_rootfs_errors;
};

/*
 * Makes <work_dir>/provisioner, the stores of --image_providers and chooses the backend. Without
 * --image_providers it has no stores: it still recovers and destroys, and touches nothing before.
 */
int image_provisioner_new(struct host *host, const struct flags *flags,
    struct provisioner **ret_provisioner, struct err *err);
const struct provisioner_counters *image_provisioner_counters(
    const struct provisioner *provisioner);
/* Ids of the containers that have roots, parents first; owned. */
char **image_provisioner_containers(const struct provisioner *provisioner);
