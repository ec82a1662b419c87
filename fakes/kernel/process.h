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
    struct namespace *parent;  /* pid namespaces: the enclosing one */
    struct process *init;      /* pid namespaces: its pid 1 */
    pid_t last_pid;            /* pid namespaces */
    unsigned depth;            /* pid namespaces: 0 = root */
};

struct task {
    pid_t tid;
    struct process *process;
    struct list node; /* in process->tasks */
    /* Membership, per hierarchy (index as kernel->hierarchies); set by cgroup.c. */
    struct cgroup *cgroups[KERNEL_MAX_HIERARCHIES];
    struct list cgroup_nodes[KERNEL_MAX_HIERARCHIES];
    bool frozen; /* by a cgroup; then neither runs nor sees signals, but v2 lets SIGKILL through */
    bool dead;
    /* CPU demand, by sched.c: runs until `demand_ns` is used up; 0 = sleeping. UINT64_MAX =
     * forever. */
    uint64_t demand_ns;
    double system_share; /* of its CPU time, 0..1 */
    uint64_t user_ns;
    uint64_t system_ns;
    struct list sched_node;
    void (*demand_met)(struct task *task);
};

enum process_state { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE };

struct process {
    struct kernel *kernel;
    pid_t pid; /* in the root pid namespace */
    struct list node;
    struct list tasks;
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
    struct namespace *namespaces[NS_COUNT];
    pid_t pids[PID_NAMESPACE_DEPTH_MAX]; /* by depth of the pid namespace; [0] = pid */
    uint64_t ignored_signals; /* bit n: signal n is ignored */
    uint64_t handled_signals; /* bit n: the workload handles it */
    uint64_t pending_signals; /* while frozen, stopped or unkillable */
    uint64_t resident_bytes;
    uint64_t start_ns;
    char *command;            /* argv[0] */
    struct workload *workload; /* workload.c; NULL for plain puppets */
    int oom_score_adj;
    /* The agent or test that spawned it wants to know of its end and reaps it. */
    void (*on_exit)(struct process *process, void *arg);
    void *on_exit_arg;
};

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
struct process *process_find(struct kernel *kernel, pid_t pid);
struct task *task_find(struct kernel *kernel, pid_t tid);
/* Ends a process at once with this raw wait status: a zombie until reaped; init reaps orphans at
 * once. */
void process_exit(struct process *process, int wait_status);
/* Reaps a zombie: the struct is gone afterwards. */
void process_reap(struct process *process);
/* kill(2) by the kernel's rules (frozen, stopped, pid 1 of a namespace, handlers). signal 0 only
 * checks. */
int process_signal(struct process *process, int signal);
void process_setsid(struct process *process);
void process_setpgid(struct process *process, pid_t pgid);
/* Enters the namespaces of `from` named in the mask (pid: for children only). */
int process_enter(struct process *process, const struct process *from, unsigned mask);
/* The pid as seen from `viewer`'s pid namespace; 0 when it is not visible there. */
pid_t process_pid_in(const struct process *process, const struct namespace *viewer);

/* Memory: charges to the memory cgroups; -ENOMEM when over the limit and this process was not the
 * one killed; -EINTR when it was killed. May run the OOM killer. */
int process_allocate(struct process *process, uint64_t bytes);
void process_release_memory(struct process *process, uint64_t bytes);

/* Called by cgroup.c: freezes or thaws a task (a thawed process sees what is pending). */
void task_set_frozen(struct task *task, bool frozen);

/*
 * Demand: gives the task that much CPU to burn; demand_met is called from the loop when it has run
 * for it. Rates follow weights, quotas and the number of CPUs (sched.c), recomputed whenever
 * something changes.
 */
void task_demand(
    struct task *task, uint64_t cpu_ns, double system_share, void (*demand_met)(struct task *));
/* Brings CPU times and throttling statistics up to the current instant; call before reading them.
 */
void sched_update(struct kernel *kernel);
/* Called when weights, quotas, cpusets or membership changed. */
void sched_changed(struct kernel *kernel);
