/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/sim_world.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/kernel/process.h"
#include "reference/base/map.h"

static const struct sim_user users[] = {
    {"root", 0, 0},
    {"alice", 1000, 1000},
    {"nobody", 65534, 65534},
};

const struct sim_user *sim_user_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(users); i++)
        if (str_equal(users[i].name, name))
            return &users[i];
    return NULL;
}

static void world_free(struct sim_world *world)
{
    size_t cursor = 0;
    const char *name = NULL;
    void *program = NULL;
    while (strmap_next(world->programs, &cursor, &name, &program))
        free(program);
    strmap_free(world->programs);
    uint64_t inode = 0;
    void *mounts = NULL;
    cursor = 0;
    while (u64map_next(world->mounts, &cursor, &inode, &mounts))
        sim_mounts_drop(world, inode);
    u64map_free(world->mounts);
    sim_watchers_drop(world);
    u64map_free(world->watchers);
    free(world);
}

struct sim_world *sim_world_get(struct kernel *kernel)
{
    if (!kernel->world) {
        struct sim_world *world = mem_alloc(sizeof(*world));
        world->kernel = kernel;
        world->programs = strmap_new();
        world->mounts = u64map_new();
        world->watchers = u64map_new();
        kernel->world = world;
        kernel->world_free = world_free;
    }
    return kernel->world;
}

void sim_host_program(struct host *host, const char *name, sim_program_fn fn, void *arg)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    struct sim_program *program = strmap_get(world->programs, name);
    if (!program) {
        program = mem_alloc(sizeof(*program));
        strmap_set(world->programs, name, program);
    }
    program->fn = fn;
    program->arg = arg;
}

static void play_true(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    (void)arg;
    (void)request;
    result->status = 0;
}

static void play_false(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    (void)arg;
    (void)request;
    result->status = 1 << 8;
}

static void play_sleep(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    (void)arg;
    double seconds = request->argv[1] ? strtod(request->argv[1], NULL) : 0;
    if (isnan(seconds) || seconds < 0)
        seconds = 0;
    result->duration_ns = seconds >= 1e9 ? UINT64_MAX : (uint64_t)(seconds * 1e9);
}

static const struct {
    const char *name;
    sim_program_fn fn;
} programs[] = {{"true", play_true}, {"false", play_false}, {"sleep", play_sleep}};

int sim_program_play(struct sim_world *world, const struct run_request *request,
    struct sim_program_result *ret_result)
{
    const char *slash = strrchr(request->argv[0], '/');
    const char *name = slash ? slash + 1 : request->argv[0];
    *ret_result = (struct sim_program_result){.output = "", .errors = ""};
    const struct sim_program *program = strmap_get(world->programs, name);
    if (program) {
        program->fn(program->arg, request, ret_result);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        if (str_equal(programs[i].name, name)) {
            programs[i].fn(NULL, request, ret_result);
            return 0;
        }
    }
    return -ENOENT;
}
