/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF program of a device list on v2 (isolators.md 3.8): r2 type, r3 access, r4 major, r5
 * minor; the result starts as deny. An allow entry whose masked access equals the request jumps to
 * the deny section; there an entry whose masked access is not zero denies; the end allows.
 */
#pragma once

#include <linux/bpf.h>

#include "reference/cgroups/device.h"

struct device_program {
    struct bpf_insn *instructions; /* owned */
    size_t count;
};

/* Both lists must be normalized, else -EINVAL. */
int device_program_build(const struct device_list *allow, const struct device_list *deny,
    struct device_program *ret_program, struct err *err);
void device_program_release(struct device_program *program);
