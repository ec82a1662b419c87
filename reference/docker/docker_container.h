/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the docker containerizer share: the record of a container. A container is in
 * one phase; containerizer.c has the one table of legal transitions. A launch goes on by
 * continuations, one for each step of docker.md 5 (launch.c); a destroy cuts it off, or waits for
 * it when the container is RUNNING (destroy.c).
 */
#pragma once

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/docker/docker_containerizer.h"
#include "reference/docker/options.h"

#define CONTAINER_NEW (-1) /* the phase of a record before its first one */

struct docker_containerizer {
    struct containerizer base;
    struct host *host;
    struct docker_options options;
    struct docker *docker;
    struct fetcher *fetcher;
    struct docker_hooks hooks;
    char *glog_v;
    struct docker_version version;
    bool version_known;
    struct strmap *containers; /* id -> struct docker_container * */
    struct list removals;      /* struct docker_removal */
    struct list unstarted;     /* struct docker_unstarted: executor.c */
    struct docker_recovery *recovery; /* recover.c; NULL: none under way */
    bool closing;
};

/* The process whose end is the container's: the executor, or the main process of its container. */
enum docker_reap { REAP_NONE, REAP_PENDING, REAP_ENDED, REAP_FAILED };

enum docker_destroy_step { DESTROY_LAUNCH, DESTROY_STOP, DESTROY_EXIT };

struct docker_launch;
struct docker_container;

/* A `docker run` under way. It outlives its container when what it makes is to be removed. */
struct docker_running {
    struct docker_container *container; /* NULL: dropped */
    struct docker_removal *removal;     /* NULL: none is to be made */
    struct host_request *request;
};

struct docker_container {
    struct docker_containerizer *docker;
    char *id;
    int phase;           /* enum container_phase or CONTAINER_NEW */
    char *name;          /* of the docker container of the task or the custom executor */
    char *executor_name; /* of the one in which mesos-docker-executor runs; NULL: it does not */
    bool command_task;
    bool recovered;
    struct container_config config; /* empty when recovered */
    char *directory;                /* the sandbox, or the link to it */
    char *link;                     /* the link that was made; NULL: none */
    struct resources requests;
    struct resource_limits limits;

    struct docker_launch *launch; /* not answered yet; NULL otherwise */
    bool launch_failed;
    bool mounted; /* has persistent volumes */

    pid_t executor_pid; /* of mesos-docker-executor on the host; 0: none or unknown */
    pid_t pid;          /* of the docker container `name`, once inspected; 0: unknown */
    char *cpu_cgroup;   /* of pid, once looked up; NULL: unknown */
    char *memory_cgroup;
    struct docker_running *run; /* NULL: it has ended, or there was none */

    enum docker_reap reap;
    struct host_request *exit_watch;
    struct opt_i64 status;

    bool killed; /* destroyed from outside */
    enum docker_destroy_step destroy_step;
    bool stop_failed;
    struct host_request *stop;
    struct host_request *stop_timer;
    struct list waiters; /* reference/operation.h */
    struct list queries; /* updates and usages under way: struct docker_query */
};

static inline struct docker_containerizer *docker_of(struct containerizer *base)
{
    return container_of(base, struct docker_containerizer, base);
}

/* --- containerizer.c --- */
struct docker_container *docker_find(struct docker_containerizer *docker, const char *id);
/* A new record in the map, without phase. */
struct docker_container *docker_record(struct docker_containerizer *docker, const char *id);
/* Out of the map, with its link; then freed, its waiters answered with the termination (NULL: with
 * the failure) and its queries as docker_queries_end says. The launch must be answered before. */
void docker_drop(struct docker_container *container, const struct termination *termination,
    int result, const struct err *err);
void docker_transition(struct docker_container *container, enum container_phase to);
/* Watches the process whose end is that of the container. */
void docker_reap_start(struct docker_container *container, pid_t pid);
/* Signals the process and all below it, parents first; errors are ignored. */
void docker_signal_tree(struct host *host, pid_t pid, int signal);

/* --- launch.c --- */
struct docker_launch {
    struct docker_container *container; /* NULL once that is gone */
    struct done done;
    bool waiting; /* for an answer that can't be given up: of a hook, or of the fetcher */
    struct host_request *step; /* what can be */
    struct environment_variable *environment;
    size_t environment_count;
    struct environment_variable *task_environment;
    size_t task_environment_count;
    char *pid_checkpoint_path;
    uint64_t pull_start_ns;
    char *pull_home; /* temporary, to be removed; NULL: none */
    bool pulled;     /* this launch has pulled the image */
    pid_t pid;       /* of the container that was run, when inspected */
};
void docker_launch(struct containerizer *base, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done);
/* Takes the launch off its container: its answer is the caller's to give, by launch_end. */
struct docker_launch *docker_launch_detach(struct docker_container *container);
/* Answers a detached launch and frees it, at the latest when nobody else waits. 0: SUCCESS. */
void docker_launch_end(
    struct docker_launch *launch, const char *id, int result, const struct err *err);
/* Frees a launch that was detached and answered and for which nobody waits. */
void docker_launch_free(struct docker_launch *launch);
/* The steps' outcomes: the launch failed; it goes on with the next step. */
void docker_launch_fail(struct docker_launch *launch, int result, const struct err *err);
void docker_launch_pulled(struct docker_launch *launch);
void docker_launch_succeed(struct docker_launch *launch);
/* Sets a variable in a list; one of that name is replaced. */
void docker_environment_set(struct environment_variable **list, size_t *count, const char *name,
    const char *value);

/* --- pull.c: PULLING (docker.md 6) --- */
void docker_launch_pull(struct docker_launch *launch);
void docker_pull_home_remove(struct docker_launch *launch);

/* --- volumes.c: MOUNTING --- */
int docker_volumes_mount(struct docker_container *container, struct err *err);
/* All mounts below the work directory that have the id in their path. The first failure is
 * answered, after the others were tried. */
int docker_volumes_unmount(
    struct docker_containerizer *docker, const char *id, struct err *err);

/* --- executor.c: RUNNING, in the modes of docker.md 4 --- */
void docker_launch_run(struct docker_launch *launch);
void docker_unstarted_free(struct docker_containerizer *docker);

/* --- removal.c --- */
/* `docker rm -f -v` of the container and of that of its executor, after --docker_remove_delay. */
void docker_remove_later(struct docker_container *container);
/* What a docker run makes that goes on although its launch has failed: removed at once, again and
 * again as long as docker run may still make it. */
void docker_remove_unwanted(struct docker_container *container);
/* What a docker run may still make that an agent has started that is no more: looked for a minute
 * long. */
void docker_remove_cut_off(struct docker_containerizer *docker, const char *name);
/* The container goes; `docker run` is forgotten, unless what it makes is to be removed. */
void docker_running_drop(struct docker_running *running);
void docker_running_ended(struct docker_running *running); /* and freed */
void docker_removals_free(struct docker_containerizer *docker);

/* --- update.c, usage.c --- */
/* An update or usage that waits for an inspection. */
struct docker_query {
    struct list node;
    struct docker_container *container;
    struct host_request *inspect;
    struct done done;
    bool usage;
    void (*inspected)(struct docker_query *query, int result, const struct err *err);
};
/* Inspects for the pid: calls `inspected`, which owns the query from then on. */
void docker_query_start(struct docker_container *container, struct done done, bool usage,
    const struct docker_patience *patience,
    void (*inspected)(struct docker_query *query, int result, const struct err *err));
void docker_query_free(struct docker_query *query);
/* The container is gone: updates are ready, usages fail. In a closing instance all fail. */
void docker_queries_end(struct docker_container *container);
void docker_update(struct containerizer *base, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done);
/* With `forced`, also when nothing has changed. Null limits: none. */
void docker_container_update(struct docker_container *container, const struct resources *requests,
    const struct resource_limits *limits, bool forced, struct done done);
void docker_usage(struct containerizer *base, const char *id, struct done done);

/* --- cgroups.c --- */
/* The cgroup of a process in the hierarchy of that v1 controller, without the leading slash ("":
 * the root). *ret_path NULL: there is none. */
int docker_cgroup_of(
    struct host *host, pid_t pid, const char *controller, char **ret_path, struct err *err);

/* --- destroy.c --- */
void docker_destroy(struct containerizer *base, const char *id, struct done done);
/* killed: asked for from outside; otherwise the container's process has ended. */
void docker_container_destroy(struct docker_container *container, bool killed);
/* Something that a destroy may wait for has happened. */
void docker_destroy_continue(struct docker_container *container);

/* --- recover.c --- */
void docker_recover(
    struct containerizer *base, const struct agent_state *state, struct done done);
void docker_recovery_end(struct docker_containerizer *docker);
