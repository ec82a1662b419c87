/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent in another process, seen through its socket: the same struct agent and containerizer as
 * a local one, so that whoever drives one can drive the other.
 */
#pragma once

#include "reference/agent/agent.h"

/*
 * Connects, waiting up to timeout_ns for the socket to answer. The loop is borrowed. When the
 * connection ends, everything pending is called with -ESHUTDOWN ("agent gone"), and so is
 * everything later. `host` is only kept for its owner's sake; nothing is done through it.
 */
int agent_connect(struct loop *loop, struct host *host, const char *path, uint64_t timeout_ns,
    struct agent **ret_agent, struct err *err);
