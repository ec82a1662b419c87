/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated processes: identity, namespaces, signals, sessions, exit and reaping. A process has one
 * or more tasks (threads); the leader's tid is its pid. What a process does is its workload
 * (workload.h).
 */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/model/launch_info.h"

#define PID_NAMESPACE_DEPTH_MAX 32

/* One namespace of any kind; reference counted by processes. */
struct namespace {
    enum namespace_kind kind;
    uint64_t inode;
    unsigned references;
    /* pid namespaces only */
    struct namespace *parent;  /* the enclosing one; NULL for the root */
    struct list sibling;       /* in parent->inner */
    struct list inner;         /* namespaces made inside */
    struct process *init;      /* its pid 1; NULL before and after */
    struct list members;       /* struct process.member: whose own pid namespace it is */
    unsigned live;             /* members that are no zombies, of inner namespaces too */
    pid_t last_pid;
    bool wrapped;              /* last_pid started over: numbers may be in use */
    unsigned depth;            /* 0 = root */
    bool dead;                 /* its init is gone: nothing can be forked into it */
    /* cgroup namespaces only: the cgroup that is "/" there, per hierarchy (owned paths) */
    char **cgroup_roots;
};

struct task {
    pid_t tid;
    struct process *process;
    struct list node; /* in process->tasks */
    /* Membership, per hierarchy (index as kernel->hierarchies); set by cgroup.c. */
    struct cgroup *cgroups[KERNEL_MAX_HIERARCHIES];
    struct list cgroup_nodes[KERNEL_MAX_HIERARCHIES];
    bool frozen; /* by a cgroup; then neither runs nor sees signals (but cgroup_task_killable) */
    bool frozen_v1; /* why it is frozen; set by cgroup.c before task_set_frozen */
    bool frozen_v2;
    bool settled_v1; /* it runs no more, and the cgroup has noticed */
    bool settled_v2;
    bool dead;
    /* CPU demand, by sched.c: runs until `demand_ns` is used up; 0 = sleeping. UINT64_MAX =
     * forever. */
    uint64_t demand_ns;
    double system_share; /* of its CPU time, 0..1 */
    uint64_t user_ns;
    uint64_t system_ns;
    struct sched_entity *entity; /* sched.c; NULL without demand */
    void (*demand_met)(struct task *task);
    void *player; /* workload.c */
};

enum process_state { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE };

/*
 * What a process does when something happens to it; every member may be NULL. The calls come from
 * inside the change (a kill of a whole cgroup, an exit), so they may reap the child and signal, and
 * do all else from the loop.
 */
struct process_behaviour {
    /* A child became a zombie, or a zombie became its child. NULL: it stays one. */
    void (*child_ended)(struct process *process, struct process *child);
    /* A signal that is in handled_signals. */
    void (*signal)(struct process *process, int signal);
    /* It was frozen or stopped and is neither any more. */
    void (*runnable)(struct process *process);
    /* It is dead (a zombie from here on): frees what the behaviour holds. */
    void (*ended)(struct process *process);
};

struct process {
    struct kernel *kernel;
    pid_t pid; /* in the root pid namespace */
    struct list node;
    struct list tasks;      /* live threads, and the leader until it is reaped */
    struct list dead_tasks; /* other threads that ended, freed with the process */
    struct task *leader;
    struct process *parent;
    struct list children; /* of sibling nodes */
    struct list sibling;
    pid_t pgid;
    pid_t sid;
    uid_t uid;
    gid_t gid;
    enum process_state state;
    int exit_status; /* raw wait status once a zombie */
    bool unkillable; /* uninterruptible sleep: SIGKILL stays pending */
    bool kernel_thread;
    bool subreaper;
    int parent_death_signal; /* prctl(2) PR_SET_PDEATHSIG; 0: none */
    struct namespace *namespaces[NS_COUNT];
    struct namespace *children_pid_namespace; /* for those that it forks */
    struct list member;
    pid_t pids[PID_NAMESPACE_DEPTH_MAX]; /* by depth of the pid namespace; [0] = pid */
    bool ending; /* init of a pid namespace, waits for the end of all else in it */
    bool reaped;
    uint64_t ignored_signals; /* SIGNAL_BIT: is ignored */
    uint64_t handled_signals; /* the behaviour handles it */
    uint64_t pending_signals; /* while frozen, stopped or unkillable */
    uint64_t resident_bytes;
    uint64_t high_bytes;      /* charged above memory.high, and not yet paid for by sleep */
    struct memory_charge *charges; /* what it is charged where; of the cgroup model */
    uint64_t start_ns;
    char *command;            /* argv[0] */
    const struct process_behaviour *behaviour; /* NULL for plain puppets */
    struct workload *workload; /* workload.c; what plays here; NULL for other behaviours */
    void *behaviour_data;      /* of behaviours other than workloads */
    uint16_t listening_port;   /* 0 = none */
    int oom_score_adj;
    /*
     * The agent or test that spawned it (or watches a stranger) wants to know of its end. Called
     * once, from the loop. The structure is valid during the call even when its parent reaped it
     * before (`reaped`); otherwise the function may reap it.
     */
    void (*on_exit)(struct process *process, void *arg);
    void *on_exit_arg;
    struct loop_timer *exit_notice;
};

/* Signals 1 to 64 as bits of a mask: bit n, and bit 0 for 64. */
#define SIGNAL_BIT(signal) (UINT64_C(1) << ((unsigned)(signal) & 63u))

/*
 * A new child of `parent` (NULL: of init), with copies of its namespaces, cgroups, ids and memory
 * of 0. Fails with -EAGAIN when a pids limit is hit (cgroup_can_fork) or the pid space is
 * exhausted. clone_namespaces: NS_BIT mask of new ones.
 */
int process_fork(struct kernel *kernel, struct process *parent, unsigned clone_namespaces,
    struct process **ret_child);
/* As clone3 with CLONE_INTO_CGROUP: born in that v2 cgroup. */
int process_fork_into(struct kernel *kernel, struct process *parent, unsigned clone_namespaces,
    struct cgroup *cgroup, struct process **ret_child);
int process_thread(struct process *process, struct task **ret_task); /* -EAGAIN */
/* Ends one thread; the last one ends the process with status 0. */
void task_exit(struct task *task);
struct process *process_find(struct kernel *kernel, pid_t pid);
struct task *task_find(struct kernel *kernel, pid_t tid);
/* Ends a process at once with this raw wait status: a zombie until reaped; init reaps orphans at
 * once. The init of a pid namespace takes all inside with it, and becomes a zombie when the last of
 * them is dead. */
void process_exit(struct process *process, int wait_status);
/* Reaps a zombie: the struct is gone when the next process is forked. */
void process_reap(struct process *process);
/* kill(2) by the kernel's rules (frozen, stopped, pid 1 of a namespace, handlers) from outside of
 * its pid namespace. signal 0 only checks. -EINVAL for numbers beyond 64. */
int process_signal(struct process *process, int signal);
/* The same from that process: the init of its own pid namespace sees only what it handles. NULL:
 * from outside. */
int process_signal_from(struct process *process, int signal, const struct process *sender);
/* True when it is neither frozen, stopped, uninterruptible nor dead. */
bool process_runnable(const struct process *process);
/* The process with that pid in the namespace; NULL when there is none. */
struct process *process_find_in(const struct kernel *kernel, const struct namespace *viewer,
    pid_t pid);
void process_set_command(struct process *process, const char *command);
/* Uninterruptible sleep begins or ends; what is pending is seen at the end. */
void process_set_unkillable(struct process *process, bool unkillable);
void process_setsid(struct process *process);
void process_setpgid(struct process *process, pid_t pgid);
/* Enters the namespaces of `from` named in the mask (pid: for children only). -EINVAL: a pid
 * namespace that does not lie within its own; -ESRCH: `from` is dead. */
int process_enter(struct process *process, const struct process *from, unsigned mask);
/* Makes new namespaces for a live process, as unshare(2); pid: for its children, -ENOSPC when too
 * deep. The root of a new cgroup namespace is where the process stands now. */
int process_unshare(struct process *process, unsigned mask);
/* The pid as seen from `viewer`'s pid namespace; 0 when it is not visible there. */
pid_t process_pid_in(const struct process *process, const struct namespace *viewer);

/* Memory: charges to the memory cgroups; -ENOMEM when over the limit and this process was not the
 * one killed; -EINTR when it was killed. May run the OOM killer. */
int process_allocate(struct process *process, uint64_t bytes);
void process_release_memory(struct process *process, uint64_t bytes);

/* Called by cgroup.c: freezes or thaws a task (a thawed process sees what is pending). */
void task_set_frozen(struct task *task, bool frozen);

/*
 * Demand: gives the task that much CPU to burn (UINT64_MAX: without end), instead of what it had;
 * demand_met is called from the loop when it has run for it. Rates follow weights, quotas and the
 * number of CPUs (sched.c), recomputed whenever something changes.
 */
void task_demand(
    struct task *task, uint64_t cpu_ns, double system_share, void (*demand_met)(struct task *));
/* Brings CPU times and throttling statistics up to the current instant; call before reading them.
 */
void sched_update(struct kernel *kernel);
/* Called after weights, quotas, cpusets or membership changed, at the same instant. Before a
 * membership changes, sched_update gives the old cgroup its time. */
void sched_changed(struct kernel *kernel);
