/* SPDX-License-Identifier: Apache-2.0 */
/* Writes operations with the results that they have here, in the format of the traces. */
#pragma once

#include <stdio.h>

#include "fakes/replay/replay_world.h"

/* The first line: that of the script, but with the kernel that runs here. */
void replay_record_header(FILE *file, const struct replay_trace *script);
/* An operation with its outcome; NULL: a line without, as of sections. */
void replay_record_op(
    FILE *file, const struct replay_op *op, const struct replay_outcome *outcome);
