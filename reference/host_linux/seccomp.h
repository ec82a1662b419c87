/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/base/err.h"

/*
 * The program (struct sock_filter[], owned by the caller) of a profile, for a process with that
 * bounding set. Errors: -EINVAL naming what is unknown.
 */
int linux_seccomp_program(const json_t *profile, uint64_t bounding, void **ret_data,
    size_t *ret_length, struct err *err);
