/* SPDX-License-Identifier: Apache-2.0 */
/* Loads for the bench of the probes: children in cgroups of their own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

typedef int (*load_fn)(void *arg);

/* A cgroup "seatrial-bench-NAME" in every mounted hierarchy, or, if its name is "launch", in the
 * freezer's or the unified one alone; 0 or a negative errno. */
int load_cgroup_make(const char *name);
void load_cgroup_remove(const char *name);

struct load_result {
    int status;           /* as of wait */
    double cpu_seconds;   /* of the child and its children, after it was moved */
    double wall_seconds;
    uint64_t faults_minor;
    uint64_t switches_voluntary;
};
/* Runs fn in a child in the cgroup, and waits for it. */
int load_run(const char *cgroup, load_fn fn, void *arg, struct load_result *ret_result);

struct load_amount {
    unsigned count;
    double seconds;
    bool pinned;
};
/* With a struct load_amount: count round trips between two processes on one CPU, */
int load_ping_pong(void *arg);
/* `perf bench sched pipe` of so many, on one CPU if pinned; fails where there is no perf, */
int load_perf_pipe(void *arg);
/* spinning for so many seconds of CPU time, */
int load_spin(void *arg);
/* count children that execute true, */
int load_spawn(void *arg);
/* touching count pages, */
int load_touch(void *arg);
/* count datagrams of 100 bytes to itself, */
int load_datagrams(void *arg);
/* count direct writes of a page into the file that bpf.c made. */
int load_write(void *arg);

#define LOAD_FILE "/var/tmp/seatrial-bench-bpf"
#define LOAD_PAGE 4096
#define LOAD_DATAGRAM 100
