/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host over the simulated kernel. Each agent instance has a host of its own on the same kernel;
 * when one crashes, its gates close and its children are re-parented to init, as for a real
 * process.
 */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/host.h"

struct sim_host_options {
    /* "direct": the model; otherwise the mount point of the same model behind FUSE. */
    const char *cgroups;
    const char *cgroup_mount; /* what mount_point of hierarchies reads, default "/sys/fs/cgroup" */
};
struct host *sim_host_new(
    struct kernel *kernel, struct trace *trace, const struct sim_host_options *options);
/* The agent's own simulated process. */
struct process *sim_host_process(struct host *host);
/* Mounts made by hosts on this kernel and still there (leak audit); owned. */
char **sim_host_mount_targets(struct kernel *kernel);
/* Names a fake helper program for host_run: fn plays it. */
struct sim_program_result {
    int status;
    const char *output;
    const char *errors;
    uint64_t duration_ns; /* UINT64_MAX: hangs */
};
typedef void (*sim_program_fn)(
    void *arg, const struct run_request *request, struct sim_program_result *result);
void sim_host_program(struct host *host, const char *name, sim_program_fn fn, void *arg);
