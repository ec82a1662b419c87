/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that outlives the server of a mount for as long as it takes to unmount: so that a
 * server that crashes, or is killed, leaves no dead mount. fusermount3's auto_unmount first looks
 * whether the mount is dead already, and leaves it there when the kernel is not yet that far; this
 * one waits until the server has ended and so closed all that it had open.
 */
#pragma once

#include "reference/base/err.h"

struct guard;

/* To be called while the process has one thread, before the mount. Errors: -EAGAIN, -EMFILE… */
int guard_start(struct guard **ret_guard, struct err *err);
/* From here on what is mounted at the absolute path goes when this process does. */
int guard_arm(struct guard *guard, const char *mount_point, struct err *err);
/* What was mounted is gone, and the guard ends once its server has. NULL is fine. */
void guard_free(struct guard *guard);
