/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor on a real kernel is asked, and what it does with that. */
#pragma once

#include <limits.h>
#include <stdint.h>

struct question {
    char kind; /* x exit, p ping, c child, t thread, a allocate, f free, s spin, w write,
                  d open a device, u unshare, g its own cgroups */
    int64_t amount;
    char path[PATH_MAX]; /* of 'w'; the device of 'd' */
    char data[256];
};

struct answer {
    int64_t result;
    char text[4096];
};

/* Answers what comes over the socket, one answer per question, until told to exit or nobody asks
 * any more. */
_Noreturn void replay_actor_main(int fd);
