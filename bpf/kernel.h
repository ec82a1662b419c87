/* SPDX-License-Identifier: Apache-2.0 OR (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The structures of the kernel that the probes look into, with the fields that they use. Offsets
 * and sizes are those of the running kernel: libbpf relocates each access by its BTF.
 */
#pragma once

#ifdef __bpf__
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
/* The constants of the ABI that the maps and the socket programs need. */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_SK_STORAGE = 24,
};
enum {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_F_NO_PREALLOC = 1U << 0,
    BPF_F_CLONE = 1U << 9,
    BPF_F_MMAPABLE = 1U << 10,
    BPF_SK_STORAGE_GET_F_CREATE = 1ULL << 0,
};
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
struct task_struct {
    unsigned int __state;
    int pid;
    int tgid;
    unsigned int flags;
    int exit_code;
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
