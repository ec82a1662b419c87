/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CSI plugin, "local", in every world: it listens by the host that it is given, and does what it
 * does by that host too. Below its directory stand its socket, a configuration file in config/, the
 * volumes, and in `calls` what it was asked, one "Call volume-id" a line.
 *
 * It stages, insists that a volume is staged before it is published and unpublished before it is
 * unstaged, and does again what was done already, as CSI wants. A volume_context with "fails": CALL
 * makes that call fail once, with "takes": SECONDS each of its calls lasts that long.
 */
#pragma once

#include "reference/host.h"

struct fake_csi;
/* NULL, with err, when it can't listen. */
struct fake_csi *fake_csi_new(struct host *host, const char *directory, struct err *err);
void fake_csi_free(struct fake_csi *csi); /* NULL is fine */
