/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups and processes of the tests on the real kernel. */
#pragma once

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "bpf/stats.h"

/* Exits 77 with the reason when there is no root or no cgroup hierarchy. Else waits until no other
 * such test runs on this machine. */
void kernel_need(void);

/* A reading of the only container under that id. */
/*
 * Some machines let no program run where one of their own tasks is current (seen: threads of pid 1
 * on a sandbox's kernel). What an interrupt does in one, the end of a request or the freeing of a
 * task, is counted nowhere: such a load is played again, so often in all.
 */
#define KERNEL_TRIES 3

const struct stats_container *kernel_read(struct stats *stats, const char *id);
uint64_t kernel_value(struct stats *stats, const char *id, enum stats_field field);

/*
 * A cgroup of that name (below the root) in every hierarchy that is mounted; names begin with
 * "seatrial". Removal kills nothing and waits a little for what is dying.
 */
void kernel_cgroup_make(const char *name);
void kernel_cgroup_remove(const char *name);
/* Writes a control file of a v1 controller's cgroup; false when that does not work. */
bool kernel_cgroup_write(
    const char *controller, const char *name, const char *file, const char *text);

/* A control file of that cgroup; the caller's. NULL when there is none. controller: NULL for v2. */
char *kernel_cgroup_read(const char *controller, const char *name, const char *file);

/* What a child does once it is in its cgroup; its return value is the exit status. */
typedef int (*kernel_work_fn)(void *arg);
struct kernel_child {
    pid_t pid;
    int gate;
    struct rusage before; /* of the child, after it was moved and before it was let go */
    struct rusage after;
    int status;
};
/* Forks a child and moves it; it waits. */
void kernel_child_start(struct kernel_child *child, const char *cgroup, kernel_work_fn fn,
    void *arg);
void kernel_child_release(struct kernel_child *child);
void kernel_child_wait(struct kernel_child *child);
/* The three in a row. */
void kernel_child_run(
    struct kernel_child *child, const char *cgroup, kernel_work_fn fn, void *arg);

/* Memory that children share with the test; zeroed. */
void *kernel_shared(size_t size);

/*
 * A file of that many pages, all of them allocated, for direct I/O to a block device; in /var/tmp,
 * or where the environment's SEATRIAL_TEST_BLOCK says. False when there is no device behind that
 * directory or it takes no direct I/O.
 */
#define KERNEL_PAGE 4096
const char *kernel_block_file(void);
bool kernel_block_file_make(unsigned pages);
