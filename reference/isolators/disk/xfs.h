/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of disk/xfs (isolators.md 11). */
#pragma once

#include "reference/isolators/disk/paths.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/ranges.h"

struct disk_xfs {
    struct isolator base;
    char *work_dir;
    struct ranges projects;
    bool enforce;
    bool kill; /* enforce by killing: a soft limit, checked now and then */
    uint64_t headroom_bytes;
    uint64_t check_ns;
    uint64_t reclaim_ns;
    struct strmap *containers; /* id -> struct xfs_container * */
    struct list known;         /* struct xfs_known */
    struct list operations;    /* struct xfs_operation */
    struct host_request *check;
    struct host_request *reclaim;
};

struct xfs_container {
    char *id;
    char *directory;
    char **ephemeral; /* share its project */
    int64_t project;
    struct disk_path *paths; /* the sandbox, when it has a quota, and volumes */
    size_t paths_count;
    struct opt_u64 used_bytes; /* of the sandbox */
    bool watched;
    struct done watch;
};

/* A directory with a project that no sandbox of a running container is: one of an ended container,
 * or a persistent volume. It keeps the project for as long as it is there. */
struct xfs_known {
    struct list node;
    char *directory;
    int64_t project;
};

/* disk_xfs_projects.c */
/* The lowest free one; 0: none. */
int64_t xfs_project_allocate(const struct disk_xfs *xfs);
bool xfs_project_taken(const struct disk_xfs *xfs, int64_t project);
void xfs_projects_count(const struct disk_xfs *xfs, json_int_t *ret_total, json_int_t *ret_free);
void xfs_known_add(struct disk_xfs *xfs, const char *directory, int64_t project);
int64_t xfs_known_project(const struct disk_xfs *xfs, const char *directory); /* 0: unknown */
void xfs_known_free(struct disk_xfs *xfs);
/* All sandboxes and persistent volumes that lie in the work directory; owned. */
char **xfs_directories(const struct disk_xfs *xfs);

/*
 * disk_xfs_tools.c: runs of xfs_quota and xfs_io, one after the other; the first that fails ends
 * the operation with what it said. `ran` gets the subject and the output of each.
 */
struct xfs_operation;
typedef int (*xfs_ran_fn)(struct xfs_operation *operation, const char *subject, const char *output,
    struct err *err);
struct xfs_job {
    char **argv;
    char *subject; /* may be NULL */
    xfs_ran_fn ran; /* NULL: nothing more is to be done */
};
struct xfs_operation {
    struct list node;
    struct disk_xfs *xfs;
    char *id; /* of the container, which may be gone meanwhile */
    struct done done;
    struct xfs_job *jobs;
    size_t count;
    size_t capacity;
    size_t next;
    struct host_request *run;
    void (*ended)(struct xfs_operation *operation); /* all went well; it may add further jobs */
};
struct xfs_operation *xfs_operation_new(struct disk_xfs *xfs, const char *id, struct done done);
/* Commands of `xfs_quota -x` for the file system that has the path; takes them, and copies. */
void xfs_quota_add(struct xfs_operation *operation, const char *path, char **commands,
    const char *subject, xfs_ran_fn ran);
/* The project of a directory: "projid = N". */
void xfs_project_ask(struct xfs_operation *operation, const char *directory, const char *subject,
    xfs_ran_fn ran);
void xfs_operation_start(struct xfs_operation *operation);
void xfs_operation_end(struct xfs_operation *operation, int result, const struct err *err);
struct xfs_container *xfs_operation_container(const struct xfs_operation *operation);

/* disk_xfs_recover.c */
void xfs_recover(struct isolator *isolator, const struct container_state *states, size_t count,
    char *const *orphans, struct done done);

/* disk_xfs.c */
struct xfs_container *xfs_container_add(struct disk_xfs *xfs, const char *id,
    const char *directory, char *const *ephemeral, int64_t project);
/* The sandbox and its ephemeral volumes get its project, and that its limits. */
void xfs_sandbox_assign(struct xfs_operation *operation, const struct xfs_container *container);
