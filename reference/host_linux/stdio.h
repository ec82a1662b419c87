/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors of a plan's process. */
#pragma once

#include "reference/launchers/plan.h"

/*
 * Opens the plan's stdin, stdout or stderr (0 to 2): made with its owner when it is not there. A
 * descriptor that the plan hands down is answered as it is, and stays the caller's. -errno.
 */
int linux_stdio_open(const struct plan *plan, unsigned i, struct err *err);
