/* SPDX-License-Identifier: Apache-2.0 */
/* From the arguments of a step to what the containerizer takes. */
#pragma once

#include "reference/model/config.h"
#include "scenarios/engine/run/run.h"

/* The config of a launch; released with container_config_json. -EINVAL. */
int config_make(
    struct run *run, const struct node *args, struct container_config *ret_config, struct err *err);
/* {cpus: 1, mem: 64} or a list of Resource; NULL gives none. Adds to `resources`. */
void config_resources(const struct node *node, struct resources *resources);
void config_limits(const struct node *node, struct resource_limits *limits);

#define CONFIG_FRAMEWORK "framework"
/* The executor of a container: made up from its id; owned. */
char *config_executor(const char *id);
