/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated du, which the disk isolator runs. */
#pragma once

#include "fakes/host/sim_host.h"

struct vfs;

/* What the tree takes, in whole blocks. */
uint64_t sim_du_kib(struct vfs *vfs, const char *top);
/* A sim_program_fn; `arg` is the struct vfs to measure. Takes 10 ms. */
void sim_du_play(void *arg, const struct run_request *request, struct sim_program_result *result);
