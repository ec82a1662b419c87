/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of the mounted file system: rules that are tried in order at each operation. A rule names
 * an operation (or all), a path (or all below it, or all), which of the matching operations it
 * strikes, and what happens: an errno, a delay, or that the file is not there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum cgroupfs_operation {
    OPERATION_LOOKUP,
    OPERATION_GETATTR,
    OPERATION_SETATTR,
    OPERATION_OPEN,
    OPERATION_READ,
    OPERATION_WRITE,
    OPERATION_POLL,
    OPERATION_LIST,
    OPERATION_MKDIR,
    OPERATION_RMDIR,
    OPERATION_RENAME,
    OPERATION_XATTR,
    OPERATION_EVENT, /* a notification of the server's own */
    OPERATION_COUNT,
};
extern const char *const cgroupfs_operation_names[OPERATION_COUNT + 1];

struct cgroupfs_fault {
    struct cgroupfs_fault *next;
    uint64_t id;
    int operation;      /* -1: any */
    char *path;         /* below the mount point; with "*" at its end: all that begins so;
                         * NULL: any */
    uint64_t nth;       /* the first one that is struck, from 1 */
    uint64_t times;     /* how many from there; 0: all */
    uint64_t until_ns;  /* of the model's clock; 0: no end */
    int error;          /* positive errno; 0: none */
    uint64_t delay_ns;  /* the answer comes later (the event too) */
    bool lost;          /* OPERATION_EVENT: never */
    bool missing;       /* as if there were no such file */
    uint64_t seen;      /* operations that matched so far */
    uint64_t struck;
};

struct cgroupfs_faults {
    struct cgroupfs_fault *first; /* in the order they were added */
    uint64_t last_id;
};

/* Takes the fault's path; returns its id. */
uint64_t cgroupfs_fault_add(struct cgroupfs_faults *faults, const struct cgroupfs_fault *fault);
/* id 0: all. False when there is none such. */
bool cgroupfs_fault_remove(struct cgroupfs_faults *faults, uint64_t id);
/* The rule that strikes; NULL. Counts. */
const struct cgroupfs_fault *cgroupfs_fault_find(struct cgroupfs_faults *faults,
    enum cgroupfs_operation operation, const char *path, uint64_t now_ns);

/* A change made through the mount, for the record. */
struct cgroupfs_change {
    enum cgroupfs_operation operation;
    const char *path; /* NULL: of node */
    const void *node; /* struct cgroup_node */
    const char *name; /* in the node: mkdir, rmdir, rename; xattr's name */
    const char *new_name;
    const void *data;
    size_t length;
    uint64_t handle;  /* open file that was written to */
    int64_t numbers[4]; /* mode | uid, gid, mtime */
    const struct cgroup_caller *opener;
    const struct cgroup_caller *caller;
    int64_t result;
};
