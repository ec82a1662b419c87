/* SPDX-License-Identifier: Apache-2.0 */
/* Is a run the same every time? */
#pragma once

#include "scenarios/engine/run/run.h"

/* Plays the scenario twice, with the digest of the world in every event, and compares event by
 * event. The report is that of the first play, turned into a failure at the first difference. */
void determinism_check(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *ret_report);
/* "event 12: args.path is "a", then "b""; NULL when the traces are equal; owned. */
char *determinism_compare(char *const *first, char *const *second);
