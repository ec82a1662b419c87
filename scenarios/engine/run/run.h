/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scenario being played on one world: the agent of the moment, the operations under way, what
 * is known of each container, and the verdict.
 */
#pragma once

#include "fakes/fake_fetcher.h"
#include "fakes/fake_isolator.h"
#include "fakes/fake_launcher.h"
#include "fakes/faults.h"
#include "reference/agent/agent.h"
#include "reference/base/list.h"
#include "reference/base/map.h"
#include "scenarios/engine/backends/backend.h"
#include "scenarios/engine/parse/scenario.h"

struct run;
struct operation_kind;
struct cgroup_fs;

/* A call of the containerizer (or of the agent) and its outcome. */
struct operation {
    struct list node; /* in run->operations */
    struct run *run;
    const struct operation_kind *kind;
    char *id;                /* container; may be NULL */
    char *label;             /* of async ones */
    const struct step *step; /* NULL: the engine's own */
    unsigned answers;        /* times its done was called: must become 1 */
    bool judged;             /* somebody looked at the outcome */
    int result;
    char *error;   /* owned */
    json_t *value; /* what it yielded, as JSON; NULL = none */
};

/* Everything that one start of the agent owns. */
struct instance {
    struct host *host;
    struct agent *agent;         /* NULL: none is running */
    struct isolator **isolators; /* wrapped or fake; borrowed from the agent */
    size_t isolators_count;
    struct launcher *launcher;   /* wrapped; borrowed */
    struct fetcher *fetchers[2]; /* fake ones, of the containerizers that fetch; borrowed */
    size_t fetchers_count;
    struct provisioner *provisioner;
    char **descriptors; /* open before the agent was made */
    unsigned number;    /* from 1 */
};

/* What the engine knows of a container: from its launch on, over restarts. */
struct known {
    char *id;
    char *root_sandbox;      /* sandbox of its root */
    struct operation *ended; /* the engine's own wait */
    char *phase;             /* last one traced */
    bool stuck;              /* a destroy of it failed: it stays, by contract */
    json_t *usage;           /* last statistics of this instance */
};

/* A fault at one effect, for sweeps and torture. */
struct fault_point {
    uint64_t number; /* of the effect, over all instances; 0 = none */
    struct effect_verdict verdict;
};
struct effect_record {
    enum effect_kind kind;
    char *subject;
    char *detail;
    size_t step; /* index of the step during which it happened */
};

void effect_record_release(struct effect_record *record);

struct outside_cgroup {
    struct cgroup_fs *fs; /* of the observer */
    char *path;
};

struct run {
    const struct scenario *scenario;
    const struct run_options *options;
    struct world *world;
    bool ending; /* the steps are over: what is left is destroyed */
    struct instance instance;
    struct flags flags; /* of the next start */
    struct fault_plan faults;
    struct fault_point point;
    bool point_hit;
    uint64_t effects;                     /* so far, over all instances */
    struct effect_record *effect_records; /* when recording */
    size_t effect_records_count;
    size_t effect_records_capacity;
    bool record_effects;
    bool lenient; /* under a fault of a sweep: outcomes are not judged */
    struct list operations;
    struct list sessions; /* attach.c */
    struct strmap *known;      /* id -> struct known * */
    struct strmap *labels;     /* label -> struct operation * */
    struct strmap *ranks;      /* isolator -> its place in the agent's list, from 1 */
    struct strmap *lifecycles; /* id -> struct lifecycle * */
    struct outside_cgroup *outside_cgroups;
    size_t outside_cgroups_count;
    struct strmap *spawned; /* name -> pid */
    char **trace_lines;     /* whole trace when somebody will ask */
    size_t trace_count;
    size_t trace_capacity;
    bool keep_trace;
    char *violation;         /* first breach of an invariant; owned */
    const struct step *step; /* being played */
    size_t step_index;
    bool crash_expected;          /* the agent may be gone */
    const struct step **deferred; /* holds and failures of the next start */
    size_t deferred_count;
    bool cut_short; /* steps ended early: the agent crashed at the point */
};

struct run_options {
    uint64_t seed;
    const char *cgroups; /* direct or fuse */
    const char *layout;  /* of simulated cgroups, whatever the scenario says; NULL: as it says */
    bool fold_world;
    bool keep_trace;
    uint64_t timeout_ns; /* of one wait, in the world's time; 0 = the default */
};

enum verdict { RUN_PASSED, RUN_FAILED, RUN_SKIPPED };
struct run_report {
    enum verdict result;
    char *reason; /* of a skip, or of a failure; owned; several lines */
    char *file;   /* place of the failure */
    int line;
    char **last_trace; /* owned */
    uint64_t hash;
    uint64_t events;
    uint64_t effects;
    double seconds; /* of the host's clock */
    char **trace;   /* whole, when kept; owned */
};

/* Plays a scenario on a new world of the backend; never fails by itself. */
void scenario_run(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *ret_report);
void run_report_release(struct run_report *report);
/* Why the backend cannot run it, NULL when it can; owned. */
char *scenario_skip_reason(const struct scenario *scenario, const struct backend *backend);

/* parts of it */

/* Life of a run: world and flags, without an agent. */
int run_open(struct run *run, const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct err *err);
/* Plays all steps, up to the first failure (or the crash at the point). */
int run_steps(struct run *run, struct err *err);
void run_close(struct run *run);
/* Destroys what is left through the containerizer, stops the agent, audits. */
int run_teardown(struct run *run, bool failed, struct err *err);

/* What the scenario came to ask for that its world can't do; NULL: nothing so far. */
const char *run_beyond(const struct run *run);

/* Waits until done(arg) holds: steps the loop, notices the end of the agent. -ETIMEDOUT with the
 * watchdog's dump; at once when the world can't do what it was asked for. `what` is what is waited
 * for. */
typedef bool (*run_condition)(struct run *run, void *arg);
int run_until(struct run *run, run_condition done, void *arg, uint64_t timeout_ns, const char *what,
    struct err *err);
/* Lets time pass; false as soon as the condition holds in it. What is only seen when the time is
 * over does not count. */
bool run_along(struct run *run, run_condition broken, void *arg, uint64_t duration_ns);
/* Lets time pass: everything due up to then happens. */
void run_for(struct run *run, uint64_t duration_ns);
/* Lets time pass until nothing is due for quiet_ns, at most for limit_ns. On a real kernel: until
 * no process was seen running for quiet_ns, at most ten times that. */
void run_settle(struct run *run, uint64_t quiet_ns, uint64_t limit_ns);
/* One step of the loop, with what follows from it; false when nothing is pending. */
bool run_step(struct run *run);
/* Buries the agent when its host is gone; after every call that may have been its end. */
void run_notice(struct run *run);
/* Remembers the first breach of an invariant. */
void run_violation(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* agent.c: starts an agent on the world and recovers it; ends one */
int instance_start(struct run *run, struct err *err);
/* As a crash does: the host is gone, memory is freed, the world stays. */
void instance_crash(struct run *run);
/* In order: waits for nothing, frees. */
void instance_stop(struct run *run);
bool instance_alive(const struct run *run);
struct isolator *instance_isolator(struct run *run, const char *name);
/* Applies the keys of an agent map (`flags`, `isolation`, …) to run->flags. */
int agent_flags_apply(struct run *run, const struct node *agent, struct err *err);

/* known.c */
struct known *known_get(struct run *run, const char *id); /* NULL when unknown */
struct known *known_add(struct run *run, const char *id, const char *root_sandbox);
char *known_sandbox(struct run *run, const char *id); /* owned; NULL when unknown */

/* Waits for the end of every container that the agent still knows, on behalf of `ended`. */
void known_watch_all(struct run *run);
void known_free_all(struct run *run);

/* watchdog.c: who waits for what; owned text of several lines */
char *run_describe(struct run *run);
/* outside.c: what steps did to the world on behalf of others than the agent. A sweep cuts the steps
 * short that would have undone it: then it is undone here, as it is nobody's leak. */
void outside_note_cgroup(struct run *run, struct cgroup_fs *fs, const char *path);
void outside_undo(struct run *run);
void outside_forget(struct run *run);

/* lifecycle.c: the calls of isolators for each container, in this life of the agent */
void lifecycle_event(struct run *run, const char *op, const json_t *args);
void lifecycles_forget(struct run *run);

/* invariants.c: called with every line of the trace, and with each statistics */
void invariants_line(struct run *run, const char *line);
void invariants_usage(struct run *run, struct known *known, const json_t *usage);
