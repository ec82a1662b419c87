/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same scenario on several layouts of cgroups: what its callers observe must be the same, or
 * stand in the list of differences with the reason (layouts.c).
 */
#pragma once

#include <stdio.h>

#include "scenarios/engine/run/run.h"

struct layouts_totals {
    size_t same;
    size_t differ;
    size_t explained; /* differ, by a row of the list */
    size_t skipped;
};

/*
 * Compares every scenario of the suite on the layouts (NULL-terminated names), simulated. One that
 * has a variant per layout by its matrix is compared variant by variant; one that fixes its layout
 * is skipped. Writes a line for each that differs or is skipped.
 */
void layouts_compare(const struct suite *suite, char *const *layouts,
    const struct run_options *options, FILE *stream, struct layouts_totals *ret_totals);
