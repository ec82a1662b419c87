/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF_PROG_TYPE_CGROUP_DEVICE as far as device programs need it: loads from the context, moves,
 * and, or, shifts, comparisons, forward jumps and the exit.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, or -EINVAL for what the verifier would refuse: an unknown instruction, a jump back or out, a
 * load beyond the context, no exit at the end. */
int device_bpf_verify(const struct bpf_insn *instructions, size_t count);
/* What a verified program answers: true allows. */
bool device_bpf_run(
    const struct bpf_insn *instructions, size_t count, const struct bpf_cgroup_dev_ctx *context);
