/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destruction of one cgroup with all below it: kill what is in there, then remove bottom-up
 * (launchers.md 3.5). Private to the linux launcher. Everything is read again on each turn, so
 * that lost events, forks and sub-cgroups made meanwhile cost time only; nothing waits in place.
 *
 * What v1 and v2 have in common is here; how each kills is its `kill` function.
 */
#pragma once

#include "reference/cgroups/cgroup_fs.h"
#include "reference/launchers/exit_set.h"

struct cgroup_destroy;

/*
 * One turn of the kill. 0: no process is left, go on with the removal; 1: more turns are needed,
 * and `delay_ns` says when the next is due at the latest; negative: the destroy fails.
 */
typedef int (*cgroup_kill_fn)(struct cgroup_destroy *destroy, uint64_t *ret_delay_ns,
    struct err *err);
/* Called once before a failure is reported, to leave nothing frozen. May be NULL. */
typedef void (*cgroup_abandon_fn)(struct cgroup_destroy *destroy);

struct cgroup_destroy_kind {
    cgroup_kill_fn kill;
    cgroup_abandon_fn abandon;
    /* Delays between attempts at a busy removal: doubled up to the maximum. */
    uint64_t busy_delay_max_ns;
    unsigned busy_attempts_max; /* 0: bounded by the timeout only */
    bool plain; /* a container's processes are in its cgroup itself, and usually nothing below it */
};
extern const struct cgroup_destroy_kind cgroup_destroy_v1;
extern const struct cgroup_destroy_kind cgroup_destroy_v2;

struct cgroup_destroy {
    const struct cgroup_destroy_kind *kind;
    struct host *host;
    struct cgroup_fs *fs;
    char *path;
    uint64_t deadline_ns;
    struct done done;
    struct host_request *timer;
    struct exit_set *exits;     /* killed, not yet ended; NULL until needed */
    uint64_t kill_delay_ns;     /* of the guard between two turns of the kill */
    uint64_t busy_delay_ns;
    unsigned busy_attempts;
    char **paths; /* what the last turn listed; NULL: list again before removing */
    pid_t init;   /* whose end is that of all processes: cgroup_destroy_init(); 0: none is */
    bool empty;   /* perhaps: its removal is tried before it is looked into */

    /* v1: the init, then the freezer */
    uint64_t init_deadline_ns; /* 0: it has not been killed yet */
    int freeze_phase;
    uint64_t freeze_deadline_ns;
    unsigned freeze_polls;
    /* v2: cgroup.events */
    struct cgroup_watch *watch;
    bool watch_tried;
    bool killed_once;
};

/*
 * Prepares and starts. done is called exactly once, perhaps before start returns; it frees the
 * operation. A missing cgroup is success. Freeing before never calls done.
 */
struct cgroup_destroy *cgroup_destroy_new(const struct cgroup_destroy_kind *kind, struct host *host,
    struct cgroup_fs *fs, const char *path, uint64_t timeout_ns, struct done done);
/* Before the start: the init has a pid namespace of its own, so the kernel kills with it whatever
 * is in there. */
void cgroup_destroy_init(struct cgroup_destroy *destroy, pid_t init);
void cgroup_destroy_start(struct cgroup_destroy *destroy);
void cgroup_destroy_free(struct cgroup_destroy *destroy);

/* For the kinds. Takes the next turn from the loop, soon. */
void cgroup_destroy_wake(struct cgroup_destroy *destroy);
/* Its guard has waited in ever longer steps, up to the longest. */
bool cgroup_destroy_is_slow(const struct cgroup_destroy *destroy);
/* The cgroup's descendants, children first, and itself. -ENOENT when it is gone. */
int cgroup_destroy_list(struct cgroup_destroy *destroy, char ***ret_paths, struct err *err);
/* Awaits the end of a process in `exits`. */
void cgroup_destroy_await(struct cgroup_destroy *destroy, pid_t pid);
/* SIGKILL to every process in the paths; awaits their ends in `exits`. Yields their number. */
int cgroup_destroy_kill(struct cgroup_destroy *destroy, char *const *paths, size_t *ret_count,
    struct err *err);
/* Doubling delays between turns, from 1 ms up to a quarter of a second. */
uint64_t cgroup_destroy_guard(struct cgroup_destroy *destroy);
