/* SPDX-License-Identifier: Apache-2.0 */
/* A way to run the payload in a container, measured from the call until everything is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reference/base/err.h"

struct launch_world {
    char *directory; /* of this run, below /tmp */
    char *payload;   /* the program */
    char *init_helper;
    char *cgroup; /* name of the cgroup that contenders use in each hierarchy: seatrial-bench-PID */
};

struct contender {
    const char *name;
    const char *help;
    /* Prepares; -ENOENT with the reason when it can't run here. */
    int (*open)(struct launch_world *world, void **ret_data, struct err *err);
    /* One container: fills stamp with what the payload told. */
    int (*run)(struct launch_world *world, void *data, uint64_t *ret_stamp_ns, struct err *err);
    void (*close)(struct launch_world *world, void *data);
};
extern const struct contender *const contenders[]; /* NULL-terminated */

extern const struct contender contender_floor;
extern const struct contender contender_floor_namespaces;
extern const struct contender contender_posix;
extern const struct contender contender_linux;
extern const struct contender contender_linux_namespaces;
extern const struct contender contender_runc;
extern const struct contender contender_crun;
extern const struct contender contender_bwrap;

/* The number in the file that was the payload's stdout; -EPROTO when it never ran. */
int stamp_read(const char *path, uint64_t *ret_stamp_ns, struct err *err);
uint64_t launch_now_ns(void);
