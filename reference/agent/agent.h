/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent: creates its containerizer from flags (containerizer.md 2.4), recovers it, and acts on
 * launches as containerizer.md 1.1 says (who calls destroy after a failed launch, pending
 * terminations).
 */
#pragma once

#include "reference/containerizer.h"
#include "reference/fetcher.h"
#include "reference/flags.h"
#include "reference/host.h"
#include "reference/isolators/isolator.h"
#include "reference/provisioner.h"

/* The agent's id: the one directory below `slaves`. */
#define AGENT_ID "S0"

struct docker;

/* Parts that replace the built-in ones (the fakes); each is owned by the agent from agent_create
 * on. */
struct agent_parts {
    struct launcher *launcher;         /* NULL: by --launcher */
    struct isolator *const *isolators; /* appended like modules */
    size_t isolators_count;
    struct fetcher *fetcher;         /* NULL: the agent's own, with its cache */
    struct provisioner *provisioner; /* NULL: by --image_providers */
    struct docker *docker;           /* NULL: the CLI that --docker names */
    struct fetcher *docker_fetcher;  /* of the docker containerizer; NULL: the agent's own */
    /* Called with each isolator and with the launcher that agent_create made by itself: what they
     * return takes its place and owns it. NULL: as they are. */
    struct isolator *(*wrap_isolator)(void *arg, struct isolator *inner);
    struct launcher *(*wrap_launcher)(void *arg, struct launcher *inner);
    void *wrap_arg;
    char *const *capabilities; /* of the framework, such as TASK_KILLING_STATE; NULL: none */
};

struct agent;
/* An agent that is not in this process (remote.h) answers these itself. */
struct agent_ops {
    void (*recover)(struct agent *agent, struct done done);
    void (*launch)(struct agent *agent, const char *id, const struct container_config *config,
        struct done done);
    int (*kill_task)(
        struct agent *agent, const char *id, struct opt_u64 grace_ns, struct err *err);
    int (*shutdown_executor)(struct agent *agent, const char *id, struct err *err);
    void (*hold_acknowledgements)(struct agent *agent, bool hold);
};

struct executor_registry;
struct image_gc;
struct task_update;

/* Who is to be told of each status update of a command task, once. */
struct task_watcher {
    void (*updated)(void *arg, const char *id, const struct task_update *update);
    void *arg;
};

struct agent {
    const struct agent_ops *ops; /* NULL: in this process */
    struct host *host; /* borrowed */
    struct flags flags;
    struct containerizer *containerizer;
    size_t pending; /* launches, and executors that are waited for */
    struct executor_registry *executors; /* those that the agent made up for command tasks */
    struct task_watcher watcher; /* without `updated`: nobody */
    char **capabilities;
    struct image_gc *image_gc; /* NULL: none */
};

/* Errors leave nothing behind; bad flags are -EINVAL. Parts are freed on error. */
int agent_create(struct host *host, const struct flags *flags, const struct agent_parts *parts,
    struct agent **ret_agent, struct err *err);
/* Reads the agent's metadata below work_dir and recovers the containerizer. */
void agent_recover(struct agent *agent, struct done done);
/*
 * Launches as the agent does: the config's directory is made up when absent (executor runs get
 * meta files and `pids/forked.pid`, standalone ones `<work_dir>/containers/<id>`), and so is its
 * user (that of the command, only with --switch_user); a failed launch is followed by destroy.
 * done gets the launch's own outcome (const enum launch_result *), after that destroy has settled.
 */
void agent_launch(struct agent *agent, const char *id, const struct container_config *config,
    struct done done);
/*
 * Kills the command task of that container (executors.md 1.2): what of it has not reached its
 * executor ends here, the executor does the rest. grace_ns: a kill policy, absent for none.
 * -ENOENT: no such task.
 */
int agent_kill_task(
    struct agent *agent, const char *id, struct opt_u64 grace_ns, struct err *err);
/* Asks the executor to end, and destroys its container when it does not in time. -ENOENT. */
int agent_shutdown_executor(struct agent *agent, const char *id, struct err *err);
/* Updates are not acknowledged from now on; or those that came meanwhile, and all others, are. */
void agent_hold_acknowledgements(struct agent *agent, bool hold);
/* Removes unused images but these, and those that --image_gc_config excludes. */
void agent_prune_images(struct agent *agent, char *const *keep, struct done done);
/* Frees without touching the world. NULL is fine. */
void agent_free(struct agent *agent);

/* <work_dir>/meta/… of an executor run; owned. */
char *agent_run_meta_path(const struct flags *flags, const char *framework, const char *executor,
    const char *container);
char *agent_sandbox_path(const struct flags *flags, const char *framework, const char *executor,
    const char *container);
/* Reads meta/ into a state; missing is empty. */
int agent_state_read(struct host *host, const struct flags *flags, struct agent_state *ret_state,
    struct err *err);
