/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_unpack.h"
#include "fakes/host/sim_world.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_cni.h"
#include "fakes/host/sim_du.h"
#include "fakes/host/sim_net.h"
#include "fakes/host/sim_xfs.h"
#include "fakes/kernel/process.h"
#include "fakes/kernel/workload.h"
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

/* A map and its values. */
static void map_drop(struct strmap *map)
{
    size_t cursor = 0;
    const char *name = NULL;
    void *value = NULL;
    while (strmap_next(map, &cursor, &name, &value))
        free(value);
    strmap_free(map);
}

void sim_resident_add(struct sim_world *world, struct sim_resident *resident)
{
    list_append(&world->residents, &resident->node);
}

void sim_resident_remove(struct sim_resident *resident)
{
    list_remove(&resident->node);
}

static void world_close(struct sim_world *world)
{
    while (!list_empty(&world->residents)) {
        struct sim_resident *resident =
            list_entry(world->residents.next, struct sim_resident, node);
        resident->free(resident);
    }
}

static void world_free(struct sim_world *world)
{
    sim_cni_free(world->cni);
    sim_net_free(world->net);
    sim_xfs_free(world->xfs);
    free(world->program_output);
    free(world->program_errors);
    map_drop(world->programs);
    map_drop(world->players);
    strmap_free(world->servers);
    uint64_t inode = 0;
    void *mounts = NULL;
    size_t cursor = 0;
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
        list_init(&world->residents);
        world->programs = strmap_new();
        world->players = strmap_new();
        world->servers = strmap_new();
        world->mounts = u64map_new();
        world->watchers = u64map_new();
        kernel->world = world;
        kernel->world_close = world_close;
        kernel->world_free = world_free;
        kernel->world_digest = sim_mounts_digest;
        sim_mounts_of(world, kernel->init->namespaces[NS_MNT]->inode, true);
    }
    return kernel->world;
}

/* The value of that name, made on first use. */
static void *map_entry(struct strmap *map, const char *name, size_t size)
{
    void *value = strmap_get(map, name);
    if (!value) {
        value = mem_alloc(size);
        strmap_set(map, name, value);
    }
    return value;
}

static struct sim_program *program_entry(struct host *host, const char *name)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    return map_entry(world->programs, name, sizeof(struct sim_program));
}

void sim_host_program(struct host *host, const char *name, sim_program_fn fn, void *arg)
{
    *program_entry(host, name) = (struct sim_program){.fn = fn, .arg = arg};
}

void sim_host_commands(struct host *host, const char *name, const struct sim_commands *commands)
{
    *program_entry(host, name) = (struct sim_program){.commands = *commands};
}

void sim_host_player(struct host *host, const char *name, sim_player_fn play, void *arg)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    struct sim_player *player = map_entry(world->players, name, sizeof(*player));
    *player = (struct sim_player){play, arg};
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const struct sim_commands *sim_commands_find(struct sim_world *world, const char *program)
{
    const struct sim_program *found = strmap_get(world->programs, base_name(program));
    return found && !found->fn ? &found->commands : NULL;
}

bool sim_player_play(
    struct sim_world *world, struct process *process, const struct workload_start *start)
{
    const char *program = start->argv && start->argv[0] ? base_name(start->argv[0]) : "";
    const struct sim_player *player = strmap_get(world->players, program);
    if (!player)
        return false;
    process_set_command(process, start->argv[0]);
    player->play(player->arg, process, start);
    return true;
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
} programs[] = {
    {"true", play_true}, {"false", play_false}, {"sleep", play_sleep}, {"du", sim_du_play}};

int sim_program_play(struct sim_world *world, const struct run_request *request,
    struct sim_program_result *ret_result)
{
    const char *name = base_name(request->argv[0]);
    *ret_result = (struct sim_program_result){.output = "", .errors = ""};
    const struct sim_program *program = strmap_get(world->programs, name);
    if (program) {
        program->fn(program->arg, request, ret_result);
        return 0;
    }
    if (str_equal(name, "seatrial-unpack")) {
        fake_unpack_play(world, request, ret_result);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        if (str_equal(programs[i].name, name)) {
            programs[i].fn(world->kernel->vfs, request, ret_result);
            return 0;
        }
    }
    return -ENOENT;
}
