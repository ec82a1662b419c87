/* SPDX-License-Identifier: Apache-2.0 */
/* Device programs of v2: rules that the model keeps, or a BPF program (device_bpf.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_insn;
struct cgroup;

struct device_rule {
    bool allow;
    char type;     /* 'b', 'c', 'a' = both */
    int64_t major; /* -1 = any */
    int64_t minor;
    char access[4]; /* of "rwm" */
};
struct device_program {
    size_t instructions_count; /* > 0: a BPF program, which stands behind the rules */
    size_t count;
    struct device_rule rules[];
};

/* Attaches a program, replacing the one before: the last rule that matches decides, and what none
 * matches is denied. A process must pass those of all its ancestors. */
void cgroup_device_program_set(
    struct cgroup *cgroup, const struct device_rule *rules, size_t count);
/* The same with a BPF program, copied. -EINVAL: it can't be verified. */
int cgroup_device_program_load(
    struct cgroup *cgroup, const struct bpf_insn *instructions, size_t count);
void cgroup_device_program_clear(struct cgroup *cgroup);
