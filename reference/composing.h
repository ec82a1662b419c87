/* SPDX-License-Identifier: Apache-2.0 */
/* Several containerizers as one (composing.md): each launch is offered to one after the other. */
#pragma once

#include "reference/containerizer.h"
#include "reference/host.h"

/*
 * Takes the containerizers (the array is copied), in the order in which they are tried: the caller
 * decides it (alphabetical by default, composing.md "Order"). count is at least one; with exactly
 * one an agent needs no composing containerizer, but the rules hold all the same. The host is
 * borrowed, for traces. The metrics of all are one object.
 */
struct containerizer *composing_containerizer_new(
    struct host *host, struct containerizer *const *containerizers, size_t count);
