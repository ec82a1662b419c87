/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seatrial-unpack on the simulated machine. An archive is a file with JSON in it:
 *
 *     {"entries": [{"path": "etc/motd", "type": "f", "text": "hello", "mode": 420},
 *                  {"path": "etc", "type": "d"}, {"path": "x", "type": "l", "text": "etc"}]}
 *
 * Whiteouts stay markers of AUFS in every tree: a simulated overlay understands them.
 */
#pragma once

#include "fakes/host/sim_world.h"
#include "fakes/vfs.h"

/* Plays the command; its texts live until the next one. */
void fake_unpack_play(struct sim_world *world, const struct run_request *request,
    struct sim_program_result *result);
/* Puts a layer's tree on top of what is in the directory: what copy and overlay show. */
int fake_layer_apply(struct vfs *vfs, const char *layer, const char *directory);
