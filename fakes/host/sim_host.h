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
    /* Then: gives the model to whoever serves the mount, and takes it back; around each call that
     * goes there. NULL: nobody else touches the model meanwhile. */
    void (*cgroups_let)(void *arg);
    void (*cgroups_take)(void *arg);
    void *cgroups_arg;
    const char *cgroup_mount; /* what mount_point of hierarchies reads, default "/sys/fs/cgroup" */
};
struct host *sim_host_new(
    struct kernel *kernel, struct trace *trace, const struct sim_host_options *options);
/*
 * A host for a program of its own that plays in a simulated process: what it spawns are children of
 * that process. Paths of its stdout and stderr may be NULL. It knows no cgroups. The process is the
 * caller's to end, before the host is freed: sim_host_leave forgets it.
 */
struct process;
struct host *sim_host_for(struct process *process, const char *output, const char *errors);
void sim_host_leave(struct host *host);
/* The agent's own simulated process. */
struct process *sim_host_process(struct host *host);
/* How many gates the agent holds open: an agent that is idle holds none. */
size_t sim_host_open_gates(struct host *host);
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

/*
 * A fake helper program that ends when somebody says so. `start` is called for each command; it,
 * or somebody later, calls sim_command_end. `killed` is called for a command that must be
 * forgotten: it was cancelled, took too long, or its agent is gone.
 */
struct sim_command;
struct sim_commands {
    void (*start)(void *arg, struct sim_command *command, const struct run_request *request);
    void (*killed)(void *arg, struct sim_command *command);
    void *arg;
};
void sim_host_commands(struct host *host, const char *name, const struct sim_commands *commands);
void sim_command_end(struct sim_command *command, const struct sim_program_result *result);

/* NVIDIA GPUs, as their driver tells of them in /proc. Device nodes are there with it. */
#define SIM_GPU_DRIVER "/proc/driver/nvidia/gpus"
void sim_host_gpus(struct host *host, unsigned count);
/* The type of file system that everything is on, a static text; "xfs-ftype0" is an xfs whose
 * directories do not say what kind each entry is. */
void sim_host_filesystem(struct host *host, const char *type);

/* A fake program of processes made by host_spawn: play gives the fresh process its behaviour. */
struct workload_start;
typedef void (*sim_player_fn)(
    void *arg, struct process *process, const struct workload_start *start);
void sim_host_player(struct host *host, const char *name, sim_player_fn play, void *arg);
