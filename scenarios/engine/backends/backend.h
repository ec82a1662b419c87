/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend makes worlds in which scenarios run: the simulated kernel, or the one under our feet.
 * A world outlives agents: each start of an agent gets a host of its own on it, and the engine
 * looks around through one more host, the observer, whose calls are no effects of anybody.
 */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"
#include "scenarios/engine/parse/capability.h"
#include "scenarios/engine/parse/schema.h"

struct agent;
struct backend;
struct world;
struct docker;
struct docker_control;
struct fake_csi;
struct fake_docker;

struct world_options {
    const struct node *agent; /* the scenario's agent, NULL: default */
    uint64_t seed;
    uint64_t needs;      /* of the scenario: bits of capabilities */
    const char *cgroups; /* "direct" or "fuse" */
    const char *layout;  /* of simulated cgroups, instead of the agent's; NULL: as it says */
    bool fold_world;     /* fold a digest of the whole world into every event of the trace */
};

/* What was there before the scenario and may be there after it; filled in by audit_before. */
struct world_ops {
    struct host *(*host_new)(struct world *world);
    /* Makes the agent with these flags on this host; NULL: by agent_create, in this process. */
    int (*agent_new)(struct world *world, struct host *host, const struct flags *flags,
        struct agent **ret_agent, struct err *err);
    /* Ends an agent that agent_new made, before it is freed: as by SIGKILL, or in peace. */
    void (*agent_end)(struct world *world, bool crash);
    /* Directories, paths and flags that the world gives an agent; before the scenario's own. */
    void (*flags)(struct world *world, struct flags *flags);
    /* Time of the next thing due; UINT64_MAX when nothing is. Virtual time only (else NULL). */
    uint64_t (*next_ns)(struct world *world);
    /* What the agent of this host holds open, one line each; owned. */
    char **(*descriptors)(struct world *world, struct host *host);
    /* The agent's way to docker; NULL: by the program, or not at all. Owned. */
    struct docker *(*docker_client)(struct world *world, struct host *host);
    /* Tells the simulated kernel to misbehave; NULL elsewhere. */
    int (*knob)(struct world *world, const char *knob, const struct node *args, struct err *err);
    void (*knobs_off)(struct world *world); /* the kernel behaves again; NULL: it always did */
    /* The next process of the machine gets this number, if it is free. */
    int (*next_pid)(struct world *world, pid_t pid, struct err *err);
    /* The processes that the scenario brought forth (neither the agent, nor the engine, nor those
     * that were there before), by pid; owned, none when they cannot be listed. */
    struct process_info *(*processes)(struct world *world, size_t *ret_count);
    /* What is left behind, one line each; an empty list is good. Owned. `final`: the agent has
     * stopped, so descriptors count too. */
    char **(*audit)(struct world *world, bool final);
    /* What the scenario came to ask for that this world has no way to do, whoever is to blame: its
     * failure is a skip then. NULL, or an answer of NULL: nothing. */
    const char *(*beyond)(struct world *world);
    /* "pid 12 seatrial-workload D cgroup …": for the watchdog; owned. */
    char **(*describe)(struct world *world);
    /* Removes whatever is left, so that the next scenario starts clean. */
    void (*free)(struct world *world);
};
struct world {
    const struct world_ops *ops;
    const struct backend *backend;
    struct loop *loop;          /* owned */
    struct trace *trace;        /* owned */
    struct host *observer;      /* owned */
    pid_t observer_pid;         /* its process, in the namespaces of an agent */
    struct fake_docker *docker; /* the simulated engine, NULL: none; owned */
    struct fake_csi *csi;       /* a CSI plugin, when the agent may ask for one; owned */
    struct docker_control *docker_control; /* of that, or of a real one; NULL: none; owned */
    char *work_dir;
    char *runtime_dir;
    char *cgroups_root;
    char *workload; /* value of a workload's command */
    const char *docker_workload; /* in a container of docker; NULL: the same */
    bool virtual_time;
    /* For the sweep of a backend whose agent can only be killed: before which of its effects the
     * next one is (0: none), and whether that happened. */
    uint64_t crash_at;
    bool crashed;
};

struct backend {
    const char *name;
    const char *help;
    /* Another backend whose scenarios it plays too: it runs on the same machine. NULL: none. */
    const char *like;
    uint64_t timeout_ns; /* that a scenario waits for what it expects; 0: as long as usual */
    /* Does it have the capability? If not, why not (static or owned by the backend). */
    bool (*has)(enum capability capability, const char **ret_reason);
    /* What else the isolation of `asks` (the agent itself, or a restart of it) needs of the world
     * and does not find (a controller); owned, NULL: nothing. */
    char *(*lacks)(const struct node *agent, const struct node *asks);
    int (*world_new)(
        const struct world_options *options, struct world **ret_world, struct err *err);
};
/* Flags by which all that has to do with images lies below the directory. */
void image_flags(struct flags *flags, const char *directory);
extern const struct backend backend_sim;
extern const struct backend backend_kernel;
extern const struct backend backend_agent;
extern const struct backend *const backends[]; /* NULL-terminated */
/* "oci:RUNTIME", or "oci" for the first one that is installed; NULL when it is not, or the name is
 * another's. The one that was found last, when asked with NULL. */
const struct backend *backend_oci(const char *name);
/* By its name; NULL: there is none. */
const struct backend *backend_find(const char *name);

/* The keys of a scenario's `agent`: the agent, and the machine that a world makes for it. */
extern const struct schema agent_schema;
