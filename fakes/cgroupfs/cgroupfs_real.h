/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real processes in the model: whoever writes its pid (or that of another) to a list of pids gets a
 * simulated process with that very pid, owner and threads; born in the root cgroups. It ends when
 * the real one does. Nothing is ever done to the real one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cgroupfs;
struct cgroup_caller;
struct kernel;
struct process;

/* Makes what a write to a list of pids speaks of; "0" speaks of the writer. */
void cgroupfs_real_prepare(
    struct cgroupfs *fs, const char *data, size_t length, struct cgroup_caller *caller);
/* The process that a thread belongs to; the same number when that cannot be found out. */
pid_t cgroupfs_real_group(pid_t thread);
/* Becomes readable when a real process that we know has ended. */
int cgroupfs_real_fd(const struct cgroupfs *fs);
/* Ends the simulated processes whose real ones have ended. */
void cgroupfs_real_ended(struct cgroupfs *fs);
/* A simulated process with that pid; NULL with a pid that is taken, or beyond the model's. */
struct process *cgroupfs_real_make(
    struct kernel *kernel, pid_t pid, pid_t thread, uid_t uid, gid_t gid, bool kernel_thread);
