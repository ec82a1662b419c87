/* SPDX-License-Identifier: Apache-2.0 */
/* What `expect` looks at in files. */
#pragma once

#include "scenarios/engine/run/run.h"

extern const struct schema expect_file_schema;
/* A file as JSON; NULL with what is wrong in *ret_seen. */
json_t *expect_read_json(struct run *run, const char *place, char **ret_seen);
/* NULL when all holds, else what is seen instead; owned. */
char *expect_look_file(struct run *run, const struct node *args);
