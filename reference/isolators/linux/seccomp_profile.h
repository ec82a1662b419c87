/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles as files (isolators.md 8, linux/seccomp): what a profile must look like. What
 * it means to a kernel, the init helper's loader finds out: architectures, capabilities and the
 * numbers of system calls are those of the machine.
 */
#pragma once

#include <jansson.h>

#include "reference/base/err.h"

/* Checks every field; errors name it by its place, such as "syscalls[2].action". -EINVAL. */
int seccomp_profile_check(const json_t *profile, struct err *err);
/* Parses the text and checks it; `name` is told in errors. The caller owns the profile. */
int seccomp_profile_parse(
    const char *text, const char *name, json_t **ret_profile, struct err *err);
