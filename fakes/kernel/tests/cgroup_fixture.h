/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel with real cgroups and processes, and short words for tables of reads and writes. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/sim_loop.h"
#include "reference/base/mem.h"

struct world {
    struct loop *loop;
    struct kernel *kernel;
    struct cgroup_root *root; /* the hierarchy that the words below use */
};

static inline void world_start(struct world *world, const char *profile,
    enum cgroup_layout layout, const char *options, const char *controller)
{
    const struct kernel_config config = {
        .profile = profile, .layout = layout, .cpus = 2, .options = options};
    world->loop = sim_loop_new(0);
    world->kernel = kernel_new(world->loop, &config);
    assert_non_null(world->kernel);
    world->root = cgroup_root_find(world->kernel, controller);
    assert_non_null(world->root);
}

static inline void world_stop(struct world *world)
{
    kernel_free(world->kernel);
    loop_free(world->loop);
}

/* Lets everything deferred happen. */
static inline void settle(struct world *world)
{
    sim_loop_advance(world->loop, NS_PER_MS);
}

/* "dir/file" -> dir and file. */
static inline void split(const char *path, char *directory, size_t size, const char **file)
{
    const char *slash = strrchr(path, '/');
    *file = slash ? slash + 1 : path;
    snprintf(directory, size, "%.*s", slash ? (int)(slash - path) : 0, path);
}

static inline int put_as(struct world *world, const char *path, const char *data,
    const struct cgroup_caller *caller)
{
    char directory[256];
    const char *file;
    split(path, directory, sizeof(directory), &file);
    return cgroup_file_write(world->root, directory, file, data, strlen(data), caller);
}

static inline int put(struct world *world, const char *path, const char *data)
{
    return put_as(world, path, data, &cgroup_caller_root);
}

/* The content; or "-ERRNO" in a static buffer. */
static inline const char *get(struct world *world, const char *path)
{
    static char text[8192];
    char directory[256];
    const char *file;
    char *content;
    split(path, directory, sizeof(directory), &file);
    int result =
        cgroup_file_read(world->root, directory, file, &cgroup_caller_root, &content, NULL);
    if (result) {
        snprintf(text, sizeof(text), "%d", result);
        return text;
    }
    snprintf(text, sizeof(text), "%s", content);
    free(content);
    return text;
}

static inline int make(struct world *world, const char *path)
{
    return cgroup_mkdir(world->root, path, 0755, &cgroup_caller_root);
}

static inline int drop(struct world *world, const char *path)
{
    return cgroup_rmdir(world->root, path, &cgroup_caller_root);
}

static inline struct process *spawn(struct world *world)
{
    struct process *process;
    assert_int_equal(process_fork(world->kernel, NULL, 0, &process), 0);
    return process;
}

static inline int move(struct world *world, const char *path, const struct process *process)
{
    char text[32];
    snprintf(text, sizeof(text), "%d\n", process->pid);
    return put(world, path, text);
}

/* What a write does: the row's result, and what the file reads afterwards (NULL: not looked at). */
struct write_case {
    const char *path;
    const char *data;
    int result;
    const char *after;
};

static inline void run_writes(struct world *world, const struct write_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int result = put(world, cases[i].path, cases[i].data);
        const char *after = cases[i].after ? get(world, cases[i].path) : NULL;
        if (result != cases[i].result || (after && strcmp(after, cases[i].after)))
            fail_msg("write %s \"%s\": got %d, expected %d; reads \"%s\", expected \"%s\"",
                cases[i].path, cases[i].data, result, cases[i].result, after ? after : "",
                cases[i].after ? cases[i].after : "");
    }
}
#define RUN_WRITES(world, cases) run_writes((world), (cases), ARRAY_SIZE(cases))
