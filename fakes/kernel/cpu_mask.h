/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of CPUs or memory nodes, and the lists they are written as: "0-1,3", "0-31:1/2", "all". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CPU_MASK_BITS 256

struct strbuf;
struct cpu_mask {
    uint64_t words[CPU_MASK_BITS / 64];
};

bool cpu_mask_empty(const struct cpu_mask *mask);
bool cpu_mask_equal(const struct cpu_mask *a, const struct cpu_mask *b);
bool cpu_mask_within(const struct cpu_mask *inner, const struct cpu_mask *outer);
bool cpu_mask_overlaps(const struct cpu_mask *a, const struct cpu_mask *b);
struct cpu_mask cpu_mask_and(const struct cpu_mask *a, const struct cpu_mask *b);
struct cpu_mask cpu_mask_or(const struct cpu_mask *a, const struct cpu_mask *b);
struct cpu_mask cpu_mask_without(const struct cpu_mask *a, const struct cpu_mask *b);
struct cpu_mask cpu_mask_first(unsigned count); /* 0 … count - 1 */
/* As bitmap_parselist of the kernel, for numbers below `limit`: -EINVAL; -ERANGE at and above
 * `limit`; -EOVERFLOW beyond 32 bits. Numbers that are allowed, but beyond CPU_MASK_BITS, set
 * *ret_beyond. */
int cpu_mask_parse(
    const char *text, unsigned limit, struct cpu_mask *ret_mask, bool *ret_beyond);
void cpu_mask_print(const struct cpu_mask *mask, struct strbuf *out); /* with a newline */
