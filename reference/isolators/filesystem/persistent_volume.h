/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent volumes among resources: what filesystem/posix and filesystem/linux have in common. */
#pragma once

#include "reference/host.h"
#include "reference/model/resources.h"

/* A disk resource with a persistence id and a container path. */
bool persistent_volume_is(const struct resource *resource);
/* The volume with that persistence id; NULL when there is none. */
const struct resource *persistent_volume_find(const struct resources *resources, const char *id);
/* <work_dir>/volumes/roles/<role>/<id>, or below the disk source's own root; owned. */
char *persistent_volume_source(const char *work_dir, const struct resource *resource);
/* Gives the source to the owner of the sandbox, unless that is root. */
int persistent_volume_give(
    struct host *host, const char *sandbox, const char *source, struct err *err);
