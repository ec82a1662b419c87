/* SPDX-License-Identifier: Apache-2.0 */
/* Who descends from a process, without a look at all that the machine runs. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * The pids below `above`, ascending; owned. -ENOENT when the kernel tells nobody's children
 * (CONFIG_PROC_CHILDREN), or `above` is gone.
 */
int descendants_list(pid_t above, pid_t **ret_pids, size_t *ret_count);
