/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher interface (launchers.md 1): makes, kills and finds the processes of containers. */
#pragma once

#include "reference/host.h"
#include "reference/model/agent_state.h"
#include "reference/model/status.h"

struct launcher;
struct launcher_ops {
    const char *name;
    void (*recover)(struct launcher *launcher, const struct container_state *states, size_t count,
        struct done done);
    int (*fork)(struct launcher *launcher, const char *id, struct plan *plan, pid_t *ret_pid,
        int *ret_gate, struct err *err);
    void (*destroy)(struct launcher *launcher, const char *id, struct done done);
    int (*status)(
        struct launcher *launcher, const char *id, struct container_status *into, struct err *err);
    void (*free)(struct launcher *launcher);
};
struct launcher {
    const struct launcher_ops *ops;
    struct host *host;
};

/* done's value: char *const * of the orphans, NULL-terminated, sorted, parents before children. */
static inline void launcher_recover(struct launcher *launcher, const struct container_state *states,
    size_t count, struct done done)
{
    launcher->ops->recover(launcher, states, count, done);
}
/*
 * Starts the plan's process, which waits at its gate. The launcher may add what it is responsible
 * for to the plan (into_cgroup, enter_pid). On failure nothing is left and the gate is closed.
 */
static inline int launcher_fork(struct launcher *launcher, const char *id, struct plan *plan,
    pid_t *ret_pid, int *ret_gate, struct err *err)
{
    return launcher->ops->fork(launcher, id, plan, ret_pid, ret_gate, err);
}
/* Ready when every process of the container is dead. Unknown id: ready. */
static inline void launcher_destroy(struct launcher *launcher, const char *id, struct done done)
{
    launcher->ops->destroy(launcher, id, done);
}
/* Merges executor_pid into `into`. Unknown id: -ENOENT. */
static inline int launcher_status(struct launcher *launcher, const char *id,
    struct container_status *into, struct err *err)
{
    return launcher->ops->status(launcher, id, into, err);
}
static inline void launcher_free(struct launcher *launcher)
{
    if (launcher)
        launcher->ops->free(launcher);
}

struct launcher_linux_options {
    const char *cgroups_root;       /* "mesos" */
    uint64_t destroy_timeout_ns;    /* 60 s */
    bool systemd;
};
struct launcher *launcher_posix_new(struct host *host);
int launcher_linux_new(struct host *host, const struct launcher_linux_options *options,
    struct launcher **ret_launcher, struct err *err);

/* Cgroup paths of containers (launchers.md 3.1); owned. */
char *launcher_cgroup(const char *root, const char *id);      /* root/x/mesos/y */
char *launcher_cgroup_leaf(const char *root, const char *id); /* …/leaf */
/* The container of a v1 / v2 cgroup path; NULL when it is not ours. v2 takes leaf and non-leaf
 * alike. */
char *launcher_cgroup_parse_v1(const char *root, const char *path);
char *launcher_cgroup_parse_v2(const char *root, const char *path);
