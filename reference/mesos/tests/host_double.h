/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest host that a containerizer can live on: files in memory, and processes that do
 * nothing until the test ends them. Files and processes outlive the host, as they do an agent.
 */
#pragma once

#include "fakes/vfs.h"
#include "reference/base/map.h"
#include "reference/host.h"

struct double_world {
    struct loop *loop;
    struct vfs *vfs;
    struct u64map *processes; /* pid -> struct double_process */
    pid_t last_pid;
};

struct double_process {
    pid_t pid;
    pid_t ppid;
    bool released;
    bool ended;
    int wait_status;
    uint64_t mount_namespace;
    int last_signal;
    struct plan plan; /* what of it the tests look at: scalars, and owned copies of the texts */
    char *runtime;
    char *environment; /* flattened, "A=1 B=2" */
    char *command;     /* argv joined by spaces */
    char *working_directory;
    char *user;
};

void double_world_init(struct double_world *world);
void double_world_release(struct double_world *world);
struct host *double_host_new(struct double_world *world, struct trace *trace);
struct double_process *double_process_find(struct double_world *world, pid_t pid);
/* A process that no containerizer has started. */
struct double_process *double_process_add(struct double_world *world, pid_t pid, pid_t ppid);
/* The workload ends and its init with it: writes the status file unless `killed`. */
void double_process_end(struct double_world *world, pid_t pid, int wait_status, bool killed);
size_t double_processes_alive(struct double_world *world);
