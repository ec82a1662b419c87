/* SPDX-License-Identifier: Apache-2.0 */
/* What `expect` looks at in files. */
#pragma once

#include "scenarios/engine/run/run.h"

extern const struct schema expect_file_schema;
/* NULL when all holds, else what is seen instead; owned. */
char *expect_look_file(struct run *run, const struct node *args);
