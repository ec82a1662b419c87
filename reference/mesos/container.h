/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the native containerizer share: the record of a container, and the machine that
 * moves it. A container is in one phase; states.c has the table of legal transitions and what each
 * phase does next. Whatever happens to a container (an isolator answered, a process ended, somebody
 * wants it destroyed) is noted in its record and makes it ready; the machine then takes one step
 * after the other until it waits for something. So nothing recurses, however many containers,
 * isolators and levels there are, and a step never sees another one half done.
 */
#pragma once

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/mesos/checkpoint.h"
#include "reference/mesos/mesos.h"
#include "reference/operation.h"

/* The phase of a record that none has been given yet; nobody can see it (containerizer.md 3). */
#define CONTAINER_STARTING (-1)

enum container_origin {
    ORIGIN_LAUNCHED,  /* by this instance */
    ORIGIN_RECOVERED, /* recovered, and kept */
    ORIGIN_ORPHAN,    /* recovered to be destroyed */
};

enum step {
    STEP_WAIT,  /* nothing to do until something happens */
    STEP_AGAIN, /* look again at what is next */
    STEP_GONE,  /* the container is no more */
};

struct mesos {
    struct containerizer base;
    struct host *host;
    struct flags flags;
    struct launcher *launcher;
    struct isolator_list isolators;
    struct fetcher *fetcher;
    struct provisioner *provisioner;
    struct strmap *containers; /* id -> struct container */
    struct list ready;         /* containers with a step to take */
    struct container *current; /* the one that takes a step now */
    unsigned held;             /* > 0: no step is taken */
    bool closing;              /* being freed */
    size_t requests;           /* usage, status, update, … that were not answered yet */
};

/* Requests and limits that an update has set. */
struct allotment {
    struct resources requests;
    struct resource_limits limits;
};

struct container {
    struct mesos *mesos;
    char *id;
    int phase; /* enum container_phase or CONTAINER_STARTING */
    enum container_origin origin;
    bool nested;
    bool standalone; /* its root is */
    struct list ready;
    struct container *parent; /* NULL: a root, or an orphan whose parent is not known */
    struct list children;     /* by their sibling node, in order of launch */
    struct list sibling;
    char *runtime;   /* its runtime directory */
    char *directory; /* its sandbox on the host; NULL: unknown */
    struct container_config *config;    /* NULL: launched before configs were checkpointed */
    struct launch_info *launch_info;    /* NULL: unknown or not made yet */
    struct allotment *allotment;        /* NULL: not updated */
    pid_t pid;                          /* of its init; 0: not forked yet, or unknown */
    struct host_request *exit_watch;
    bool exited;                        /* its init is gone */
    bool recovering;                    /* recovered, but not adopted yet */
    struct opt_i64 exit_status;         /* of its workload */
    struct launch *launch;              /* what a launch in progress holds */
    struct destroy *destroy;            /* what a destroy holds: there in DESTROYING */
    struct list watches;                /* of limits: struct watch */
    struct list waiters;                /* for the termination: struct waiter */
    struct status_queue *status_queue;  /* answers of status, in the order asked */
};

/* One isolator's share in a step that asks all of them at once. */
struct isolate_call {
    struct launch *launch;
    size_t isolator;
};

/*
 * What a launch holds until its answer was given and its last completion came. It outlives the
 * container when a fetcher or provisioner answers late.
 */
struct launch {
    struct container *container; /* NULL once that is gone */
    struct done done;
    bool answered;
    unsigned pending; /* completions that are still to come */
    bool asked;       /* what the phase asks for was asked for */
    int result;       /* the first failure of what was asked for */
    struct err err;
    struct environment_variable *environment;
    size_t environment_count;
    char *pid_checkpoint_path;
    size_t prepared;         /* index of the next isolator to prepare */
    struct launch_info info; /* what the isolators asked for so far */
    struct err conflict;     /* the first thing in which they do not agree */
    struct isolate_call *calls;
    int gate;                /* the control pipe; -1: closed or not there yet */
};

enum destroy_step {
    DESTROY_CHILDREN, /* until all of them have settled */
    DESTROY_FETCH,    /* stop the fetcher */
    DESTROY_LAUNCH,   /* until what the launch asked for has settled */
    DESTROY_KILL,     /* all processes, by the launcher */
    DESTROY_EXIT,     /* until the init was reaped */
    DESTROY_CLEANUP,  /* isolators, in reverse */
    DESTROY_ROOTFS,   /* by the provisioner */
    DESTROY_FINISH,   /* termination, runtime directory, answers */
    DESTROY_FAILED,   /* for ever (containerizer.md 3) */
};

struct destroy {
    const enum destroy_step *path; /* the step under way; the rest follow */
    enum container_phase from;     /* the phase in which it came */
    bool by_exit;                  /* of the container's own init */
    bool asked;                    /* what the step asks for was asked for */
    bool pending;                  /* and has not answered */
    int result;                    /* the answer */
    struct err err;                /* of the step; of the destroy once it failed */
    size_t children;               /* that have not settled */
    char *failed_child;            /* the first whose destroy failed */
    size_t cleanups;               /* isolators that are still to be cleaned up */
    struct termination termination; /* by a limitation, and then by all */
};

/* --- containerizer.c: records and the machine --- */
static inline struct mesos *mesos_of(struct containerizer *containerizer)
{
    return container_of(containerizer, struct mesos, base);
}
struct container *container_find(struct mesos *mesos, const char *id);
/* A new record; not in the map yet, without phase and parent. Takes nothing. */
struct container *container_new(struct mesos *mesos, const char *id);
/* Puts it into the map and among the children of its parent (NULL: none). */
void container_record(struct container *container, struct container *parent);
/* Out of the map and the tree, and freed with all that it holds; answers nobody. */
void container_erase(struct container *container);
/* The root of its tree, as far as that is known. */
struct container *container_root_of(struct container *container);
/* Whether that isolator sees this container (containerizer.md 2.3). */
bool container_uses(const struct container *container, const struct isolator *isolator);
const struct resources *container_requests(const struct container *container); /* NULL: unknown */
const struct resource_limits *container_limits(const struct container *container);
/* The container has a step to take: takes it now, or as soon as the present one is done. */
void container_ready(struct container *container);
/*
 * No step is taken, and so no record freed, between the two: for loops that call out. Whatever
 * becomes ready meanwhile takes its steps at the end of the outermost hold.
 */
void mesos_hold(struct mesos *mesos);
void mesos_resume(struct mesos *mesos);
/* False once the instance is being freed or its agent is gone: nothing moves then. */
bool mesos_alive(const struct mesos *mesos);
/* --- states.c: the table of legal transitions --- */
void container_transition(struct container *container, enum container_phase to);
enum step container_step(struct container *container);
const char *container_phase_name(int phase);

/* --- launch.c: checks of a launch, its record, its answer --- */
void mesos_launch(struct containerizer *containerizer, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done);
/* Answers the launch if it was not answered: 0 is SUCCESS. The control pipe closes, except that a
 * container in DESTROYING keeps it until its processes are dead. */
void launch_settle(struct container *container, int result, const struct err *err);
void launch_close_gate(struct container *container);
/* The container lets go of its launch; freed as soon as nothing is pending. */
void launch_detach(struct container *container);
/* Frees a launch that no container holds and for which nothing is pending. */
void launch_free(struct launch *launch);

/* --- phases.c: the steps from PROVISIONING to RUNNING --- */
enum step step_provisioning(struct container *container);
enum step step_preparing(struct container *container);
enum step step_isolating(struct container *container);
enum step step_fetching(struct container *container);

/* --- launch_info.c: what the child is to do (containerizer.md 1.2) --- */
/* Adds what an isolator asked for; what is given is taken. -EINVAL when it may not ask for that. */
int launch_info_add(struct launch_info *into, struct launch_info *from,
    const struct isolator *isolator, bool command_task, struct err *err);
/* Completes what all isolators asked for from the container's config, parent and launch. */
int launch_info_complete(struct container *container, struct launch_info *info,
    const struct launch *launch, struct err *err);

/* --- fork.c: the plan, the process, its pid in the checkpoints --- */
int container_fork(struct container *container, struct err *err);

/* --- exit.c: the end of the init, and the workload's status (containerizer.md 4.3) --- */
/* Watches for the end of the init. */
void container_watch_exit(struct container *container);
/*
 * The same of a container that is being recovered, whose end is only noted until it is adopted. Its
 * number may be another process' by now: the init is the one that has the status file open. The
 * watch comes before that look, so that who is watched is who was looked at.
 */
void container_recover_exit(struct container *container);
/* From here on its end destroys it, soon when it was noted already: whoever recovered it can wait
 * for it first. One without pid has ended with an unknown status. */
void container_adopt_exit(struct container *container);

/* --- limits.c: limitations (containerizer.md 4.1) --- */
struct watch;
void container_watch_limits(struct container *container);
/* The init has ended: what was reached by then, and not heard of, has the container destroyed. */
void container_look_at_limits(struct container *container);
void container_unwatch_limits(struct container *container);

/* --- destroy.c --- */
/* Begins the destroy of the container and all below it. details (copied) come from a limitation. */
void container_destroy(struct container *container, const struct termination *details);
enum step step_destroying(struct container *container);
void destroy_free(struct destroy *destroy);

/* --- wait.c: wait, destroy and their answers --- */
void mesos_wait(struct containerizer *containerizer, const char *id, struct done done);
void mesos_wait_cancel(struct containerizer *containerizer, const char *id, const void *arg);
void mesos_destroy(struct containerizer *containerizer, const char *id, struct done done);

/* --- gather.c: asks several parts at once and merges their answers in order --- */
struct gather;
typedef void (*gather_fn)(struct gather *gather);
struct gather {
    struct mesos *mesos;
    char *id;
    struct done done;
    const struct json_type *type; /* of the answers; NULL: they have none */
    void *merged;                 /* of that type; freed with the gather */
    unsigned pending;
    int result; /* the first failure */
    struct err err;
    size_t count; /* of slots */
    size_t next;  /* the first slot that was not merged yet */
    struct gather_slot *slots;
    gather_fn failed;   /* called at the first failure; NULL: failures are logged and skipped */
    gather_fn finished; /* called when all have answered; owns the gather from there on */
    void *context;      /* of finished */
};
struct gather_slot {
    struct gather *gather;
    const char *name;
    void *answer; /* of an answer that came before its turn */
    bool settled;
};
/* A gather for up to `slots` parts. Asking: gather_done(…) for each, then gather_end. */
struct gather *gather_new(struct mesos *mesos, const char *id, struct done done,
    const struct json_type *type, size_t slots);
struct done gather_done(struct gather *gather, const char *name);
void gather_end(struct gather *gather);
void gather_free(struct gather *gather);

/* --- the other operations, a file each --- */
void mesos_update(struct containerizer *containerizer, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done);
void mesos_usage(struct containerizer *containerizer, const char *id, struct done done);
void mesos_status(struct containerizer *containerizer, const char *id, struct done done);
/* The container is gone: what is still asked is answered on its own. */
void status_queue_close(struct status_queue *queue);
void mesos_kill(struct containerizer *containerizer, const char *id, int signal, struct done done);
void mesos_remove(struct containerizer *containerizer, const char *id, struct done done);
void mesos_prune_images(struct containerizer *containerizer, char *const *keep, struct done done);
void mesos_recover(
    struct containerizer *containerizer, const struct agent_state *state, struct done done);
