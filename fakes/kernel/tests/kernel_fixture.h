/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel with a v2 tree on a loop of virtual time, for tests. Include after cmocka.h. */
#pragma once

#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/kernel.h"
#include "fakes/kernel/process.h"
#include "fakes/sim_loop.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"

static inline int kernel_setup(void **state)
{
    struct kernel_config config = {.layout = CGROUP_LAYOUT_V2, .cpus = 4};
    struct kernel *kernel = kernel_new(sim_loop_new(0), &config);
    assert_non_null(kernel);
    *state = kernel;
    return 0;
}

static inline int kernel_teardown(void **state)
{
    struct kernel *kernel = *state;
    struct loop *loop = kernel->loop;
    kernel_free(kernel);
    loop_free(loop);
    return 0;
}

static inline struct process *fork_of(struct kernel *kernel, struct process *parent)
{
    struct process *child = NULL;
    assert_int_equal(process_fork(kernel, parent, 0, &child), 0);
    return child;
}

/* The init of a new pid namespace. */
static inline struct process *fork_init(struct kernel *kernel, struct process *parent)
{
    struct process *child = NULL;
    assert_int_equal(process_fork(kernel, parent, NS_BIT(NS_PID), &child), 0);
    return child;
}

static inline void cgroup_put(
    struct kernel *kernel, const char *path, const char *file, const char *data)
{
    assert_int_equal(cgroup_file_write(cgroup_root_find(kernel, ""), path, file, data,
                         strlen(data), &cgroup_caller_root),
        0);
}

/* A cgroup whose parent hands the controllers down. */
static inline void cgroup_make(struct kernel *kernel, const char *path)
{
    _cleanup_free_ char *parent = str_dup(path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    cgroup_put(kernel, slash ? parent : "", "cgroup.subtree_control", "+cpu +memory +pids");
    assert_int_equal(cgroup_mkdir(cgroup_root_find(kernel, ""), path, 0755, &cgroup_caller_root),
        0);
}

static inline struct process *fork_in(struct kernel *kernel, const char *cgroup)
{
    struct process *child = fork_of(kernel, NULL);
    _cleanup_free_ char *pid = str_printf("%d", child->pid);
    cgroup_put(kernel, cgroup, "cgroup.procs", pid);
    return child;
}
