/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same operations as system calls on a directory: the model behind FUSE, or a real cgroup file
 * system. Behind FUSE everything that is no file operation still goes to the model, in the same
 * process; on a real kernel processes are real (replay_real.h).
 */
#pragma once

#include "fakes/replay/replay_world.h"

struct files_handle;
struct real_actor;

struct replay_files {
    const char *directory; /* the v2 hierarchy, or where those of v1 are */
    const char *base;      /* the cgroup that stands for the recorder's base */
    bool real;             /* a real kernel: time passes by itself */
    bool whole;            /* and a machine of our own: the root's controllers are ours, too */
    bool stay;             /* we ourselves are not moved */
    /* Gives the model to the server of the mount, takes it back, waits for its notices. */
    void (*let)(void *arg);
    void (*take)(void *arg);
    void (*settle)(void *arg);
    void *arg;
    struct files_handle *handles; /* newest first */
    struct real_actor *actors;
};

extern const struct replay_operation replay_files_ops[];
extern const struct replay_operation replay_files_handle_ops[];
void replay_files_close(struct replay_files *files);

/* The host path of a recorded one; owned. */
char *replay_files_path(const struct replay_world *world, const char *recorded);
/* Around system calls: as the operation's user, with the model given away. */
void replay_files_begin(struct replay_world *world, const struct replay_op *op);
void replay_files_end(struct replay_world *world, const struct replay_op *op);
/* Opens, reads or writes, closes. */
int64_t replay_files_write(struct replay_world *world, const struct replay_op *op, int flags,
    const struct strbuf *data, struct replay_outcome *outcome);
bool replay_files_read(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, struct strbuf *out);
