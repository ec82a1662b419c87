/* SPDX-License-Identifier: Apache-2.0 */
/* The linux launcher's own structures, shared by its files. */
#pragma once

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/launchers/cgroup_destroy.h"
#include "reference/launchers/launcher.h"

struct linux_launcher {
    struct launcher base;
    char *root;
    uint64_t destroy_timeout_ns;
    bool v2;
    struct cgroup_fs *freezer;  /* v1; borrowed */
    struct cgroup_fs *systemd;  /* v1 under systemd, else NULL; borrowed */
    struct cgroup_fs *unified;  /* v2; borrowed */
    struct strmap *records;     /* id -> struct linux_record * */
    struct exit_set *discarded; /* children whose fork failed, to be reaped */
};

struct linux_record {
    struct linux_launcher *launcher;
    char *id;
    pid_t pid;                   /* of the init; 0: unknown (found by its cgroup only) */
    struct linux_record *parent; /* NULL: a root, or the parent is unknown */
    unsigned children;           /* records whose parent this is */
    bool init;                   /* the pid is 1 in a pid namespace of the container's own */
    /* a destroy under way */
    struct cgroup_destroy *operation;
    struct cgroup_fs *const *next_fs; /* where to go on when the operation is done */
    struct cgroup_fs *plan_fs[3];     /* hierarchies to clean, NULL-terminated */
    struct done *waiters;
    size_t waiters_count;
    size_t waiters_capacity;
    bool destroying;
};

/* linux_fork.c */
int linux_fork(struct launcher *launcher, const char *id, struct plan *plan, pid_t *ret_pid,
    int *ret_gate, struct err *err);
/* Tells the host's statistics source of the container, whose cgroup exists: before its first task
 * runs, or on recovery. It runs without statistics all the same. */
void linux_publish(struct linux_launcher *launcher, const char *id);
/* linux_recover.c */
void linux_recover(struct launcher *launcher, const struct container_state *states, size_t count,
    struct done done);

/* linux.c */
struct linux_record *linux_record_add(struct linux_launcher *launcher, const char *id, pid_t pid);
void linux_destroy(struct launcher *launcher, const char *id, struct done done);
static inline struct linux_launcher *linux_launcher_of(struct launcher *launcher)
{
    return container_of(launcher, struct linux_launcher, base);
}
