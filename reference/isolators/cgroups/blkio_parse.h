/* SPDX-License-Identifier: Apache-2.0 */
/* The line grammar of blkio files (isolators.md 3.11, tests.md LV1-17). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reference/base/err.h"

struct blkio_value {
    bool has_device; /* else it is a total */
    int64_t major;
    int64_t minor;
    const char
        *operation; /* TOTAL, READ, WRITE, SYNC, ASYNC, DISCARD; UNKNOWN when none is named */
    uint64_t value;
};
/* "N", "MAJ:MIN N", "Operation N" or "MAJ:MIN Operation N". -EINVAL. */
int blkio_parse(const char *line, struct blkio_value *ret_value, struct err *err);
