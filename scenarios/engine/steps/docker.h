/* SPDX-License-Identifier: Apache-2.0 */
/* What `expect` looks at in the simulated docker engine. */
#pragma once

#include "scenarios/engine/run/run.h"

extern const struct schema expect_docker_schema;
/* NULL when all holds, else what is seen instead; owned. */
char *expect_look_docker(struct run *run, const struct node *args);
