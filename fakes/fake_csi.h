/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSI plugins, "local" and "old", in every world: they listen by the host that they are given, and
 * do what they do by that host too. Both have the same volumes, but old speaks only version 0 of
 * CSI. Below the directory stand their sockets, a configuration file of each in config/, the
 * volumes, and in `calls` what they were asked, one "Call volume-id" a line.
 *
 * A volume is to be staged before it is published, and unpublished before it is unstaged; what was
 * done already is done again, as CSI wants. A volume_context with "takes": SECONDS makes each call
 * last that long, one with "fails": CALL makes that call fail once, "by" an error (which is the
 * default), a "hang-up", "garbage" or "silence".
 */
#pragma once

#include "reference/host.h"

struct fake_csi;
/* NULL, with err, when it can't listen. */
struct fake_csi *fake_csi_new(struct host *host, const char *directory, struct err *err);
void fake_csi_free(struct fake_csi *csi); /* NULL is fine */
