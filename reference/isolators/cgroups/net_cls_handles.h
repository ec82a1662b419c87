/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of network class ids of one primary handle (tests.md CG-11 to CG-14). */
#pragma once

#include <stdint.h>

#include "reference/base/err.h"

struct net_cls_handles;
/* Secondaries from low to high, both inclusive, low > 0. */
struct net_cls_handles *net_cls_handles_new(uint16_t primary, uint16_t low, uint16_t high);
void net_cls_handles_free(struct net_cls_handles *handles); /* NULL is fine */
/* The lowest free one; -ENOSPC. */
int net_cls_handles_allocate(
    struct net_cls_handles *handles, uint32_t *ret_classid, struct err *err);
/* Takes exactly this one; -ERANGE outside the pool, -EEXIST when taken. */
int net_cls_handles_reserve(struct net_cls_handles *handles, uint32_t classid, struct err *err);
/* -ERANGE outside the pool, -ENOENT when it was not allocated. */
int net_cls_handles_release(struct net_cls_handles *handles, uint32_t classid, struct err *err);
