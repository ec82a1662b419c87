/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new process that shares our memory until it has executed the init helper: so our page tables
 * are not copied, however big we are. We go on meanwhile. All that it does is in the request,
 * computed before; it calls the kernel only, on the request's stack.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CLONE_FDS_MAX 16
#define CLONE_STACK_BYTES (16 * 1024)

struct clone_request {
    uint64_t flags;     /* CLONE_NEW… */
    int cgroup;         /* clone3: the cgroup directory to be born in; -1: none */
    int helper;         /* executed by its descriptor */
    int fds[CLONE_FDS_MAX]; /* what becomes descriptor i; -1: closed. Close-on-exec is lifted. */
    unsigned fds_count;
    char *const *environment;
    /* filled in by the process when it fails, before it ends */
    int error;          /* errno */
    const char *stage;
    int under_way;      /* as long as it uses this */
    _Alignas(64) char stack[CLONE_STACK_BYTES];
};

/* The pid, or -errno with the stage in the request. The request must stay as it is until
 * linux_clone_wait; the descriptors need not. */
pid_t linux_clone(struct clone_request *request);
/* Waits until the process no longer uses the request: 0, or -errno with the stage when it could not
 * execute the helper, and has ended. */
int linux_clone_wait(struct clone_request *request);
/* Whether linux_clone can honour `cgroup` here. */
int linux_clone3_works(void);
