/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring what has regressed once more, and nothing else that its benchmark can leave out. */
#pragma once

#include "bench/compare.h"

/* The words of the command that does it as `now` was measured, with the result into a file. Owned.
 * At least one series has regressed. */
char **again_command(
    const struct comparison *comparison, const struct report *now, const char *output);

/* Runs that command; the samples of what has regressed are replaced in `now`. -EPROTO when it
 * fails, or measures nothing of it. */
int again_measure(const struct comparison *comparison, struct report *now, struct err *err);
