/* SPDX-License-Identifier: Apache-2.0 */
/* Where a volume appears in a container: the rule that all volume isolators share (isolators.md
 * 10). */
#pragma once

#include "reference/isolators/isolator.h"

/*
 * absolute + rootfs: <rootfs>/<path>, created by the init. absolute, no rootfs: must exist on the
 * host. relative: a mount point is made in the sandbox; the target is below the in-container
 * sandbox with a rootfs, else below the sandbox. directory: whether a directory or a file is to
 * be made. ret_target: owned.
 */
int volume_target(struct host *host, const struct flags *flags,
    const struct container_config *config, const char *container_path, bool directory,
    char **ret_target, struct err *err);

/* A bind mount of source on target, recursive, read-only when the volume says RO. */
void volume_bind(
    struct launch_info *info, const struct volume *volume, const char *source, const char *target);

bool volume_is_read_only(const struct volume *volume);
/* True when the path has a component "..". */
bool volume_path_escapes(const char *path);
