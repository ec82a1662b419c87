/* SPDX-License-Identifier: Apache-2.0 */
/* A trace's world with its file operations going through a mount of its own model. */
#pragma once

#include "fakes/replay/replay_files.h"

struct cgroupfs;

struct replay_fuse {
    struct replay_files files;
    struct cgroupfs *fs;
    char *directory;
};

/* Mounts the world's kernel at an empty directory and serves it from a thread. */
int replay_fuse_start(struct replay_fuse *fuse, struct replay_world *world,
    const char *mount_point, struct err *err);
/* Before the world stops; when it was never started, does nothing. */
void replay_fuse_stop(struct replay_fuse *fuse, struct replay_world *world);
/* Why an operation cannot be the same through FUSE; NULL when it can. */
const char *replay_fuse_impossible(const struct replay_world *world, const struct replay_op *op);
