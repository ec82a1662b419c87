/* SPDX-License-Identifier: Apache-2.0 */
/* What the world of the real kernel does around scenarios: a supervisor, and cleaning up. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "scenarios/engine/backends/backend.h"

/*
 * Puts a supervisor above this process, once: it adopts and reaps the orphans of containers as init
 * does on a machine, and kills what is left when this process ends. Returns in the process below
 * it, which goes on; that process' end becomes the supervisor's own.
 */
void supervisor_start(void);
/* What the supervisor removes when this process dies over a scenario. */
void supervisor_note(const char *directory, const char *cgroups_root);
/* The descendants of the supervisor, without this process, by pid, as `observer` sees them; owned,
 * none when they cannot be listed. */
struct process_info *supervisor_processes(struct host *observer, size_t *ret_count);
/* Reaps this process' children, as init does for an agent that is gone. Not while one runs. */
void supervisor_reap(void);
/* Kills and reaps all of those. */
void supervisor_clean(struct world *world);
/* Removes the cgroups below the world's root, and mounts and files below its directory. */
void world_clean(struct world *world, const char *directory);
/* Thaws cgroups of version 1 whose names begin so, with all below: what is frozen does not die. */
void cgroups_thaw(const char *root);
/* Removes the cgroups whose names begin so, and all below them, in every hierarchy here. */
void cgroups_remove(const char *root);
/* The open descriptors of this process, each "number -> what"; owned. */
char **open_descriptors(void);
