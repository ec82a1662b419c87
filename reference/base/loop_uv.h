/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of real time, over libuv. */
#pragma once

#include "reference/base/loop.h"

/* A new loop; freed by loop_free, which expects no watch left (asserted). Aborts when libuv fails.
 */
struct loop *loop_uv_new(void);
