/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the probes and the loader share: the layout of the maps. Counters are cumulative since the
 * container was published; times are ns of CLOCK_MONOTONIC.
 */
#pragma once

#ifdef __bpf__
#include "bpf/kernel.h"
#else
#include <linux/types.h>
#endif

#define STATS_SLOT_NONE 0xffffffffU
#define STATS_DEPTH_MAX 16   /* levels from a task's cgroup up that are searched for a container */
#define STATS_SIGNALS 65     /* by number, 1 to 64 */
#define STATS_CACHE 256      /* cgroups that a CPU remembers */
#define STATS_COMM 16

/*
 * Buckets of latencies: bucket i counts those below 2^(i + STATS_BUCKET_SHIFT + 1) ns that no
 * earlier bucket counts; the last one counts all above.
 */
#define STATS_BUCKETS 32
#define STATS_BUCKET_SHIFT 8

/* A cgroup; ids are unique in their hierarchy only. hierarchy 0 is the unified one. */
struct cgroup_key {
    __u64 id;
    __u32 hierarchy;
    __u32 zero;
};

/* Constants of one load, put into .rodata before it. */
struct probe_config {
    __s32 identity_css;       /* index of the v1 controller whose cgroup is the key; -1: unified */
    __u32 identity_hierarchy; /* its hierarchy's number; 0: the unified one */
    __u32 slots;              /* entries of the maps by slot */
    __u32 task_mask;          /* entries of the map of tasks, less one */
    __u32 exit_group_dead;    /* sched_process_exit says whether the group is dead (6.16) */
    __u32 victim_is_task;     /* mark_victim gets a task (6.10), not a pid */
    __u32 waits_in_tasks;     /* the kernel counts each task's waits (CONFIG_SCHED_INFO) */
    __u32 switch_collects;    /* nothing else collects the tasks' own counters */
};

/* --- what is counted on each CPU, by slot --- */
struct sched_stats {
    __u64 cpu_ns; /* this and what follows as the kernel counts them in the tasks */
    __u64 switches_voluntary;
    __u64 switches_involuntary;
    __u64 waited_ns; /* on a run queue, throttled time included */
    __u64 faults_minor;
    __u64 faults_major;
    __u64 wakeups;
    __u64 wait_ns; /* of those waits that a program at the switch has seen, each in its bucket */
    __u64 wait_buckets[STATS_BUCKETS];
};
struct process_stats {
    __u64 forks;   /* new processes, and */
    __u64 threads; /* new threads, of tasks of this container */
    __u64 execs;
    __u64 exits;   /* of processes; by signal: */
    __u32 exits_by_signal[STATS_SIGNALS];
    __u32 zero;
};
struct memory_stats {
    __u64 faults; /* exceptions, where the tasks' own counters cannot be collected */
    __u64 reclaims;
    __u64 reclaim_ns;
    __u64 oom_kills;
};
struct block_stats {
    __u64 read_bytes;
    __u64 write_bytes;
    __u64 read_operations;
    __u64 write_operations;
    __u64 other_operations; /* flush, discard, … */
    __u64 latency_ns;       /* of all of them, from issue to completion */
    __u64 latency_buckets[STATS_BUCKETS];
};
struct network_stats {
    __u64 receive_bytes; /* of IP packets, headers included */
    __u64 receive_packets;
    __u64 transmit_bytes;
    __u64 transmit_packets;
};
struct syscall_stats {
    __u64 calls;
    __u64 errors;
};
struct signal_stats {
    __u64 generated; /* sent to the container's tasks */
    __u64 delivered; /* to a handler or the default action */
    __u32 by_number[STATS_SIGNALS]; /* of those generated */
    __u32 zero;
};

/* --- what needs the view of all CPUs, by slot; changed atomically --- */
struct gauge {
    __s32 threads;      /* alive now, those of nested containers included */
    __u32 threads_peak;
    __u32 victim_pid; /* of the last OOM kill */
    __u32 tasks_seen; /* the first task was in here */
    __u32 parent;     /* slot of the container around; STATS_SLOT_NONE */
    __u32 block_cgroup; /* its block I/O is charged to a cgroup that is known to be its own */
    char victim_comm[STATS_COMM];
};

/* The launch timeline, by slot; 0 is "did not happen or was not seen". */
struct timeline {
    __u64 created_ns;   /* the cgroup */
    __u64 clone_ns;     /* of the first task in it, the init */
    __u64 attach_ns;    /* of the init; 0 when it was born in here */
    __u64 first_run_ns; /* of the init, anywhere */
    __u64 exec_ns;      /* the first one in here */
    __u64 exit_ns;      /* of the init */
    __u64 empty_ns;     /* the last time that the cgroup became empty */
    __u64 removed_ns;   /* the cgroup */
    __u32 init_pid;     /* in the host's namespace */
    __u32 zero;
};

/* A cgroup that is not published yet. */
struct newborn_entry {
    __u64 created_ns;
    __u32 populated; /* tasks have been in it */
    __u32 zero;
};

/* --- state of the probes --- */
struct control {
    __u32 generation; /* of the published cgroups; caches of an older one are void */
    __u32 collects;   /* the tasks' own counters are collected, not the clock's */
    __u32 watch;      /* the number of times that the switch was attached: see watch.c */
    __u32 zero;
};
#define STATS_CONTROL ".data.control" /* a section, and the map that libbpf makes of it */
/*
 * Two lines of the cache per task, by pid; those of another task are taken over. The first one is
 * what a switch needs.
 */
struct task_entry {
    __u32 pid;
    __u32 known_slot;   /* the task's container as long as it is in this set of cgroups, and */
    __u64 known_set;    /* the containers are the same */
    __u32 generation;
    __u32 fresh;        /* it has not run yet */
    __u64 runnable_ns;  /* since when it waits for a CPU; 0: it does not */
    __u64 seen_ns;      /* its waits up to its last switch, of */
    __u32 watch;        /* this watch; of another one: not known */
    __u32 faults_minor; /* of the task's own counters, what was collected: */
    __u64 ran_ns;
    __u64 waited_ns;

    __u32 faults_major;
    __u32 left_voluntary;
    __u32 left_involuntary;
    __u32 slot;         /* the container whose gauge counts it; STATS_SLOT_NONE */
    __u32 ended;        /* its process did, and was counted */
    __u32 zero;
    __u64 clone_ns;     /* 0 for tasks older than the probes */
    __u64 first_run_ns;
    __u64 reclaim_ns;   /* since when it reclaims */
} __attribute__((aligned(64)));

struct cache_entry {
    __u64 cgroup;
    __u32 hierarchy;
    __u32 generation;
    __u32 slot;
    __u32 zero;
};
struct cpu_state {
    __u32 pid;      /* of the task that runs, if switches collect; 0: the idle one, or not seen */
    __u32 slot;     /* of that task; by plain tracepoints only, as is */
    __u64 since_ns; /* the last switch */
    __u64 lost;     /* run-queue waits not measured: two tasks shared a line */
    __u32 filling;  /* a line of the cache is being written: who interrupts that writes none */
    __u32 zero;
    struct cache_entry cache[STATS_CACHE];
};
/* A block request in flight. */
struct request_entry {
    __u64 issued_ns;
    __u32 slot;
    __u32 zero;
};
/* The container that a socket belongs to. */
struct socket_entry {
    __u32 slot;
    __u32 generation;
};
