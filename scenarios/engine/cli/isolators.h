/* SPDX-License-Identifier: Apache-2.0 */
/* What `seatrial isolators` tells: the list, the table of what was checked, and the peers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The built-in ones in their fixed order, the names of cgroups/ one by one; NULL-terminated, owned.
 */
char **isolator_rows(void);

/* Requirements, nesting, standalone and flags of each. */
void isolators_list(bool json);

struct isolators_check {
    char *const *paths;       /* files and folders of scenarios */
    const char *lab;          /* JSON file of `seatrial lab run --format json`; NULL: none */
    const char *lab_kernels;  /* play in the lab, on these kernels; NULL: not */
    const char *jobs;         /* workers */
    bool simulated_only;      /* plays nothing for real */
    bool json;
};
/* Plays, and prints isolator x world with the number of scenarios passed. 1: one has failed, or a
 * cell is empty for no reason; 2: bad input. */
int isolators_check(const struct isolators_check *check);

/* Values that others write for the same request. 0, or 1 when none could be asked. */
int isolators_peers(bool json);
