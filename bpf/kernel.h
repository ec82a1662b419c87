/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The structures of the kernel that the probes look into, with the fields that they use. Offsets
 * and sizes are those of the running kernel: libbpf relocates each access by its BTF.
 */
#pragma once

#ifdef __bpf__
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#else
#include <linux/types.h>
#include <stdbool.h>
#endif

struct cgroup;

struct kernfs_node {
    __u64 id;
};
struct cgroup_root {
    int hierarchy_id;
};
struct cgroup_subsys_state {
    struct cgroup *cgroup;
    struct cgroup_subsys_state *parent;
};
struct cgroup {
    struct cgroup_subsys_state self;
    struct kernfs_node *kn;
    struct cgroup_root *root;
};
struct css_set {
    struct cgroup_subsys_state *subsys[16];
    struct cgroup *dfl_cgrp;
};
struct signal_struct {
    struct {
        int counter;
    } live;
    int nr_threads;
    int group_exit_code;
};
struct sched_entity {
    __u64 sum_exec_runtime;
};
struct sched_info {
    unsigned long pcount;
    unsigned long long run_delay;
};
struct task_struct {
    struct sched_entity se;
    struct sched_info sched_info;
    unsigned int __state;
    int pid;
    int tgid;
    unsigned int flags;
    int exit_state;
    int exit_code;
    unsigned long nvcsw;
    unsigned long nivcsw;
    unsigned long min_flt;
    unsigned long maj_flt;
    struct css_set *cgroups;
    struct signal_struct *signal;
    struct task_struct *group_leader;
    char comm[16];
};
struct blkcg {
    struct cgroup_subsys_state css;
};
struct blkcg_gq {
    struct blkcg *blkcg;
};
struct bio {
    struct blkcg_gq *bi_blkg;
};
struct request {
    unsigned int cmd_flags;
    unsigned int __data_len;
    struct bio *bio;
};

#ifdef __bpf__
#pragma clang attribute pop
#endif

/* The same fields by their older names; libbpf drops what follows the third underscore. */
#ifdef __bpf__
struct task_struct___state { /* before 5.14 */
    long state;
} __attribute__((preserve_access_index));
#endif

#define KERNEL_TASK_RUNNING 0
#define KERNEL_TASK_DEAD 0x80
#define KERNEL_PF_KTHREAD 0x00200000
