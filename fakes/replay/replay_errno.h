/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The number of "EBUSY"; 0 when it is not the name of one. */
int replay_errno_find(const char *name);
