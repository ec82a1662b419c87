/* SPDX-License-Identifier: Apache-2.0 */
/* A disk of a scenario's own: XFS with project quotas, on a file by a loop device. */
#pragma once

#include <stdbool.h>

#include "reference/base/err.h"

/* Mounts it at the directory, which is there; the file is made anew and grows with its use.
 * Unmounting frees the loop device. */
int private_disk_mount(const char *file, const char *directory, struct err *err);
/* Whether the kernel and the machine's tools can; found out once, in a mount namespace for it. */
bool private_disk_works(void);
