/* SPDX-License-Identifier: Apache-2.0 */
/* A world on the real kernel below us: real processes, and cgroups of its own in each hierarchy. */
#pragma once

#include "fakes/replay/replay_files.h"

#define REPLAY_NOT_OURS "it would move a process that is not ours"

struct replay_real {
    struct replay_files files;
    char *base;
    char **home; /* lines of /proc/self/cgroup from before */
};

/*
 * Makes the base cgroup "seatrial-NAME-PID" in each hierarchy that the header's flags name (v2: in
 * the one hierarchy), and lets the world's file operations go there. With whole the root's
 * subtree_control is written where the trace says so. -ENOENT with what is missing.
 */
int replay_real_start(struct replay_real *real, struct replay_world *world, const char *directory,
    const char *name, bool whole, struct err *err);
/* Kills its processes and removes its cgroups. */
void replay_real_stop(struct replay_real *real, struct replay_world *world);
/* "$NAME" of a real pid. */
void replay_real_print_pid(const struct replay_world *world, int64_t pid, struct strbuf *out);
/* Why an operation is not done on a real machine; NULL when it is. */
const char *replay_real_forbidden(const struct replay_world *world, const struct replay_op *op);
/*
 * The last gate before a write to a real list of pids: false when it would move a process that is
 * not ours. Everything that is no number, or the number of nobody, passes; so does "0", ourselves,
 * where operations of a trace may say it.
 */
bool replay_real_may_move(const struct replay_world *world, const char *data, size_t length);
extern const struct replay_operation replay_real_ops[];
