/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated process plays: the actions of `seatrial-workload ACTION…` (actions.h) over
 * virtual time, or one of a few tiny programs by the base name of argv[0]:
 *
 *     true, false, sleep NUMBER[smhd], echo TEXT, sh -c SCRIPT
 *
 * where a script holds those, `exit N`, `seatrial-workload …` and `exec`, joined by ; && or ||,
 * with quotes, $NAME and > or >> FILE. Anything else prints "NAME: not found" to stderr and ends
 * with status 127; bad actions print what is wrong and end with status 2.
 *
 * Its files are those of kernel->vfs. It ends as programs do: process_exit with the raw wait
 * status. Children that it spawns inherit everything here.
 */
#pragma once

#include "fakes/kernel/process.h"

/* A directory of the container that is another one of the vfs. */
struct workload_mapping {
    const char *inside;  /* "/mnt/mesos/sandbox" */
    const char *outside; /* "/var/lib/mesos/…" */
};
/* UINT64_MAX: unlimited. */
struct workload_limit {
    const char *name; /* "nofile" */
    uint64_t soft;
    uint64_t hard;
};

struct workload_start {
    char *const *argv;
    char *const *environment;  /* "NAME=value"; NULL: empty */
    const char *directory;     /* working directory, as seen inside; NULL: "/" */
    const char *stdin_path;    /* a pipe (pipe.h); NULL, or another file: empty */
    const char *stdout_path;   /* in the vfs, appended to; NULL: dropped */
    const char *stderr_path;
    const char *rootfs;        /* in the vfs, where absolute paths start; NULL: "/" */
    const struct workload_mapping *mappings; /* come before the rootfs */
    size_t mappings_count;
    const gid_t *groups;       /* supplementary, for the report */
    size_t groups_count;
    const struct workload_limit *limits; /* for the report */
    size_t limits_count;
};

/*
 * Makes the process play it, from the loop, from this instant on. Copies everything. The process
 * must be alive and without a behaviour; its command becomes argv[0]. -EINVAL when argv is empty.
 */
int workload_start(struct process *process, const struct workload_start *start);

/* There is something to read for the process of that pid, if it still waits for that. */
void workload_readable(struct kernel *kernel, pid_t pid);

/* The JSON of report:PATH, as in scenarios/workload/README.md. Owned. */
char *workload_report(const struct process *process);
