/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of seatrial-unpack (unpack/unpack.h). */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"

struct helper_call;
/* <launcher_dir>/seatrial-unpack where it is there, else by PATH; owned. */
char *helper_program(struct host *host, const struct flags *flags);
/*
 * Runs the helper. `done`, never before this returns, gets its output (const char *), or a failure
 * with what it printed to stderr. The handle dies with that call and with a cancel.
 */
struct helper_call *helper_start(
    struct host *host, const char *program, char *const *arguments, struct done done);
/* Kills it; done is not called. NULL is fine. */
void helper_cancel(struct helper_call *call);
