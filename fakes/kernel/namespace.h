/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of simulated processes: made, counted, and, for pids, a tree. */
#pragma once

#include "fakes/kernel/process.h"

/* With one reference. parent: the enclosing pid namespace, NULL for other kinds and the root. */
struct namespace *namespace_new(
    struct kernel *kernel, enum namespace_kind kind, struct namespace *parent);
struct namespace *namespace_get(struct namespace *space);
/* A new cgroup namespace's root is where that task stands. */
void namespace_set_cgroup_roots(struct namespace *space, const struct task *task);
void namespace_put(struct namespace *space); /* NULL is fine */
/* True when `inner` is `outer` or lies within it (pid namespaces). */
bool namespace_within(const struct namespace *inner, const struct namespace *outer);
/* The next free pid in a pid namespace that is not the root; 0 when there is none. */
pid_t namespace_next_pid(struct namespace *space);
/* The next pid namespace of the tree below `top`, in order of creation; NULL at the end. */
struct namespace *namespace_following(const struct namespace *space, const struct namespace *top);
